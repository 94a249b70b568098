#!/usr/bin/env python3
"""Checks a store's ledger against clients' acknowledgements. Shares no code with the program that wrote it.

    check_ledger.py STORE [ACKS_FILE...] [--at-rest] [--settled] [--skip-crc]

STORE is a CSV store's folder, or csv:DIR, sqlite:FILE, postgres://… as the services take it. Each ACKS_FILE holds the
answers that clients got, one JSON object per line, in the order of the answers:

    {"order": UUID | null, "item": N, "quantity": Q, "status": STATUS, …}
    {"order": UUID | null, "lines": [{"item": N, "quantity": Q, …}, …], "status": STATUS, …}

    sold          optionally with any field of the receipt or of its lines: each must equal the ledger entry
    sold-out      the order was refused; with "recorded": true the ledger must have the refusal, equal in every field
    refused       any other answer after which the order is not sold
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
import sys
from collections import Counter
from pathlib import Path

from ledger_readers import Unreadable, open_store
from ledger_rules import Ledger, Violations

STATUSES = {"sold", "sold-out", "refused", "restocked", "not-restocked", "unknown", "missing"}
SHOWN_MAX = 20


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
    """Compares the answers that clients got with the ledger."""

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
        group = ledger.by_order.get(order)
        if status == "unknown":
            self.unknown.add(order)
        elif status == "missing":
            known = any(order in orders for orders in self.decided.values())
            wrong.unless(not known, f"{place}: order {order} was decided and is now unknown")
        else:
            self.decided[status].add(order)
            check = self.check_done if status in ("sold", "restocked") else self.check_refused
            check(place, ack, group, wrong)

    def check_done(self, place, ack, group, wrong):
        kinds = ("sold",) if ack["status"] == "sold" else ("restocked", "set")
        if group is None or group[0].kind not in kinds:
            self.lost += 1
            wrong.append(f"{place}: order {ack['order']} was acknowledged as {ack['status']}, the ledger has "
                         f"{'no such order' if group is None else group[0].kind}")
            return
        check_lines(place, ack, group, wrong)

    def check_refused(self, place, ack, group, wrong):
        done = group is not None and group[0].kind != "refused"
        wrong.unless(not done, f"{place}: order {ack['order']} was acknowledged as {ack['status']}, "
                               f"in the ledger it is {group[0].kind if group else ''}")
        if ack.get("recorded"):
            wrong.unless(group, f"{place}: order {ack['order']} was refused and recorded, the ledger has no entry")
            check_lines(place, ack, group or [], wrong)

    def check_settled(self, ledger, wrong):
        decided = set().union(*self.decided.values())
        for order in sorted(self.unknown - decided):
            wrong.append(f"order {order} stayed unknown")
        unacknowledged = ledger.by_order.keys() - decided
        wrong.unless(len(unacknowledged) <= self.without_key,
                     f"{len(unacknowledged)} orders in the ledger were never acknowledged, but only "
                     f"{self.without_key} answers to orders without a key were lost: {sorted(unacknowledged)[:3]}…")


def lines_of(ack):
    """Returns the lines of an acknowledgement by item; a single line may be given without `lines`."""
    return sorted(ack["lines"], key=lambda line: line["item"]) if "lines" in ack else [ack]


def check_lines(place, ack, group, wrong):
    """Checks every value of the acknowledgement against the entries of the order."""
    lines = lines_of(ack)
    wrong.unless(len(lines) == len(group),
                 f"{place}: order {ack['order']}: {len(lines)} lines acknowledged, {len(group)} recorded")
    for line, entry in zip(lines, group):
        # An order of format 1 has the title at the time of the upgrade.
        title = entry.title or line.get("title", "")
        compare(place, ack["order"], line, {
            "item": entry.item, "title": title, "quantity": entry.quantity, "cost": entry.unit_cost,
            "total": money(cents_of(entry)), "stock": entry.stock_after, "seq": entry.seq, "at": entry.at,
            "reason": entry.reason, "change": entry.change, "to": entry.stock_after}, wrong)
    if "lines" in ack and group:
        total = money(sum(map(cents_of, group)))
        compare(place, ack["order"], ack, {"seq": group[-1].seq, "at": group[-1].at, "total": total}, wrong)


def compare(place, order, answered, recorded, wrong):
    """Checks every recorded value that the acknowledgement names."""
    answered = {name: answered[name] for name in recorded if answered.get(name) is not None}
    recorded = {name: recorded[name] for name in answered}
    wrong.unless(answered == recorded, f"{place}: order {order}: acknowledged {answered}, recorded {recorded}")


def cents_of(entry):
    """The amount to pay for an entry."""
    return int(entry.unit_cost.replace(".", "") or 0) * (entry.quantity or 0) if entry.kind == "sold" else 0


def money(cents):
    return f"{cents // 100}.{cents % 100:02}"


# --- The command ------------------------------------------------------------------------------------------------------


def summarize(store, ledger, acknowledged):
    kinds = ", ".join(f"{ledger.kinds[kind]} {kind}" for kind in sorted(ledger.kinds)) or "empty"
    counts = ", ".join(f"{count} {status}" for status, count in sorted(acknowledged.counts.items())) or "none given"
    sold = {order for order, group in ledger.by_order.items() if group[0].kind == "sold"}
    baskets = sum(len(ledger.by_order[order]) > 1 for order in sold)
    unacknowledged = sold - acknowledged.decided["sold"]
    decided = set().union(*acknowledged.decided.values())
    print(f"ledger: {ledger.head} entries ({kinds}) in {store}")
    print(f"stock: {len(ledger.books)} books, {sum(book.stock for book in ledger.books.values())} copies left")
    print(f"orders sold: {len(sold)}, {baskets} of them of several lines")
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
    if arguments.at_rest or not store.last_batch_may_be_torn:
        ledger.check_end(wrong)
    ledger.check_sums(wrong)
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
