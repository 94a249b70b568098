#!/usr/bin/env python3
"""Falsifies a store at rest, checksums and indexes included: the control that check_ledger.py detects it.

    forge.py STORE FORGERY

STORE is csv:DIR, sqlite:FILE or postgres://…: a copy, because it is destroyed. `line`, `half` and `price` need an order
of several lines. Exit: 0 falsified, 2 wrong usage, or the store does not allow the forgery.
"""

import argparse
import csv
import io
import sqlite3
import sys
import uuid
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from ledger_readers import (DESCRIPTION, EPOCH, FORMAT_2, SQL_BOOK, SQL_ENTRY, Unreadable, crc32c, fields_of,
                            open_store, psql)
from ledger_rules import Violations


class Store:
    """The entries and the books of a store, to be falsified."""

    def __init__(self, url):
        store = open_store(url)
        self.entries = [entry for _, entry in store.entries(Violations())]
        self.books = {book.item: book for book in store.books()}

    def last(self, *, lines=1):
        """Returns the index of the first line of the last order sold that has at least that many lines."""
        return max(at for at, entry in enumerate(self.entries)
                   if entry.kind == "sold" and entry.line == 1 and entry.lines >= lines)

    def remove(self, at):
        """Removes a sale and returns its copies to the stock."""
        lost = self.entries.pop(at)
        self.books[lost.item].stock += lost.quantity
        self.books[lost.item].seq = max(entry.seq for entry in self.entries
                                        if entry.item == lost.item and entry.kind != "refused")
        return lost

    def delete(self):
        """the last order sold is removed"""
        at = self.last()
        for _ in range(self.entries[at].lines):
            self.remove(at)

    def double(self):
        """the last order sold is appended a second time and taken from the stock again"""
        at, head = self.last(), self.entries[-1].seq
        for seq, entry in enumerate(self.entries[at:at + self.entries[at].lines], head + 1):
            book = self.books[entry.item]
            book.stock, book.seq = book.stock - entry.quantity, seq
            self.entries.append(replace(entry, seq=seq, batch=head + 1, stock_after=book.stock))

    def line(self):
        """one line of an order is removed and the entries after it are renumbered"""
        at = self.last(lines=2)
        lost = self.remove(at)
        for entry in self.entries[at:]:
            entry.seq -= 1
            entry.batch -= entry.batch > lost.seq
            if entry.item == lost.item and entry.stock_after is not None:
                entry.stock_after += lost.quantity
        for book in self.books.values():
            if book.seq is not None:
                book.seq -= book.seq > lost.seq

    def half(self):
        """the last line of the order at the ledger's end is removed"""
        if self.entries[-1].kind != "sold" or self.entries[-1].lines == 1:
            raise ValueError("the ledger does not end with an order of several lines")
        self.remove(len(self.entries) - 1)

    def price(self):
        """one line of an order costs a cent more"""
        entry = self.entries[self.last(lines=2)]
        units, cents = entry.unit_cost.split(".")
        entry.unit_cost = f"{units}.{(int(cents) + 1) % 100:02}"

    def title(self):
        """an order names another title"""
        self.entries[self.last()].title += "!"

    def stock(self):
        """a book has one copy more, which no entry explains"""
        next(iter(self.books.values())).stock += 1

    def rename(self):
        """a book has another title, which no entry explains"""
        next(iter(self.books.values())).title += "!"


FORGERIES = ["delete", "double", "line", "half", "price", "title", "stock", "rename"]


def write_csv(folder, store):
    for segment in folder.glob("ledger-*.csv"):
        segment.unlink()
    with (folder / "ledger.csv").open("w", encoding="utf-8", newline="") as file:
        file.write(f"{FORMAT_2}\n")
        for entry in store.entries:
            fields = replace(entry, **({"line": None, "lines": None} if entry.lines == 1 else {}))
            line = io.StringIO()
            csv.writer(line, lineterminator="").writerow(fields_of(fields))
            file.write(f"{line.getvalue()},{crc32c(line.getvalue().encode()):08x}\n")
    with (folder / "catalog.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["item", "name", "stock", "cost", *DESCRIPTION])
        rows.writerows([b.item, b.title, b.stock, b.cost, *b.description] for b in store.books.values())


def sql_rows(store, as_order):
    """Returns the rows of both tables, absent values as None."""
    for entry in store.entries:
        seq, at, kind, item, line, lines, quantity, change, after, order, cost, *texts, batch = fields_of(entry)
        since = datetime.fromisoformat(at) - EPOCH
        micros = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
        order, cents = as_order(order) if order else None, cents_of(cost) if cost else None
        yield "ledger", (seq, micros, kind, item, line, lines, quantity, change, after, order, cents,
                         *(text or None for text in texts), batch)
    for book in store.books.values():
        item, title, *description, cost, stock, seq = fields_of(book)
        yield "books", (item, title, *(text or None for text in description), cents_of(cost), stock, seq)


def cents_of(cost):
    return int(cost.replace(".", ""))


TABLES = {"ledger": SQL_ENTRY, "books": SQL_BOOK}


def write_sqlite(file, store):
    with sqlite3.connect(file) as database:
        database.execute("DROP INDEX IF EXISTS ledger_ord_line")
        for table in TABLES:
            database.execute(f"DELETE FROM {table}")
        for table, row in sql_rows(store, lambda order: uuid.UUID(order).bytes):
            database.execute(f"INSERT INTO {table} ({TABLES[table]}) VALUES ({', '.join('?' * len(row))})", row)


def write_postgres(url, store):
    for table, columns in TABLES.items():
        rows = io.StringIO()
        csv.writer(rows).writerows(row for name, row in sql_rows(store, str) if name == table)
        psql(url, ["DROP INDEX IF EXISTS ledger_ord_line", f"DELETE FROM {table}",
                   f"COPY {table} ({columns}) FROM STDIN (FORMAT csv)"], rows.getvalue())


def main():
    forgeries = "\n".join(f"    {name:<8} {getattr(Store, name).__doc__}" for name in FORGERIES)
    parser = argparse.ArgumentParser(description=f"{__doc__}\n{forgeries}",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", metavar="STORE")
    parser.add_argument("how", metavar="FORGERY", choices=FORGERIES)
    arguments = parser.parse_args()
    scheme, _, rest = arguments.store.partition(":")
    try:
        store = Store(arguments.store)
        getattr(store, arguments.how)()
    except (Unreadable, ValueError) as error:
        print(f"forge: {error}", file=sys.stderr)
        return 2
    if scheme == "csv":
        write_csv(Path(rest), store)
    elif scheme == "sqlite":
        write_sqlite(rest, store)
    else:
        write_postgres(arguments.store, store)
    return 0


if __name__ == "__main__":
    sys.exit(main())
