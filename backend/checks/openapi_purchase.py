#!/usr/bin/env python3
"""Buys with a client that openapi-python-client generated from a front-end's document.

    openapi_purchase.py FOLDER URL TOKEN
"""

import sys
import uuid
from importlib import import_module
from pathlib import Path


def main(folder, url, token):
    package = next(path.parent.name for path in Path(folder).glob("*/client.py"))
    sys.path.insert(0, folder)
    root, models = import_module(package), import_module(f"{package}.models")
    operation = lambda name: import_module(f"{package}.api.{name}").sync_detailed
    client, shopkeeper = root.Client(base_url=url), root.AuthenticatedClient(base_url=url, token=token)

    found = operation("shop.search_books")(client=client, q="rpc").parsed
    assert isinstance(found, models.BookPage) and len(found.books) == 1, found
    book = operation("shop.search_books")(client=client, item=found.books[0].item).parsed
    assert isinstance(book, models.Book), book

    buy, key = operation("shop.buy_book"), str(uuid.uuid4())
    order = models.BuyBody(item=book.item, quantity=2)
    bought = buy(client=client, body=order, idempotency_key=key)
    receipt = bought.parsed
    assert (bought.status_code, receipt.order, receipt.stock) == (200, uuid.UUID(key), book.stock - 2), bought
    again = buy(client=client, body=order, idempotency_key=key)
    assert (again.parsed, again.headers["Idempotency-Replayed"]) == (receipt, "true"), again
    assert operation("shop.find_order")(client=client, order=uuid.UUID(key)).parsed == receipt

    basket = models.BuyBody(lines=[models.OrderLine(item=1), models.OrderLine(item=2, quantity=3)])
    lines = buy(client=client, body=basket).parsed.lines
    assert [(line.item, line.quantity) for line in lines] == [(1, 1), (2, 3)], lines

    set_stock = operation("shopkeeper.change_stock")
    changed = set_stock(client=shopkeeper, item=book.item, body=models.NewStock(stock=1)).parsed
    assert changed.stock == 1, changed
    refused = buy(client=client, body=order)
    assert (refused.status_code, refused.parsed.code) == (409, models.Code.SOLD_OUT), refused
    assert set_stock(client=root.AuthenticatedClient(base_url=url, token="wrong"), item=1,
                     body=models.AddedStock(change=1)).status_code == 401
    entries = operation("shopkeeper.list_entries")(client=shopkeeper, limit=1000).parsed.entries
    assert [entry.kind for entry in entries[-4:]] == ["sold", "sold", "sold", "set"], entries


if __name__ == "__main__":
    main(*sys.argv[1:])
