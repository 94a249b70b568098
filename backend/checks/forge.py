#!/usr/bin/env python3
"""Falsifies a store at rest, checksums and indexes included: the control that check_ledger.py detects it.

    forge.py STORE delete | double | edit

STORE is csv:DIR, sqlite:FILE or postgres://…: a copy, because it is destroyed.

    delete   removes the last sale and returns its copies to the stock
    double   appends the last sale a second time and takes its copies from the stock again
    edit     adds one copy to the stock of one book
"""

import argparse
import csv
import io
import sqlite3
import subprocess
from pathlib import Path

from ledger_readers import crc32c

LAST = "(SELECT max(seq) FROM ledger WHERE kind = 'sold')"
HEAD = "(SELECT max(seq) FROM ledger)"
RETURN = "UPDATE books SET stock = stock {} (SELECT quantity FROM ledger WHERE seq = {}) " \
         "WHERE item = (SELECT item FROM ledger WHERE seq = {})"
SQL = {
    "delete": [RETURN.format("+", LAST, LAST), f"DELETE FROM ledger WHERE seq = {LAST}"],
    "double": [
        "DROP INDEX ledger_ord_line",
        "INSERT INTO ledger (seq, at_micros, kind, item, line, lines, quantity, change, stock_after, ord, unit_cost_cents,"
        f" reason, title, batch) SELECT {HEAD} + 1, at_micros, kind, item, line, lines, quantity, change,"
        " (SELECT stock FROM books WHERE books.item = ledger.item) - quantity, ord, unit_cost_cents, reason, title,"
        f" {HEAD} + 1 FROM ledger WHERE seq = {LAST}",
        RETURN.format("-", HEAD, HEAD),
    ],
    "edit": ["UPDATE books SET stock = stock + 1 WHERE item = (SELECT min(item) FROM books)"],
}


def forge_csv(folder, how):
    path = folder / "ledger.csv"
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
    seq, kind, item, quantity, stock_after, batch = (
        rows[0].index(name) for name in ("seq", "kind", "item", "quantity", "stock_after", "batch"))
    last = max(index for index, row in enumerate(rows) if row[kind] == "sold")
    if how == "delete":
        del rows[last]
    elif how == "double":
        entries = [row for row in rows[1:] if row[kind] != "checkpoint"]
        stock = [row[stock_after] for row in entries if row[item] == rows[last][item] and row[stock_after]][-1]
        again = list(rows[last])
        again[seq] = again[batch] = str(max(int(row[seq]) for row in entries) + 1)
        again[stock_after] = str(int(stock) - int(again[quantity]))
        rows.append(signed(again))
    else:
        rows[last][stock_after] = str(int(rows[last][stock_after]) + 1)
        rows[last] = signed(rows[last])
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def signed(row):
    """Returns the row with its checksum."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(row[:-1])
    return [*row[:-1], f"{crc32c(line.getvalue().encode()):08x}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", metavar="STORE")
    parser.add_argument("how", choices=sorted(SQL))
    arguments = parser.parse_args()
    scheme, _, rest = arguments.store.partition(":")
    if scheme == "csv":
        forge_csv(Path(rest), arguments.how)
    elif scheme == "sqlite":
        with sqlite3.connect(rest) as database:
            for statement in SQL[arguments.how]:
                database.execute(statement)
    else:
        statements = [word for statement in SQL[arguments.how] for word in ("--command", statement)]
        subprocess.run(["psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", *statements, arguments.store],
                       check=True)


if __name__ == "__main__":
    main()
