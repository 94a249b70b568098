"""Reads the ledger and the books of a store of any kind. Shares no code with the program that wrote them.

    csv:DIR (or DIR), sqlite:FILE, postgres://…
"""

import csv
import io
import sqlite3
import subprocess
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

COLUMNS = ("seq,at,kind,item,line,lines,quantity,change,stock_after,order,unit_cost,reason,title,topic,author,batch,"
           "crc32c").split(",")
# Segments that a store of format 1 wrote.
COLUMNS_1 = "seq,at,kind,item,quantity,change,stock_after,order,unit_cost,reason,batch,crc32c".split(",")
KINDS = {"sold", "refused", "restocked", "set", "withdrawn"}
MARKER = "checkpoint"
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
SQL_LEDGER = ("SELECT seq, at_micros, kind, item, line, lines, quantity, change, stock_after, ord, unit_cost_cents, reason,"
              " title, batch FROM ledger ORDER BY seq")
SQL_BOOKS = "SELECT item, stock FROM books ORDER BY item"


class Unreadable(Exception):
    """A store or a file that cannot be read."""


@dataclass
class Entry:
    """One ledger entry. Absent numbers are None, absent texts are empty."""

    seq: int
    at: str
    kind: str
    item: int
    line: int
    lines: int
    quantity: int | None
    change: int
    stock_after: int | None
    order: str
    unit_cost: str
    reason: str
    title: str
    batch: int


def open_store(url):
    scheme, _, rest = url.partition(":")
    if scheme in ("postgres", "postgresql"):
        return PostgresStore(url)
    if scheme == "sqlite":
        return SqliteStore(Path(rest.removeprefix("//")))
    return CsvStore(Path(rest if scheme == "csv" else url))


# --- CSV --------------------------------------------------------------------------------------------------------------


def crc32c_table():
    """The lookup table of CRC-32C (Castagnoli, RFC 3720 appendix B.4), reflected polynomial 0x82F63B78."""
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return tuple(table)


CRC32C = crc32c_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC32C[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def number(text):
    return int(text) if text else None


def parse_line(line, columns, skip_crc):
    """Returns the entry of a line, or None for a checkpoint marker. Raises ValueError if the line is damaged."""
    if not line.endswith(b"\n"):
        raise ValueError("the line has no line end")
    before, _, crc = line[:-1].rpartition(b",")
    if not skip_crc and crc != b"%08x" % crc32c(before):
        raise ValueError("wrong checksum")
    fields = next(csv.reader([line[:-1].decode("utf-8")], strict=True), [])
    if MARKER in fields[2:3]:
        return None
    if len(fields) != len(columns):
        raise ValueError(f"{len(fields)} columns, expected {len(columns)}")
    row = dict(zip(columns, fields))
    if row["kind"] not in KINDS:
        raise ValueError(f"unknown kind {row['kind']!r}")
    return Entry(int(row["seq"]), row["at"], row["kind"], int(row["item"]), number(row.get("line")) or 1,
                 number(row.get("lines")) or 1, number(row["quantity"]), int(row["change"]), number(row["stock_after"]),
                 row["order"], row["unit_cost"], row["reason"], row.get("title", ""), int(row["batch"]))


class CsvStore:
    """`ledger-SEQ.csv`, then `ledger.csv`. The books are in `catalog.csv`, which is current only after a clean stop."""

    books_are_always_current = False

    def __init__(self, folder):
        self.folder, self.markers, self.tail = folder, 0, None

    def files(self):
        """Returns the sealed segments in order, then the open one."""
        sealed = [path for path in self.folder.glob("ledger-*.csv") if path.stem.removeprefix("ledger-").isdigit()]
        files = sorted(sealed, key=lambda path: int(path.stem.removeprefix("ledger-")))
        current = self.folder / "ledger.csv"
        files += [current] if current.exists() else []
        if not files:
            raise Unreadable(f"{self.folder} has no ledger.csv")
        return files

    def lines(self):
        """Yields every line but the headers, as (place, bytes, columns)."""
        headers = {",".join(columns).encode(): columns for columns in (COLUMNS, COLUMNS_1)}
        for path in self.files():
            columns = COLUMNS
            with path.open("rb") as file:
                for number_, line in enumerate(file, 1):
                    header = headers.get(line.rstrip(b"\r\n"))
                    columns = header or columns
                    if header is None:
                        yield f"{path.name}:{number_}", line, columns

    def entries(self, wrong, skip_crc=False):
        """Yields (place, entry). Damage is an un-synced tail unless a valid line of a later batch follows."""
        head = 0
        for place, line, columns in self.lines():
            try:
                entry = parse_line(line, columns, skip_crc)
            except (ValueError, csv.Error) as error:
                self.tail = self.tail or f"{place}: {error}"
                continue
            if entry is None:
                self.markers += 1
            elif self.tail is None:
                head = entry.seq
                yield place, entry
            elif entry.batch > head + 1:
                wrong.append(f"damage before the last batch: {self.tail}; {place} is valid again")
                self.tail = None
                return

    def books(self):
        """Returns every (item, stock)."""
        path = self.folder / "catalog.csv"
        try:
            with path.open(encoding="utf-8", newline="") as file:
                return [(int(row["item"]), int(row["stock"])) for row in csv.DictReader(file, strict=True)]
        except (KeyError, TypeError, ValueError, csv.Error) as error:
            raise Unreadable(f"{path}: {error!r}") from error

    def __str__(self):
        tail = f"; un-synced tail: {self.tail}" if self.tail else ""
        return f"{len(self.files())} file(s), {self.markers} checkpoint marker(s){tail}"


# --- SQL --------------------------------------------------------------------------------------------------------------


def time_of(micros):
    return (EPOCH + timedelta(microseconds=micros)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def cost_of(cents):
    return "" if cents is None else f"{cents // 100}.{cents % 100:02}"


class SqlStore:
    """The tables `ledger` and `books`, which agree after every transaction."""

    books_are_always_current = True
    tail = None

    def entries(self, wrong, skip_crc=False):
        for row in self.ledger_rows():
            seq, at, kind, item, line, lines, quantity, change, stock_after, order, cents, reason, title, batch = row
            place = f"entry {seq}"
            wrong.unless(kind in KINDS, f"{place}: unknown kind {kind!r}")
            yield place, Entry(seq, time_of(at), kind, item, line, lines, quantity, change, stock_after, order,
                               cost_of(cents), reason or "", title or "", batch)


class SqliteStore(SqlStore):
    def __init__(self, file):
        if not file.is_file():
            raise Unreadable(f"{file} is not a file")
        # One transaction reads both tables at one moment, including the write-ahead log of a killed process.
        self.database = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        self.database.execute("BEGIN")
        self.integrity = [row[0] for row in self.database.execute("PRAGMA integrity_check")]

    def ledger_rows(self):
        for row in self.database.execute(SQL_LEDGER):
            row = list(row)
            row[9] = "" if row[9] is None else str(uuid.UUID(bytes=row[9]))
            yield row

    def entries(self, wrong, skip_crc=False):
        wrong.unless(self.integrity == ["ok"], f"integrity_check: {self.integrity}")
        yield from super().entries(wrong)

    def books(self):
        return self.database.execute(SQL_BOOKS).fetchall()

    def __str__(self):
        return "SQLite tables"


class PostgresStore(SqlStore):
    """Reads with psql, which must be on the PATH."""

    def __init__(self, url):
        separator = "-- books --"
        copies = [f"COPY ({query}) TO STDOUT (FORMAT csv)" for query in (SQL_LEDGER, SQL_BOOKS)]
        commands = ["BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", copies[0], f"\\echo {separator}", copies[1]]
        arguments = [word for command in commands for word in ("--command", command)]
        try:
            output = subprocess.run(["psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", *arguments, url],
                                  check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise Unreadable(f"psql: {error} {getattr(error, 'stderr', '')}") from error
        self.ledger_text, _, self.books_text = output.stdout.partition(f"{separator}\n")

    def ledger_rows(self):
        for row in csv.reader(io.StringIO(self.ledger_text)):
            seq, at, kind, item, line, lines, quantity, change, stock_after, order, cents, reason, title, batch = row
            yield (int(seq), int(at), kind, int(item), int(line), int(lines), number(quantity), int(change),
                   number(stock_after), order, number(cents), reason, title, int(batch))

    def books(self):
        return [(int(item), int(stock)) for item, stock in csv.reader(io.StringIO(self.books_text))]

    def __str__(self):
        return "PostgreSQL tables"
