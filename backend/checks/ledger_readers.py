"""Reads the ledger and the books of a store of any kind. Shares no code with the program that wrote them.

    csv:DIR (or DIR), sqlite:FILE, postgres://…
"""

import csv
import io
import sqlite3
import subprocess
import uuid
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

# The columns that describe a book, besides its title. A segment of an older version lacks the last columns.
DESCRIPTION = ("topic", "author")
FORMAT_1 = "seq,at,kind,item,quantity,change,stock_after,order,unit_cost,reason,batch,crc32c"
*OLDER_2, FORMAT_2 = (",".join(("seq,at,kind,item,line,lines,quantity,change,stock_after,order,unit_cost,reason,title",
                                *DESCRIPTION[:count], "batch,crc32c")) for count in range(1, len(DESCRIPTION) + 1))
KINDS = {"sold", "refused", "restocked", "set", "withdrawn"}
MARKER = "checkpoint"
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
SQL_ENTRY = ("seq, at_micros, kind, item, line, lines, quantity, change, stock_after, ord, unit_cost_cents, reason,"
             f" title, {', '.join(DESCRIPTION)}, batch")
SQL_BOOK = f"item, title, {', '.join(DESCRIPTION)}, cost_cents, stock, seq"
SQL_LEDGER = f"SELECT {SQL_ENTRY} FROM ledger ORDER BY seq"
SQL_BOOKS = f"SELECT {SQL_BOOK} FROM books ORDER BY item"


class Unreadable(Exception):
    """A store or a file that cannot be read."""


@dataclass
class Entry:
    """One ledger entry. Absent numbers are None, absent texts are empty; an entry of format 1 is line 1 of 1.

    `description` has a text for each name in DESCRIPTION.
    """

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
    description: tuple
    batch: int


@dataclass
class Book:
    """A book. `seq` is the entry that changed it last, None where the store does not keep it."""

    item: int
    title: str
    description: tuple
    cost: str
    stock: int
    seq: int | None


def fields_of(record):
    """The fields of an entry or a book, including its description."""
    for field in astuple(record):
        yield from field if isinstance(field, tuple) else (field,)


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
    """Returns the entry of a line, or None for a marker. Raises ValueError if the line is damaged."""
    if not line.endswith(b"\n"):
        raise ValueError("the line has no line end")
    before, _, crc = line[:-1].rpartition(b",")
    if not skip_crc and crc != b"%08x" % crc32c(before):
        raise ValueError("wrong checksum")
    fields = next(csv.reader([line[:-1].decode("utf-8")], strict=True), [])
    if len(fields) != len(columns):
        raise ValueError(f"{len(fields)} columns, expected {len(columns)}")
    row = dict.fromkeys(FORMAT_2.split(","), "") | dict(zip(columns, fields))
    del row["crc32c"]
    if row["kind"] == MARKER:
        return None
    if row["kind"] not in KINDS:
        raise ValueError(f"unknown kind {row['kind']!r}")
    if (row["line"] == "") != (row["lines"] == ""):
        raise ValueError("line without lines")
    row |= {"line": row["line"] or "1", "lines": row["lines"] or "1",
            "description": tuple(row.pop(name) for name in DESCRIPTION)}
    return Entry(**row | {name: number(row[name]) for name in ("quantity", "stock_after")}
                 | {name: int(row[name]) for name in ("seq", "item", "line", "lines", "change", "batch")})


class CsvStore:
    """`ledger-SEQ.csv`, then `ledger.csv`. The books are in `catalog.csv`, which is current only after a clean stop."""

    books_are_always_current = False
    last_batch_may_be_torn = True

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
        """Yields every line but the headers, as (place, bytes, columns). Each segment has a format of its own."""
        for path in self.files():
            with path.open("rb") as file:
                header = file.readline().decode("latin-1").rstrip("\r\n")
                if header not in (FORMAT_1, *OLDER_2, FORMAT_2) and header:
                    raise Unreadable(f"{path}: unknown header {header!r}")
                for number_, line in enumerate(file, 2):
                    yield f"{path.name}:{number_}", line, header.split(",")

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
        path = self.folder / "catalog.csv"
        try:
            with path.open(encoding="utf-8", newline="") as file:
                return [Book(int(row["item"]), row["name"], tuple(row.get(name) or "" for name in DESCRIPTION),
                             row["cost"], int(row["stock"]), None) for row in csv.DictReader(file, strict=True)]
        except (KeyError, TypeError, ValueError, csv.Error) as error:
            raise Unreadable(f"{path}: {error!r}") from error

    def __str__(self):
        tail = f"; un-synced tail: {self.tail}" if self.tail else ""
        return f"{len(self.files())} file(s), {self.markers} marker(s){tail}"


# --- SQL --------------------------------------------------------------------------------------------------------------


def time_of(micros):
    return (EPOCH + timedelta(microseconds=micros)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def cost_of(cents):
    return "" if cents is None else f"{cents // 100}.{cents % 100:02}"


class SqlStore:
    """The tables `ledger` and `books`, which agree after every transaction."""

    books_are_always_current = True
    last_batch_may_be_torn = False
    tail = None

    def entries(self, wrong, skip_crc=False):
        for row in self.ledger_rows():
            (seq, micros, kind, *numbers), (order, cents, *texts), batch = row[:9], row[9:-1], row[-1]
            place = f"entry {seq}"
            wrong.unless(kind in KINDS, f"{place}: unknown kind {kind!r}")
            reason, title, *description = (text or "" for text in texts)
            yield place, Entry(seq, time_of(micros), kind, *numbers, order, cost_of(cents), reason, title,
                               tuple(description), batch)

    def books(self):
        return [Book(item, title, tuple(text or "" for text in description), cost_of(cents), stock, seq)
                for item, title, *description, cents, stock, seq in self.book_rows()]


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
            order = "" if row[9] is None else str(uuid.UUID(bytes=row[9]))
            yield *row[:9], order, *row[10:]

    def entries(self, wrong, skip_crc=False):
        wrong.unless(self.integrity == ["ok"], f"integrity_check: {self.integrity}")
        yield from super().entries(wrong)

    def book_rows(self):
        """Returns every row, and ends the transaction."""
        rows = self.database.execute(SQL_BOOKS).fetchall()
        self.database.close()
        return rows

    def __str__(self):
        return "SQLite tables"


class PostgresStore(SqlStore):
    """Reads with psql, which must be on the PATH."""

    def __init__(self, url):
        separator = "-- books --"
        copies = [f"COPY ({query}) TO STDOUT (FORMAT csv)" for query in (SQL_LEDGER, SQL_BOOKS)]
        commands = ["BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", copies[0], f"\\echo {separator}", copies[1]]
        output = psql(url, commands)
        self.ledger_text, _, self.books_text = output.partition(f"{separator}\n")

    def ledger_rows(self):
        numbers = {"seq", "at_micros", "item", "line", "lines", "quantity", "change", "stock_after", "unit_cost_cents",
                   "batch"}
        return rows_of(self.ledger_text, SQL_ENTRY, numbers)

    def book_rows(self):
        return rows_of(self.books_text, SQL_BOOK, {"item", "cost_cents", "stock", "seq"})

    def __str__(self):
        return "PostgreSQL tables"


def rows_of(text, columns, numbers):
    """Parses the output of COPY."""
    are_numbers = [column in numbers for column in columns.split(", ")]
    for row in csv.reader(io.StringIO(text)):
        yield [number(field) if is_number else field for field, is_number in zip(row, are_numbers)]


def psql(url, commands, stdin=""):
    """Runs commands in one session and returns their output."""
    arguments = [word for command in commands for word in ("--command", command)]
    try:
        return subprocess.run(["psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", *arguments, url], input=stdin,
                              check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unreadable(f"psql: {error} {getattr(error, 'stderr', '')}") from error
