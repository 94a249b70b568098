#!/usr/bin/env python3
"""Checks a store's ledger against clients' acknowledgements. Shares no code with the program that wrote it.

    check_ledger.py STORE [ACKS_FILE...] [--at-rest] [--settled] [--skip-crc]

STORE is a CSV store's folder, or csv:DIR, sqlite:FILE, postgres://… as the services take it. Each ACKS_FILE holds the
answers that clients got, one JSON object per line, in the order of the answers:

    {"order": UUID | null, "item": N, "quantity": Q, "status": STATUS, …}

    sold          optionally with "seq", "cost", "stock", "title", "at" of the receipt: each must equal the ledger entry;
                  for an order of several lines "lines" with the same for each instead of item and quantity
    sold-out      the order was refused; with "recorded": true the ledger must have the refusal
    refused       any other answer that means that the order was not sold
    restocked     a stock change instead of an order: "change" or "to" instead of a quantity, "seq", "stock"
    not-restocked a stock change that was refused
    unknown       no answer, or one that leaves the outcome open; order is null if the client had set no key
    missing       404 for the order: a violation if the order was decided before

--at-rest is for a store that was stopped cleanly: a CSV ledger must be complete to its last byte, and catalog.csv must
agree with it. --settled is for clients that repeated every order until its decision: no order may be left unknown, and
the ledger may hold unacknowledged orders only as far as clients lost the answer to an order without a key.

Exit: 0 no violation, 1 violations (the first ones are listed), 2 wrong usage or an unreadable store or file.
"""

import argparse
import json
import re
import sys
from collections import Counter, defaultdict
from pathlib import Path

from ledger_readers import Unreadable, open_store

STATUSES = {"sold", "sold-out", "refused", "restocked", "not-restocked", "unknown", "missing"}
SHOWN_MAX = 20
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
COST = re.compile(r"\d{1,7}\.\d\d")


class Violations(list):
    """Violation messages, in the order of discovery."""

    def unless(self, holds, message):
        if not holds:
            self.append(message)


# --- The ledger ---------------------------------------------------------------------------------------------


class Ledger:
    """The state that follows from the entries read so far."""

    def __init__(self):
        self.kinds = Counter()
        self.head = 0
        self.batch = 0
        self.doubled = 0
        self.stock = {}
        self.sums = defaultdict(Counter)
        # The lines of each order, and of those the order that lacks lines at this point.
        self.by_order = {}
        self.open = []

    def take(self, place, entry, wrong):
        wrong.unless(entry.seq == self.head + 1, f"{place}: seq {entry.seq} follows {self.head}")
        wrong.unless(entry.batch in (self.batch, entry.seq), f"{place}: batch {entry.batch} does not begin here")
        self.head, self.batch = entry.seq, entry.batch
        self.kinds[entry.kind] += 1
        check_form(place, entry, wrong)
        self.take_stock(place, entry, wrong)
        self.take_line(place, entry, wrong)

    def take_line(self, place, entry, wrong):
        """Checks that the lines of an order follow each other: none is missing, and none is of another kind."""
        last = self.open[-1] if self.open else None
        if last:
            follows = (entry.line, entry.lines, entry.order, entry.at, entry.kind) == (
                last.line + 1, last.lines, last.order, last.at, last.kind) and entry.item > last.item
            wrong.unless(follows, f"{place}: line {entry.line} of {entry.lines} does not follow line {last.line} of "
                                  f"{last.lines} of order {last.order}: half an order")
        else:
            wrong.unless(entry.line == 1, f"{place}: line {entry.line} of {entry.lines} without the lines before it")
        self.open = [*self.open, entry] if entry.line < entry.lines else []
        if not entry.order:
            return
        earlier = self.by_order.setdefault(entry.order, [])
        if entry.line == 1 and earlier:
            self.doubled += 1
            wrong.append(f"{place}: order {entry.order} was already decided at seq {earlier[0].seq}")
        elif entry.line == len(earlier) + 1:
            earlier.append(entry)

    def check_whole(self, wrong):
        for last in self.open[-1:]:
            wrong.append(f"the ledger ends with line {last.line} of {last.lines} of order {last.order}: half an order")

    def take_stock(self, place, entry, wrong):
        after = 0 if entry.kind == "withdrawn" and entry.stock_after is None else entry.stock_after
        if after is None:
            wrong.unless(entry.change == 0, f"{place}: a change of {entry.change} without stock_after")
            return
        before = self.stock.get(entry.item, 0)
        wrong.unless(after == before + entry.change,
                     f"{place}: item {entry.item}: {before} {entry.change:+} is not {after}")
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
        """Checks for every book: initial stock + restocks − sold = final stock."""
        for item, stock in sorted(self.stock.items()):
            sums = self.sums[item]
            expected = sums["initial"] + sums["restocked"] - sums["sold"]
            wrong.unless(stock == expected,
                         f"item {item}: initial {sums['initial']}, restocked {sums['restocked']:+}, "
                         f"sold {sums['sold']} give {expected}, but the final stock is {stock}")

    def check_books(self, books, wrong):
        """Checks that the books stored beside the ledger have the stock that follows from it."""
        stocks = dict(books)
        wrong.unless(len(stocks) == len(books), "books: an item occurs twice")
        for item in sorted(stocks.keys() | self.stock.keys()):
            kept, expected = stocks.get(item), self.stock.get(item)
            wrong.unless(kept == expected, f"books: item {item}: stored stock {kept}, the ledger gives {expected}")


def check_form(place, entry, wrong):
    """Checks the fields that each kind of entry must and must not have."""
    wrong.unless(TIME.fullmatch(entry.at), f"{place}: {entry.at!r} is not a UTC time with six decimals")
    wrong.unless(not entry.order or UUID.fullmatch(entry.order), f"{place}: {entry.order!r} is not a UUID")
    wrong.unless(not entry.unit_cost or COST.fullmatch(entry.unit_cost), f"{place}: {entry.unit_cost!r} is not a cost")
    wrong.unless((entry.kind == "refused") == bool(entry.reason), f"{place}: {entry.kind} with reason {entry.reason!r}")
    wrong.unless(1 <= entry.line <= entry.lines, f"{place}: line {entry.line} of {entry.lines}")
    if entry.kind == "sold":
        whole = entry.order and entry.unit_cost and entry.stock_after is not None
        wrong.unless(whole, f"{place}: a sale without order, cost or stock")
        quantity = entry.quantity or 0
        wrong.unless(1 <= quantity <= 100, f"{place}: {entry.quantity} copies sold at once")
        wrong.unless(entry.change == -quantity, f"{place}: {quantity} sold, but the stock changed by {entry.change}")
    if entry.kind == "refused":
        wrong.unless(entry.change == 0, f"{place}: refused, but the stock changed by {entry.change}")


# --- Acknowledgements -------------------------------------------------------------------------------------------------


def read_acks(paths):
    """Yields every acknowledgement as (place, object). Skips a torn last line, which a killed client leaves."""
    for path in paths:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n") or not line.strip():
                    continue
                place = f"{path.name}:{number}"
                try:
                    ack = json.loads(line)
                    if ack["status"] not in STATUSES:
                        raise ValueError(f"unknown status {ack['status']!r}")
                    ack["order"] = ack["order"].lower() if ack["order"] else None
                    if ack["order"] is None and ack["status"] in ("sold", "restocked", "missing"):
                        raise ValueError("no order")
                    yield place, ack
                except (ValueError, KeyError, TypeError, AttributeError) as error:
                    raise Unreadable(f"{place}: {error!r} in {line[:200]!r}") from error


class Acknowledgements:
    """Compares what clients were answered with the ledger."""

    def __init__(self):
        self.counts = Counter()
        self.decided = {status: set() for status in STATUSES}
        self.unknown = set()
        self.without_key = 0
        self.lost = 0

    def take(self, place, ack, ledger, wrong):
        order, status = ack["order"], ack["status"]
        self.counts[status] += 1
        if order is None:
            # An unrecorded refusal has no order id. A lost answer may belong to an order in the ledger.
            self.without_key += status == "unknown"
            return
        lines = ledger.by_order.get(order, [])
        if status == "unknown":
            self.unknown.add(order)
        elif status == "missing":
            known = any(order in orders for orders in self.decided.values())
            wrong.unless(not known, f"{place}: order {order} was decided and is now unknown")
        else:
            self.decided[status].add(order)
            check = self.check_done if status in ("sold", "restocked") else self.check_refused
            check(place, ack, lines, wrong)

    def check_done(self, place, ack, lines, wrong):
        kinds = ("sold",) if ack["status"] == "sold" else ("restocked", "set")
        answers = ack.get("lines") or [ack]
        if len(lines) != len(answers) or any(entry.kind not in kinds for entry in lines):
            self.lost += 1
            wrong.append(f"{place}: order {ack['order']} was acknowledged as {ack['status']}, the ledger has "
                         f"{[entry.kind for entry in lines] or 'no such order'}")
            return
        for answer, entry in zip(answers, lines):
            recorded = {"item": entry.item, "quantity": entry.quantity, "seq": entry.seq, "cost": entry.unit_cost,
                        "stock": entry.stock_after, "at": entry.at, "change": entry.change, "to": entry.stock_after,
                        "title": entry.title}
            answered = {name: answer[name] for name in recorded if answer.get(name) is not None}
            recorded = {name: recorded[name] for name in answered}
            wrong.unless(answered == recorded,
                         f"{place}: order {ack['order']}: acknowledged {answered}, recorded {recorded}")

    def check_refused(self, place, ack, lines, wrong):
        done = [entry.kind for entry in lines if entry.kind != "refused"]
        wrong.unless(not done, f"{place}: order {ack['order']} was acknowledged as {ack['status']}, "
                               f"in the ledger it is {done}")
        if ack.get("recorded"):
            wrong.unless(lines, f"{place}: order {ack['order']} was refused and recorded, the ledger has no entry")

    def check_settled(self, ledger, wrong):
        decided = set().union(*self.decided.values())
        for order in sorted(self.unknown - decided):
            wrong.append(f"order {order} stayed unknown")
        unacknowledged = ledger.by_order.keys() - decided
        wrong.unless(len(unacknowledged) <= self.without_key,
                     f"{len(unacknowledged)} orders in the ledger were never acknowledged, but only "
                     f"{self.without_key} answers to orders without a key were lost: {sorted(unacknowledged)[:3]}…")


# --- The command ------------------------------------------------------------------------------------------------------


def summarize(store, ledger, acknowledged):
    kinds = ", ".join(f"{ledger.kinds[kind]} {kind}" for kind in sorted(ledger.kinds)) or "empty"
    counts = ", ".join(f"{count} {status}" for status, count in sorted(acknowledged.counts.items())) or "none given"
    sold = {order for order, lines in ledger.by_order.items() if lines[0].kind == "sold"}
    unacknowledged = sold - acknowledged.decided["sold"]
    decided = set().union(*acknowledged.decided.values())
    print(f"ledger: {ledger.head} entries ({kinds}) in {store}")
    print(f"stock: {len(ledger.stock)} books, {sum(ledger.stock.values())} copies left")
    print(f"acknowledgements: {counts}")
    print(f"orders acknowledged as sold: {len(acknowledged.decided['sold'])}; "
          f"lost {acknowledged.lost}, doubled {ledger.doubled}")
    unknown = acknowledged.unknown
    print(f"orders of unknown outcome: {len(unknown)}, settled {len(unknown & decided)}; "
          f"{acknowledged.without_key} without a key")
    print(f"sold, but not acknowledged (allowed): {len(unacknowledged)}; "
          f"{len(unacknowledged & unknown)} of them noted as unknown")


def check(arguments):
    wrong, ledger, acknowledged = Violations(), Ledger(), Acknowledgements()
    # Acknowledgements are read first: the ledger, read later, must contain them even while it grows.
    acks = list(read_acks(arguments.acks))
    store = open_store(arguments.store)
    for place, entry in store.entries(wrong, arguments.skip_crc):
        ledger.take(place, entry, wrong)
    ledger.check_sums(wrong)
    ledger.check_whole(wrong)
    for place, ack in acks:
        acknowledged.take(place, ack, ledger, wrong)
    if arguments.settled:
        acknowledged.check_settled(ledger, wrong)
    if arguments.at_rest:
        wrong.unless(store.tail is None, f"the ledger has an un-synced tail: {store.tail}")
    if arguments.at_rest or store.books_are_always_current:
        ledger.check_books(store.books(), wrong)
    summarize(store, ledger, acknowledged)
    for violation in wrong[:SHOWN_MAX]:
        print(f"VIOLATION {violation}")
    if len(wrong) > SHOWN_MAX:
        print(f"… and {len(wrong) - SHOWN_MAX} more")
    print("violated" if wrong else "clean")
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", metavar="STORE")
    parser.add_argument("acks", type=Path, nargs="*", metavar="ACKS_FILE")
    parser.add_argument("--at-rest", action="store_true", help="the store was stopped cleanly: check catalog.csv too")
    parser.add_argument("--settled", action="store_true", help="the clients repeated every order until its decision")
    parser.add_argument("--skip-crc", action="store_true", help="do not check the checksums of a CSV ledger")
    try:
        return check(parser.parse_intermixed_args())
    except (Unreadable, OSError) as error:
        print(f"check_ledger: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
