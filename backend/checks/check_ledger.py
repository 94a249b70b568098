#!/usr/bin/env python3
"""Checks a CSV store's ledger from outside: it shares no code with the program that wrote it.

    check_ledger.py STORE_DIR [ACKS_FILE...] [--at-rest] [--skip-crc]

STORE_DIR holds the ledger (`ledger-SEQ.csv`, then `ledger.csv`). Each ACKS_FILE holds what clients were told, one JSON
object a line, as storm.py writes them:

    {"order": UUID, "item": N, "quantity": Q, "status": "sold" | "sold-out" | "refused" | "unknown", "seq": N?}

`refused` stands for any other answer that says the order was not sold. With --at-rest, for a store that was stopped
cleanly, the ledger must be whole to its last byte and catalog.csv must agree with it.

Exit: 0 nothing wrong, 1 violations (the first ones are listed), 2 wrong usage or an unreadable file.
"""

import argparse
import csv
import json
import re
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

COLUMNS = "seq,at,kind,item,quantity,change,stock_after,order,unit_cost,reason,batch,crc32c".split(",")
KINDS = {"sold", "refused", "restocked", "set", "withdrawn"}
MARKER = "checkpoint"
STATUSES = {"sold", "sold-out", "refused", "unknown"}
SHOWN_MAX = 20
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
COST = re.compile(r"\d{1,7}\.\d\d")


class Unreadable(Exception):
    """A file that cannot be checked at all."""


class Violations(list):
    """What is wrong, in the order in which it was found."""

    def unless(self, holds, message):
        if not holds:
            self.append(message)


# --- Reading the ledger -----------------------------------------------------------------------------------------------


def crc32c_table():
    """The table of CRC-32C (Castagnoli, RFC 3720 appendix B.4), reflected polynomial 0x82F63B78."""
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


@dataclass
class Entry:
    """One decision. Absent numbers are None, absent words empty."""

    seq: int
    at: str
    kind: str
    item: int
    quantity: int | None
    change: int
    stock_after: int | None
    order: str
    unit_cost: str
    reason: str
    batch: int


def parse_line(line, skip_crc):
    """The entry on a line, or None for a checkpoint's marker. Raises ValueError where the line is damaged."""
    if not line.endswith(b"\n"):
        raise ValueError("the line does not end")
    before, _, crc = line[:-1].rpartition(b",")
    if not skip_crc and crc != b"%08x" % crc32c(before):
        raise ValueError("the checksum does not fit")
    fields = next(csv.reader([line[:-1].decode("utf-8")], strict=True), [])
    if MARKER in fields[2:3]:
        return None
    if len(fields) != len(COLUMNS):
        raise ValueError(f"{len(fields)} columns, expected {len(COLUMNS)}")
    seq, at, kind, item, quantity, change, stock_after, order, unit_cost, reason, batch, _ = fields
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}")
    return Entry(int(seq), at, kind, int(item), number(quantity), int(change), number(stock_after), order, unit_cost,
                 reason, int(batch))


def number(text):
    return int(text) if text else None


def ledger_files(store):
    """The sealed segments in order, then the open one."""
    sealed = [path for path in store.glob("ledger-*.csv") if path.stem.removeprefix("ledger-").isdigit()]
    files = sorted(sealed, key=lambda path: int(path.stem.removeprefix("ledger-")))
    current = store / "ledger.csv"
    files += [current] if current.exists() else []
    if not files:
        raise Unreadable(f"{store} holds no ledger.csv")
    return files


def lines_of(files):
    """Every line that is not a header, as (place, bytes)."""
    header = ",".join(COLUMNS).encode()
    for path in files:
        with path.open("rb") as file:
            for number_, line in enumerate(file, 1):
                if line.rstrip(b"\r\n") != header:
                    yield f"{path.name}:{number_}", line


class Ledger:
    """All entries, and what follows from them."""

    def __init__(self):
        self.kinds = Counter()
        self.head = 0
        self.batch = 0
        self.markers = 0
        self.tail = None
        self.stock = {}
        self.sums = defaultdict(Counter)
        self.by_order = {}

    def read(self, files, skip_crc, wrong):
        """Takes the files in. Damage is an un-synced tail as long as no line of a later batch follows it."""
        for place, line in lines_of(files):
            try:
                entry = parse_line(line, skip_crc)
            except (ValueError, csv.Error) as error:
                self.tail = self.tail or f"{place}: {error}"
                continue
            if entry is None:
                self.markers += 1
            elif self.tail is None:
                self.take(place, entry, wrong)
            elif entry.batch > self.head + 1:
                wrong.append(f"damage before the last batch: {self.tail}; {place} is whole again")
                self.tail = None
                return

    def take(self, place, entry, wrong):
        wrong.unless(entry.seq == self.head + 1, f"{place}: seq {entry.seq} follows {self.head}")
        wrong.unless(entry.batch in (self.batch, entry.seq), f"{place}: batch {entry.batch} does not begin here")
        self.head, self.batch = entry.seq, entry.batch
        self.kinds[entry.kind] += 1
        check_form(place, entry, wrong)
        self.take_stock(place, entry, wrong)
        if entry.order:
            earlier = self.by_order.setdefault(entry.order, entry)
            wrong.unless(earlier is entry, f"{place}: order {entry.order} was decided at seq {earlier.seq} already")

    def take_stock(self, place, entry, wrong):
        after = 0 if entry.kind == "withdrawn" and entry.stock_after is None else entry.stock_after
        if after is None:
            wrong.unless(entry.change == 0, f"{place}: a change of {entry.change} without stock_after")
            return
        before = self.stock.get(entry.item, 0)
        wrong.unless(after == before + entry.change,
                     f"{place}: item {entry.item} had {before}, and {entry.change:+} does not make {after}")
        wrong.unless(after >= 0, f"{place}: item {entry.item} fell to {after}")
        sums = self.sums[entry.item]
        if entry.kind == "sold":
            sums["sold"] += entry.quantity or 0
        elif entry.kind == "set" and entry.item not in self.stock:
            sums["initial"] += entry.change
        else:
            sums["restocked"] += entry.change
        if entry.kind == "withdrawn":
            wrong.unless(after == 0, f"{place}: item {entry.item} was withdrawn with {after} left")
            self.stock.pop(entry.item, None)
            sums.clear()
        else:
            self.stock[entry.item] = after

    def check_sums(self, wrong):
        """Initial stock + restocks − sold = final stock, for every book."""
        for item, stock in sorted(self.stock.items()):
            sums = self.sums[item]
            expected = sums["initial"] + sums["restocked"] - sums["sold"]
            wrong.unless(stock == expected,
                         f"item {item}: {sums['initial']} at first, {sums['restocked']:+} restocked, "
                         f"{sums['sold']} sold make {expected}, but {stock} are left")


def check_form(place, entry, wrong):
    """What each kind of entry must and must not say."""
    wrong.unless(TIME.fullmatch(entry.at), f"{place}: {entry.at!r} is no time in UTC with six decimals")
    wrong.unless(not entry.order or UUID.fullmatch(entry.order), f"{place}: {entry.order!r} is no UUID")
    wrong.unless(not entry.unit_cost or COST.fullmatch(entry.unit_cost), f"{place}: {entry.unit_cost!r} is no cost")
    wrong.unless((entry.kind == "refused") == bool(entry.reason), f"{place}: {entry.kind} with reason {entry.reason!r}")
    if entry.kind == "sold":
        whole = entry.order and entry.unit_cost and entry.stock_after is not None
        wrong.unless(whole, f"{place}: a sale lacks its order, cost or stock")
        quantity = entry.quantity or 0
        wrong.unless(1 <= quantity <= 100, f"{place}: {entry.quantity} copies sold at once")
        wrong.unless(entry.change == -quantity, f"{place}: {quantity} sold, but the stock changed by {entry.change}")
    if entry.kind == "refused":
        wrong.unless(entry.change == 0, f"{place}: refused, but the stock changed by {entry.change}")


# --- What clients were told -------------------------------------------------------------------------------------------


def read_acks(paths):
    """Every acknowledgement, as (place, object). A line cut off at a file's end is what a killed client leaves."""
    for path in paths:
        with path.open("rb") as file:
            for number_, line in enumerate(file, 1):
                if not line.endswith(b"\n") or not line.strip():
                    continue
                place = f"{path.name}:{number_}"
                try:
                    ack = json.loads(line)
                    ack["order"] = ack["order"].lower()
                    if ack["status"] not in STATUSES:
                        raise ValueError(f"unknown status {ack['status']!r}")
                    yield place, (ack["order"], ack["item"], ack["quantity"], ack["status"], ack.get("seq"))
                except (ValueError, KeyError, TypeError, AttributeError) as error:
                    raise Unreadable(f"{place}: {error!r} in {line[:200]!r}") from error


def check_acks(acks, ledger, wrong):
    """Holds the ledger against the acknowledgements; returns the counts and the orders acknowledged as sold."""
    counts, sold, unknown = Counter(), set(), set()
    for place, (order, item, quantity, status, seq) in acks:
        counts[status] += 1
        entry = ledger.by_order.get(order)
        in_ledger = entry is not None and entry.kind == "sold"
        if status == "sold":
            sold.add(order)
            if not in_ledger:
                wrong.append(f"{place}: order {order} was acknowledged as sold, the ledger has "
                             f"{'no such order' if entry is None else entry.kind}")
                continue
            told, kept = (item, quantity, seq or entry.seq), (entry.item, entry.quantity, entry.seq)
            wrong.unless(told == kept, f"{place}: order {order}: item, quantity, seq {told} acknowledged, {kept} kept")
        elif status == "unknown":
            unknown.add(order)
        else:
            wrong.unless(not in_ledger, f"{place}: order {order} was acknowledged as {status}, the ledger has it sold")
    return counts, sold, unknown


# --- The catalog file at rest -----------------------------------------------------------------------------------------


def check_catalog(path, ledger, wrong):
    """catalog.csv must hold the same books with the same stock as the ledger."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
        stocks = {int(row["item"]): int(row["stock"]) for row in rows}
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise Unreadable(f"{path}: {error!r}") from error
    wrong.unless(len(stocks) == len(rows), f"{path.name}: an item stands there twice")
    for item in sorted(stocks.keys() | ledger.stock.keys()):
        file_stock, ledger_stock = stocks.get(item), ledger.stock.get(item)
        wrong.unless(file_stock == ledger_stock,
                     f"{path.name}: item {item}: the file says {file_stock}, the ledger {ledger_stock}")
    return len(rows)


# --- The command ------------------------------------------------------------------------------------------------------


def summarize(ledger, files, acks):
    counts, sold_acks, unknown_acks = acks
    sold = {order for order, entry in ledger.by_order.items() if entry.kind == "sold"}
    silent = sold - sold_acks
    kinds = ", ".join(f"{ledger.kinds[kind]} {kind}" for kind in sorted(ledger.kinds)) or "empty"
    told = ", ".join(f"{counts[status]} {status}" for status in sorted(counts)) or "none given"
    print(f"ledger: {ledger.head} entries in {len(files)} file(s) ({kinds}), {ledger.markers} checkpoint marker(s)")
    print(f"stock: {len(ledger.stock)} books, {sum(ledger.stock.values())} copies left")
    print(f"acknowledgements: {told}")
    print(f"sold, but acknowledged to no client (allowed): {len(silent)}; "
          f"{len(silent & unknown_acks)} of them noted as unknown")
    if ledger.tail:
        print(f"un-synced tail: {ledger.tail}")


def check(arguments):
    wrong, ledger = Violations(), Ledger()
    files = ledger_files(arguments.store)
    # The acknowledgements first: an order acknowledged before the ledger is read must be in it, even while it grows.
    told = list(read_acks(arguments.acks))
    ledger.read(files, arguments.skip_crc, wrong)
    ledger.check_sums(wrong)
    acks = check_acks(told, ledger, wrong)
    if arguments.at_rest:
        wrong.unless(ledger.tail is None, f"the ledger has an un-synced tail: {ledger.tail}")
        books = check_catalog(arguments.store / "catalog.csv", ledger, wrong)
        print(f"catalog.csv: {books} books")
    summarize(ledger, files, acks)
    for violation in wrong[:SHOWN_MAX]:
        print(f"VIOLATION {violation}")
    if len(wrong) > SHOWN_MAX:
        print(f"… and {len(wrong) - SHOWN_MAX} more")
    print("violated" if wrong else "clean")
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path, metavar="STORE_DIR")
    parser.add_argument("acks", type=Path, nargs="*", metavar="ACKS_FILE")
    parser.add_argument("--at-rest", action="store_true", help="the store was stopped cleanly: check catalog.csv too")
    parser.add_argument("--skip-crc", action="store_true", help="do not check the lines' checksums")
    try:
        return check(parser.parse_intermixed_args())
    except (Unreadable, OSError) as error:
        print(f"check_ledger: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
