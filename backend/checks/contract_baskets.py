"""Contract checks of orders of several lines, at the front-end."""

import random
import time
from concurrent.futures import ThreadPoolExecutor

from contract_buying import BAD_QUANTITIES
from contract_runner import check, new_key
from contract_shapes import UUID, equal, expect, is_entry, is_group, is_receipt, ok, refused

BASKET = [(4, 1), (1, 2), (2, None)]
BAD_LINES = ['[]', 'null', '{}', '[null]', '[1]', '[[2,1]]', '[{}]', '[{"quantity":1}]', '[{"item":null}]',
             '[{"item":"2"}]', '[{"item":0},{"item":2}]', '[{"item":2.5}]', '[{"item":9007199254740992}]',
             '[{"item":2,"colour":"blue"}]', '[{"item":2,"item":3}]', '[{"item":2},{"item":2}]',
             '[{"item":2},{"item":4},{"item":2,"quantity":3}]', '[{"lines":[{"item":2}]}]', '[{"item":2}',
             '{"item":2}', '"2"']
MIXED = ['{"item":2,"lines":[{"item":4}]}', '{"item":2,"lines":[{"item":2}]}', '{"quantity":1,"lines":[{"item":2}]}',
         '{"item":2,"lines":[]}', '{"item":2,"lines":null}', '{"lines":[{"item":2}],"lines":[{"item":4}]}',
         '{"lines":[{"item":2}],"colour":"blue"}', '[{"item":2},{"item":4}]']
# Orders that differ from BASKET.
OTHERS = {
    "another quantity": [(1, 1), (2, 1), (4, 1)], "another item": [(1, 2), (2, 1), (3, 1)],
    "a line less": [(1, 2), (2, 1)], "a line more": [(1, 2), (2, 1), (3, 1), (4, 1)], "one line": [(1, 2)],
    "an unknown item": [(1, 2), (2, 1), (999, 1)], "quantities exchanged": [(1, 1), (2, 2), (4, 1)],
    "too many copies": [(1, 2), (2, 100), (4, 100)],
}


def body(lines):
    return {"lines": [{"item": item} | ({"quantity": quantity} if quantity else {}) for item, quantity in lines]}


def buy(w, lines, key=None, **options):
    return w.frontend.post("/buy", body(lines), key=key, **options)


def stocks(w):
    return {item: w.stock(item) for item in (1, 2, 3, 4)}


def entries_after(w, seq):
    return ok(w.catalog.get(f"/ledger?after={seq}&limit=1000")).json["entries"]


# --- Receipts ---------------------------------------------------------------------------------------------------------


@check(cases=[[(1, 1), (2, 1)], BASKET, [(4, 100), (3, 1), (2, 7), (1, 1)]])
def an_order_of_several_lines_is_answered_with_one_receipt(w, lines):
    head, before = w.head(), {item: w.book(item) for item, _ in lines}
    answer = ok(buy(w, lines))
    receipt = is_receipt(answer.json, status="sold")
    expect(not answer.replayed, "a first answer is marked as a replay")
    equal([line["item"] for line in receipt["lines"]], sorted(before), "items")
    wanted = {item: quantity or 1 for item, quantity in lines}
    for line in receipt["lines"]:
        item = line["item"]
        book, copies = before[item], wanted[item]
        equal((line["title"], line["cost"], line["quantity"], line["stock"]),
              (book["title"], book["cost"], copies, book["stock"] - copies), "title, cost, quantity and stock")
        equal((w.book(item)["stock"], w.book(item)["seq"]), (line["stock"], line["seq"]), "stock and seq of the book")
    equal((receipt["seq"], w.head()), (head + len(lines), head + len(lines)), "seq of the receipt, and the head")
    expect(answer.seq >= receipt["seq"], f"Bookstore-Seq {answer.seq} of the order {receipt['seq']}")
    for service in (w.frontend, w.order):
        equal(ok(service.get(f"/orders/{receipt['order']}")).json, receipt, "the order read afterwards")
    for entry, line in zip(is_group(entries_after(w, head)), receipt["lines"]):
        is_entry(entry, kind="sold", order=receipt["order"], at=receipt["at"], item=line["item"], seq=line["seq"],
                 unit_cost=line["cost"], title=line["title"], stock_after=line["stock"])
    for item, book in before.items():
        w.set_stock(item, book["stock"])


@check(cases=['{"lines":[{"quantity":2,"item":4},{"item":1}]}',
              ' {\n "lines" : [ {"item" : 1} ,\t{"item":4,"quantity":2} ] } \r\n',
              '{"\\u006cines":[{"item":1,"quantity":1},{"\\u0069tem":4,"quantity":2}]}'])
def lines_are_read_as_any_json(w, text):
    for options in ({}, {"chunked": True}, {"content_type": None}):
        receipt = is_receipt(ok(w.frontend.post("/buy", text, **options)).json, status="sold", total="330.00")
        equal([(line["item"], line["quantity"]) for line in receipt["lines"]], [(1, 1), (4, 2)], "lines")


@check(cases=[None, 1, 3])
def one_line_is_the_same_as_an_item(w, quantity):
    for first, second in ((buy, lambda w, lines, key: w.buy(*lines[0], key)),
                          (lambda w, lines, key: w.buy(*lines[0], key), buy)):
        key = new_key()
        answer = ok(first(w, [(2, quantity)], key))
        is_receipt(answer.json, order=key, item=2, quantity=quantity or 1)
        again = ok(second(w, [(2, quantity or 1)], key))
        expect(again.replayed, "the other form is another order")
        equal(again.json, answer.json, "the replay")
    w.set_stock(3, 0)
    for key in (None, new_key()):
        equal(refused(buy(w, [(3, quantity)], key), "sold-out").json, refused(w.buy(3, quantity, key), "sold-out").json,
              "the refusals of both forms")
    w.set_stock(3, 300)
    equal(refused(buy(w, [(999, 1)]), "unknown-item").json, refused(w.buy(999), "unknown-item").json, "unknown items")


# --- Refusals ---------------------------------------------------------------------------------------------------------


def is_refused_without_a_change(w, text, **options):
    head, key = w.head(), new_key()
    refused(w.frontend.post("/buy", text, key=key, **options), "invalid-request")
    equal(w.head(), head, "head of the ledger")
    w.is_undecided(key)
    expect(not ok(w.buy(1, key=key)).replayed, "the key was used up")


@check(cases=BAD_LINES)
def malformed_lines_are_refused(w, lines):
    is_refused_without_a_change(w, '{"lines":%s}' % lines)


@check(cases=MIXED)
def lines_and_item_together_are_refused(w, text):
    is_refused_without_a_change(w, text)


@check(cases=BAD_QUANTITIES)
def a_quantity_out_of_bounds_in_any_line_is_refused(w, quantity):
    is_refused_without_a_change(w, '{"lines":[{"item":1},{"item":2,"quantity":%s}]}' % quantity)


@check
def lines_and_an_item_in_the_address_together_are_refused(w):
    refused(w.frontend.post("/buy?buyNum=1", body([(2, 1)])), "invalid-request")
    refused(w.order.post("/buy/1", body([(2, 1)])), "invalid-request")


@check
def an_order_has_at_most_twenty_lines(w):
    twenty = [(item, 1) for item in range(1, 21)]
    equal(refused(buy(w, twenty), "unknown-item").json["items"], list(range(5, 21)), "unknown items of 20")
    is_refused_without_a_change(w, str(body(twenty + [(21, 1)])).replace("'", '"'))


SHORT = [[(3, 3), (1, 1)], [(4, 2), (3, 100), (2, 100)], [(4, 1), (3, 3), (2, 4), (1, 1)]]


@check(cases=SHORT)
def too_little_stock_for_one_line_sells_none(w, lines):
    w.set_stock(2, 3)
    w.set_stock(3, 2)
    short = [{"item": item, "stock": {2: 3, 3: 2}[item], "wanted": quantity} for item, quantity in sorted(lines)
             if item in (2, 3) and quantity > {2: 3, 3: 2}[item]]
    head, before, key = w.head(), stocks(w), new_key()
    answer = refused(buy(w, lines), "sold-out")
    equal(answer.json["lines"], short, "lines with too little stock")
    expect("order" not in answer.json, "an unrecorded refusal names an order:", answer)
    equal(w.head(), head, "head of the ledger")
    first = refused(buy(w, lines, key), "sold-out")
    equal((first.json["lines"], first.json["order"]), (short, key), "lines and order under a key")
    equal(stocks(w), before, "stocks")
    entries = is_group(entries_after(w, head), kind="refused", order=key)
    reasons = {entry["item"]: entry["reason"] for entry in entries}
    missing = {line["item"] for line in short}
    equal(reasons, {item: "sold-out" if item in missing else "with-others" for item, _ in lines}, "reasons")
    receipt = is_receipt(ok(w.frontend.get(f"/orders/{key}")).json, order=key, status="refused", seq=head + len(lines))
    equal({line["item"]: (line["reason"], line["stock"], line["quantity"]) for line in receipt["lines"]},
          {item: (reasons[item], before[item], quantity) for item, quantity in lines}, "lines of the receipt")
    w.set_stock(2, 500)
    w.set_stock(3, 300)
    again = refused(buy(w, lines[::-1], key), "sold-out")
    expect(again.replayed and not first.replayed, "Idempotency-Replayed is wrong")
    equal(again.json, first.json, "the replay")
    refused(buy(w, [(item, 1) for item, _ in lines], key), "key-reused")


@check(cases=[[(999, 1), (2, 1)], [(2, 1), (999, 2), (1000, 1), (3, 1)], [(9007199254740991, 1), (999, 1)]])
def an_unknown_item_among_the_lines_sells_none(w, lines):
    w.set_stock(3, 0)
    unknown = sorted(item for item, _ in lines if item > 4)
    head, before, key = w.head(), stocks(w), new_key()
    answer = refused(buy(w, lines), "unknown-item")
    equal(answer.json["items"], unknown, "unknown items")
    expect("order" not in answer.json and "lines" not in answer.json, "an unrecorded refusal:", answer)
    equal(w.head(), head, "head of the ledger")
    first = refused(buy(w, lines, key), "unknown-item")
    equal(first.json["items"], unknown, "unknown items under a key")
    entries = is_group(entries_after(w, head), kind="refused", order=key)
    equal({entry["item"]: entry["reason"] for entry in entries},
          {item: "unknown-item" if item > 4 else "sold-out" if item == 3 else "with-others" for item, _ in lines})
    is_receipt(ok(w.frontend.get(f"/orders/{key}")).json, order=key, status="refused")
    equal(stocks(w), before, "stocks")
    w.set_stock(3, 300)
    again = refused(buy(w, lines, key), "unknown-item")
    expect(again.replayed and not first.replayed, "Idempotency-Replayed is wrong")
    equal(again.json, first.json, "the replay")


# --- Keys -------------------------------------------------------------------------------------------------------------


@check
def the_order_of_the_lines_does_not_matter(w):
    key, before = new_key(), stocks(w)
    first = ok(buy(w, BASKET, key))
    equal(first.json["order"], key, "order")
    for _ in range(6):
        lines = [(item, quantity or random.choice([None, 1])) for item, quantity in random.sample(BASKET, len(BASKET))]
        again = ok(buy(w, lines, key))
        expect(again.replayed and not first.replayed, "Idempotency-Replayed is wrong")
        equal(again.json, first.json, "the replay")
    equal(stocks(w), {item: stock - {1: 2, 2: 1, 3: 0, 4: 1}[item] for item, stock in before.items()}, "stocks")


@check(cases=OTHERS)
def a_key_of_another_order_is_refused(w, name):
    lines, key = OTHERS[name], new_key()
    first = ok(buy(w, BASKET, key))
    before, head = stocks(w), w.head()
    refused(buy(w, lines, key), "key-reused")
    if len(lines) == 1:
        refused(w.buy(*lines[0], key), "key-reused")
    equal((stocks(w), w.head()), (before, head), "stocks and head")
    equal(ok(buy(w, BASKET, key)).json, first.json, "the first order afterwards")
    other = new_key()
    ok(w.buy(1, 2, other))
    refused(buy(w, BASKET, other), "key-reused")


@check
def a_key_is_for_an_order_or_a_stock_change(w):
    key, other = new_key(), new_key()
    ok(buy(w, BASKET, key))
    for change in ({"change": -2}, {"stock": w.stock(1)}):
        refused(w.frontend.put("/stock/1", change, token=True, key=key), "key-reused")
    ok(w.frontend.put("/stock/1", {"change": 2}, token=True, key=other))
    refused(buy(w, BASKET, other), "key-reused")


@check
def one_key_sent_by_many_at_once_buys_once(w):
    key, before = new_key(), w.stock(4)
    orders = [random.sample(BASKET, len(BASKET)) for _ in range(48)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda lines: ok(buy(w, lines, key)), orders))
    equal({answer.body for answer in answers}, {answers[0].body}, "receipts")
    equal(sum(not answer.replayed for answer in answers), 1, "answers that are not replays")
    equal(w.stock(4), before - 1, "stock")


@check
def many_overlapping_orders_at_once_sell_exactly_the_stock(w):
    w.set_stock(3, 20)
    w.set_stock(4, 30)
    orders = [[(3, 1), (4, 1)], [(4, 1), (1, 1)], [(3, 1), (1, 1)]] * 24
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda lines: buy(w, lines), orders))
    sold = {3: [], 4: []}
    for answer in answers:
        expect(answer.status == 200 or answer.code == "sold-out", answer)
        for line in is_receipt(answer.json)["lines"] if answer.status == 200 else ():
            sold.get(line["item"], []).append(line["stock"])
    for item, stock in ((3, 20), (4, 30)):
        equal(sorted(sold[item]), list(range(w.stock(item), stock)), f"stocks of item {item} on the receipts")
    equal(min(w.stock(3), w.stock(4)), 0, "the lower stock")
    w.set_stock(3, 300)
    w.set_stock(4, 500)


@check
def an_order_after_its_deadline_is_not_applied(w):
    head, key = w.head(), new_key()
    for millis in (0, 1, int(time.time() * 1000) - 5000):
        late = [("Bookstore-Deadline", str(millis))]
        equal(refused(buy(w, BASKET, key, headers=late), "deadline-exceeded").json.get("order"), key, "order")
    unkeyed = refused(buy(w, BASKET, headers=late), "deadline-exceeded")
    expect(UUID.fullmatch(unkeyed.json.get("order", "")), "a late order without a key has no id:", unkeyed)
    equal(w.head(), head, "head of the ledger")
    w.is_undecided(key)
    first = ok(buy(w, BASKET, key))
    again = ok(buy(w, BASKET, key, headers=late))
    expect(again.replayed and not first.replayed, "a decided order is not replayed after its deadline")
    equal(again.json, first.json, "the replay")
