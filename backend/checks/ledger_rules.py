"""The rules for each entry, each group of lines and the whole ledger, and the books that result from the entries."""

import re
from collections import Counter, defaultdict
from dataclasses import replace

from ledger_readers import DESCRIPTION, Book

ITEM_MAX, ORDER_MAX, GROUP_MAX = 2**53 - 1, 20, 1000
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
COST = re.compile(r"\d{1,7}\.\d\d")


class Violations(list):
    """Violation messages, in the order of discovery."""

    def unless(self, holds, message):
        if not holds:
            self.append(message)


class Ledger:
    """The state that results from the entries read so far."""

    def __init__(self):
        self.kinds = Counter()
        self.head = 0
        self.batch = 0
        self.doubled = 0
        self.sums = defaultdict(Counter)
        self.by_order = {}
        self.group = []
        # Every book after its last entry. An entry of format 1 describes no book.
        self.books = {}
        self.is_described = False

    def take(self, place, entry, wrong):
        wrong.unless(entry.seq == self.head + 1, f"{place}: seq {entry.seq} follows {self.head}")
        wrong.unless(entry.batch in (self.batch, entry.seq), f"{place}: batch {entry.batch} does not begin here")
        self.head, self.batch = entry.seq, entry.batch
        self.kinds[entry.kind] += 1
        check_form(place, entry, wrong)
        self.is_described = self.is_described or any(entry.description)
        self.take_group(place, entry, wrong)
        self.check_book(place, entry, wrong)
        self.take_stock(place, entry, wrong)

    def take_group(self, place, entry, wrong):
        """Collects the lines of an order or change, and checks them after the last line."""
        if self.group and entry.line == 1:
            self.check_end(wrong)
            self.group = []
        last = self.group[-1] if self.group else None
        wrong.unless(entry.line == (last.line + 1 if last else 1),
                     f"{place}: line {entry.line} of {entry.lines} follows {last.line if last else 'no line'}")
        for name in ("order", "lines", "at", "batch") if last else ():
            mine, theirs = getattr(entry, name), getattr(last, name)
            wrong.unless(mine == theirs, f"{place}: {name} {mine} differs from the line before, {theirs}")
        wrong.unless(last is None or last.item < entry.item, f"{place}: item {entry.item} is not above the line before")
        self.group.append(entry)
        if entry.line < entry.lines:
            return
        group, self.group = self.group, []
        check_group(place, group, wrong)
        if entry.order:
            earlier = self.by_order.setdefault(entry.order, group)
            self.doubled += earlier is not group
            wrong.unless(earlier is group, f"{place}: order {entry.order} was already decided at seq {earlier[-1].seq}")

    def check_end(self, wrong):
        """Checks that no order lacks its last lines."""
        for entry in self.group[-1:]:
            wrong.append(f"entry {entry.seq}: order {entry.order} ends with line {entry.line} of {entry.lines}")

    def check_book(self, place, entry, wrong):
        """Checks the entry's title, cost and reason against its book, and takes the book's description from it."""
        book = self.books.get(entry.item)
        if entry.kind == "set" and (any(entry.description) or not self.is_described and (book is None or not entry.order)):
            # The entry creates or changes a book, in format 1 without a description.
            old = book or Book(entry.item, "", ("",) * len(DESCRIPTION), "", 0, None)
            self.books[entry.item] = replace(old, title=entry.title, description=entry.description,
                                             cost=entry.unit_cost or old.cost)
            return
        known = book is not None
        wrong.unless(known or entry.kind == "refused", f"{place}: no book has the item {entry.item}")
        cost, title = (book.cost, book.title) if known else ("", "")
        is_order = entry.kind in ("sold", "refused")
        wrong.unless(entry.unit_cost == cost or not entry.unit_cost and not is_order,
                     f"{place}: the cost of item {entry.item} is {cost or 'none'}, not {entry.unit_cost or 'none'}")
        wrong.unless(entry.title == title or not is_order or not self.is_described,
                     f"{place}: the title of item {entry.item} is {title!r}, not {entry.title!r}")
        if entry.kind == "refused":
            reason = ("unknown-item" if not known else "sold-out" if book.stock < (entry.quantity or book.stock + 1)
                      else "with-others")
            wrong.unless(entry.reason == reason, f"{place}: refused as {entry.reason}, but the reason is {reason}")

    def take_stock(self, place, entry, wrong):
        book = self.books.get(entry.item)
        after = 0 if entry.kind == "withdrawn" and entry.stock_after is None else entry.stock_after
        if after is None or book is None:
            wrong.unless(after is None, f"{place}: an unknown item with a stock of {after}")
            wrong.unless(entry.change == 0 and book is None, f"{place}: a change of {entry.change} without stock_after")
            return
        wrong.unless(after == book.stock + entry.change,
                     f"{place}: item {entry.item}: {book.stock} {entry.change:+} is not {after}")
        wrong.unless(after >= 0, f"{place}: item {entry.item} fell to {after}")
        sums = self.sums[entry.item]
        if entry.kind == "sold":
            sums["sold"] += entry.quantity or 0
        elif entry.kind == "set" and book.seq is None:
            sums["initial"] += entry.change
        else:
            sums["restocked"] += entry.change
        if entry.kind == "withdrawn":
            wrong.unless(after == 0, f"{place}: item {entry.item} was withdrawn with {after} left")
            del self.books[entry.item]
            sums.clear()
        elif entry.kind != "refused":
            book.stock, book.seq = after, entry.seq

    def check_sums(self, wrong):
        """Checks for every book: initial stock + restocks − sold = final stock."""
        for item, book in sorted(self.books.items()):
            sums = self.sums[item]
            expected = sums["initial"] + sums["restocked"] - sums["sold"]
            wrong.unless(book.stock == expected,
                         f"item {item}: initial {sums['initial']}, restocked {sums['restocked']:+}, "
                         f"sold {sums['sold']} give {expected}, but the final stock is {book.stock}")

    def check_books(self, books, wrong):
        """Checks that the books stored beside the ledger equal those that result from it, in every field."""
        stored = {book.item: book for book in books}
        wrong.unless(len(stored) == len(books), "books: an item occurs twice")
        for item in sorted(stored.keys() | self.books.keys()):
            kept, expected = stored.get(item), self.books.get(item)
            if kept and expected:
                wrong.unless(any(expected.description), f"books: no entry describes item {item}")
                kept.seq = kept.seq or expected.seq
            wrong.unless(kept == expected, f"books: item {item}: stored {kept}, the ledger gives {expected}")


def check_form(place, entry, wrong):
    """Checks the fields that each kind of entry must and must not have."""
    wrong.unless(TIME.fullmatch(entry.at), f"{place}: {entry.at!r} is not a UTC time with six decimals")
    wrong.unless(not entry.order or UUID.fullmatch(entry.order), f"{place}: {entry.order!r} is not a UUID")
    wrong.unless(not entry.unit_cost or COST.fullmatch(entry.unit_cost), f"{place}: {entry.unit_cost!r} is not a cost")
    wrong.unless(1 <= entry.item <= ITEM_MAX, f"{place}: {entry.item} is not an item number")
    wrong.unless(1 <= entry.line <= entry.lines <= GROUP_MAX, f"{place}: line {entry.line} of {entry.lines}")
    wrong.unless(entry.lines == 1 or entry.order, f"{place}: several lines without an order")
    wrong.unless((entry.kind == "refused") == bool(entry.reason), f"{place}: {entry.kind} with reason {entry.reason!r}")
    if entry.kind == "sold":
        whole = entry.order and entry.unit_cost and entry.stock_after is not None
        wrong.unless(whole, f"{place}: a sale without order, cost or stock")
        quantity = entry.quantity or 0
        wrong.unless(1 <= quantity <= 100, f"{place}: {entry.quantity} copies sold at once")
        wrong.unless(entry.change == -quantity, f"{place}: {quantity} sold, but the stock changed by {entry.change}")
    if entry.kind == "refused":
        wrong.unless(entry.change == 0, f"{place}: refused, but the stock changed by {entry.change}")
    if entry.kind == "set":
        topic = entry.description[0]
        wrong.unless(bool(entry.title) == bool(topic) == any(entry.description),
                     f"{place}: half a description: {entry.title!r}, {entry.description}")
        wrong.unless(not topic or entry.unit_cost, f"{place}: a description without a cost")
    else:
        wrong.unless(not any(entry.description), f"{place}: {entry.kind} with a description")


def check_group(place, group, wrong):
    """Checks a whole group: an order is sold or refused as a whole, and one of its lines has the reason for a refusal."""
    kinds = {entry.kind for entry in group}
    wrong.unless(len(kinds) == 1 or kinds <= {"set", "withdrawn"}, f"{place}: one order, but {sorted(kinds)}")
    is_order = kinds & {"sold", "refused"}
    wrong.unless(not is_order or len(group) <= ORDER_MAX, f"{place}: an order of {len(group)} lines")
    wrong.unless(kinds != {"refused"} or {entry.reason for entry in group} != {"with-others"},
                 f"{place}: refused, but every line could have been sold")
