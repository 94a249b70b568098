"""Contract checks of buying, orders, and the shopkeeper's routes of the front-end."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

from contract_frontend import FORMATS_REFUSED, FORMATS_TAKEN
from contract_runner import check, new_key
from contract_shapes import UUID, equal, expect, is_book, is_receipt, ok, refused

V7 = "0190b6d5-7f3c-7cc0-8000-" + uuid.uuid4().hex[:12]
KEYS_TAKEN = [("version 1", uuid.uuid1()), ("version 3", uuid.uuid3(uuid.uuid4(), "a")), ("version 4", uuid.uuid4()),
              ("version 5", uuid.uuid5(uuid.uuid4(), "a")), ("version 7", V7)]
KEYS_REFUSED = ["", '""', "abc", "123", "0190b6d5-7f3c-7cc0-8000", "0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4g",
                '"0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4e', "0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4e-00",
                "0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4e, 0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4f"]
BAD_QUANTITIES = ["0", "-1", "101", "1000000000", "1e9", "null", '"1"', "1.5", "true", "[]", "4294967297",
                  "18446744073709551617"]
BAD_BUYS = ['{}', '{"quantity":1}', '{"item":0}', '{"item":-1}', '{"item":"1"}', '{"item":1.5}', '{"item":null}',
            '{"item":9007199254740992}', '{"item":1,"colour":"blue"}', '{"item":1,"item":1}', '{"item":1',
            '{"item":1}}', '', ' ', 'null', '[]', '[1]', '[1,1]', '"1"', '1']
BAD_STOCKS = ['{}', '{"stock":1,"change":1}', '{"stock":null}', '{"change":null}', '{"stock":-1}', '{"stock":1.5}',
              '{"stock":"1"}', '{"change":"1"}', '{"change":0.5}', '{"stock":1000000001}',
              '{"stock":1,"colour":"blue"}', '{"stock":1', '', '[1]']


def sold_out_with(w, item, stock, quantity=1, key=None):
    """Sets the stock, orders more copies than that, and returns the refusal."""
    w.set_stock(item, stock)
    answer = refused(w.buy(item, quantity, key), "sold-out")
    equal((answer.json.get("item"), answer.json.get("stock")), (item, stock), "item and stock")
    return answer


# --- Receipts ---------------------------------------------------------------------------------------------------------


@check(cases=[None, 1, 2, 100])
def a_purchase_is_answered_with_its_receipt(w, quantity):
    before = w.book(2)
    answer = ok(w.buy(2, quantity))
    copies = quantity or 1
    receipt = is_receipt(answer.json, status="sold", item=2, title=before["title"], quantity=copies, cost="40.00",
                         total=f"{40 * copies}.00", stock=before["stock"] - copies)
    expect(not answer.replayed, "a first answer is marked as a replay")
    after = w.book(2)
    equal((after["stock"], after["seq"]), (receipt["stock"], receipt["seq"]), "stock and seq of the book")
    equal(ok(w.frontend.get(f"/orders/{receipt['order']}")).json, receipt, "the order read afterwards")
    w.set_stock(2, before["stock"])


@check
def the_original_stores_purchase_is_accepted(w):
    before = w.stock(1)
    receipt = is_receipt(ok(w.frontend.post("/buy?buyNum=1")).json, item=1, quantity=1)
    equal(receipt["stock"], before - 1, "stock")
    expect(w.frontend.post("/buy?buyNum=999").status != 200, "an unknown item was bought")
    refused(w.frontend.post("/buy?buyNum=abc"), "invalid-request")


@check
def an_unknown_query_parameter_of_a_purchase_is_ignored(w):
    ok(w.frontend.post("/buy?colour=blue", {"item": 1}))


# --- Keys -------------------------------------------------------------------------------------------------------------


@check
def the_same_key_gets_the_same_answer_and_buys_once(w):
    key, before = new_key(), w.stock(1)
    first = ok(w.buy(1, 2, key))
    equal(first.json["order"], key, "order")
    for _ in range(3):
        again = ok(w.buy(1, 2, key))
        expect(again.replayed and not first.replayed, "Idempotency-Replayed is wrong:", first.headers, again.headers)
        equal(again.json, first.json, "the replay")
    equal(w.stock(1), before - 2, "stock")


@check
def no_quantity_and_quantity_one_are_the_same_order(w):
    key = new_key()
    first = ok(w.buy(1, None, key))
    equal(ok(w.buy(1, 1, key)).json, first.json, "the replay")


@check(cases=KEYS_TAKEN)
def a_key_is_a_uuid_of_any_version_quoted_or_bare(w, case):
    key = str(case[1])
    first = ok(w.buy(1, key=f'"{key}"'))
    equal(first.json["order"], key, "order")
    for spelling in (key, key.upper(), f'"{key.upper()}"'):
        again = ok(w.buy(1, key=spelling))
        expect(again.replayed, f"{spelling} is another order")
        equal(again.json, first.json, "the replay")


@check(cases=KEYS_REFUSED)
def a_malformed_key_is_refused_and_nothing_bought(w, key):
    head = w.head()
    refused(w.buy(1, key=key), "invalid-request")
    equal(w.head(), head, "head of the ledger")


@check
def a_repeated_key_is_refused_and_not_used_up(w):
    key = new_key()
    refused(w.buy(1, key=key, headers=[("Idempotency-Key", key)]), "invalid-request")
    refused(w.buy(1, key=key, headers=[("Idempotency-Key", new_key())]), "invalid-request")
    w.is_undecided(key)
    expect(not ok(w.buy(1, key=key)).replayed, "the key was used up")


@check
def an_invalid_request_uses_up_no_key(w):
    key = new_key()
    for body in ('{"item":1,"quantity":0}', '{"item":1,"quantity":101}', '{"item":0}', '{"item":', '{"item":1,"x":1}',
                 ''):
        refused(w.frontend.post("/buy", body, key=key), "invalid-request")
    refused(w.frontend.post("/buy", {"item": 1}, key=key, content_type="text/plain"), "unsupported-media-type")
    w.is_undecided(key)
    expect(not ok(w.buy(1, key=key)).replayed, "the key was used up")


@check
def a_key_of_another_order_is_refused(w):
    key, before = new_key(), w.stock(2)
    first = ok(w.buy(1, 2, key))
    refused(w.buy(2, 2, key), "key-reused")
    refused(w.buy(1, 3, key), "key-reused")
    refused(w.buy(999, 2, key), "key-reused")
    equal(w.stock(2), before, "stock of the other book")
    equal(ok(w.buy(1, 2, key)).json, first.json, "the first order afterwards")


@check
def one_key_sent_by_many_at_once_buys_once(w):
    key, before = new_key(), w.stock(1)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: ok(w.buy(1, key=key)), range(48)))
    equal({answer.body for answer in answers}, {answers[0].body}, "receipts")
    equal(sum(not answer.replayed for answer in answers), 1, "answers that are not replays")
    equal(w.stock(1), before - 1, "stock")


@check
def many_at_once_buy_exactly_the_stock(w):
    w.set_stock(4, 20)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: w.buy(4), range(64)))
    receipts = [is_receipt(answer.json) for answer in answers if answer.status == 200]
    equal(sorted(receipt["stock"] for receipt in receipts), list(range(20)), "stocks on the receipts")
    for answer in answers:
        expect(answer.status == 200 or answer.code == "sold-out", answer)
    equal(w.stock(4), 0, "stock")
    w.set_stock(4, 500)


# --- Refusals ---------------------------------------------------------------------------------------------------------


@check(cases=BAD_QUANTITIES)
def a_quantity_out_of_bounds_is_refused(w, quantity):
    head = w.head()
    refused(w.frontend.post("/buy", '{"item":1,"quantity":%s}' % quantity), "invalid-request")
    equal(w.head(), head, "head of the ledger")


@check(cases=BAD_BUYS)
def a_malformed_purchase_is_refused(w, body):
    head = w.head()
    refused(w.frontend.post("/buy", body), "invalid-request")
    equal(w.head(), head, "head of the ledger")


@check
def a_purchase_without_a_body_is_refused(w):
    refused(w.frontend.post("/buy"), "invalid-request")


@check(cases=FORMATS_REFUSED)
def a_purchase_of_another_media_type_is_refused(w, media_type):
    refused(w.frontend.post("/buy", {"item": 1}, content_type=media_type), "unsupported-media-type")


@check(cases=FORMATS_TAKEN)
def a_purchase_without_a_media_type_is_read_as_json(w, media_type):
    ok(w.frontend.post("/buy", {"item": 1}, content_type=media_type))


@check(cases=[False, True])
def a_body_up_to_the_limit_is_read_and_more_is_refused(w, chunked):
    body = b'{"item":999}'
    refused(w.frontend.post("/buy", body.ljust(16 * 1024), chunked=chunked), "unknown-item")
    refused(w.frontend.post("/buy", body.ljust(16 * 1024 + 1), chunked=chunked), "payload-too-large")
    refused(w.frontend.post("/buy", body.ljust(1024 * 1024), chunked=chunked), "payload-too-large")


@check
def a_chunked_body_is_a_body(w):
    is_receipt(ok(w.frontend.post("/buy", {"item": 1}, chunked=True)).json, item=1)


@check
def an_unknown_item_is_refused_and_recorded_only_under_a_key(w):
    head, key = w.head(), new_key()
    expect("order" not in refused(w.buy(999), "unknown-item").json, "an unrecorded refusal names an order")
    equal(w.head(), head, "head of the ledger")
    first = refused(w.buy(999, 3, key), "unknown-item")
    again = refused(w.buy(999, 3, key), "unknown-item")
    expect(again.replayed and not first.replayed, "Idempotency-Replayed is wrong")
    receipt = ok(w.frontend.get(f"/orders/{key}")).json
    is_receipt(receipt, order=key, status="refused", item=999, quantity=3, reason="unknown-item")


@check(cases=[0, 2])
def sold_out_without_a_key_names_no_order_and_is_not_recorded(w, stock):
    answer = sold_out_with(w, 3, stock, quantity=3)
    expect("order" not in answer.json, "an unrecorded refusal names an order:", answer)
    equal(w.book(3)["seq"], w.head(), "the ledger's head, which is the entry that set the stock")
    w.set_stock(3, 300)


@check(cases=[0, 2])
def sold_out_under_a_key_is_recorded_and_final(w, stock):
    key = new_key()
    first = sold_out_with(w, 3, stock, 3, key)
    equal(first.json.get("order"), key, "order")
    receipt = ok(w.frontend.get(f"/orders/{key}")).json
    is_receipt(receipt, order=key, status="refused", item=3, quantity=3, cost="75.00", stock=stock, reason="sold-out")
    w.set_stock(3, 300)
    again = refused(w.buy(3, 3, key), "sold-out")
    expect(again.replayed and not first.replayed, "Idempotency-Replayed is wrong")
    equal(again.json, first.json, "the replay")
    refused(w.buy(3, 2, key), "key-reused")
    equal(w.stock(3), 300, "stock")


# --- Orders and deadlines ---------------------------------------------------------------------------------------------


@check
def an_order_that_was_not_placed_is_unknown(w):
    w.is_undecided(new_key())


@check(cases=["abc", "123", "0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4g"])
def a_malformed_order_is_refused(w, order):
    refused(w.frontend.get(f"/orders/{order}"), "invalid-request")


@check(cases=["frontend", "order"])
def a_purchase_after_its_deadline_is_not_applied(w, name):
    service, path = w.services[name], {"frontend": "/buy?buyNum=1", "order": "/buy/1"}[name]
    head, key = w.head(), new_key()
    for millis in (0, 1, int(time.time() * 1000) - 5000):
        answer = refused(service.post(path, key=key, headers=[("Bookstore-Deadline", str(millis))]),
                         "deadline-exceeded")
        equal(answer.json.get("order"), key, "order")
    unkeyed = refused(service.post(path, headers=[("Bookstore-Deadline", "1")]), "deadline-exceeded")
    expect(UUID.fullmatch(unkeyed.json.get("order", "")), "a late order without a key has no id:", unkeyed)
    equal(w.head(), head, "head of the ledger")
    w.is_undecided(key)
    soon = str(int(time.time() * 1000) + 10_000)
    expect(not ok(service.post(path, key=key, headers=[("Bookstore-Deadline", soon)])).replayed, "the key was used up")


@check(cases=["abc", "-1", "1.5"])
def a_malformed_deadline_is_refused(w, deadline):
    refused(w.buy(1, headers=[("Bookstore-Deadline", deadline)]), "invalid-request")


# --- The shopkeeper ---------------------------------------------------------------------------------------------------


@check(cases=[None, "wrong", ""])
def the_shopkeepers_routes_need_the_token(w, token):
    head = w.head()
    for answer in (w.frontend.put("/stock/1", {"change": 1}, token=token), w.frontend.get("/ledger", token=token),
                   w.catalog.put("/update/1", {"change": 1}, token=token)):
        refused(answer, "unauthorized")
    equal(w.head(), head, "head of the ledger")


@check(cases=[("frontend", "/stock/"), ("catalog", "/update/")])
def a_stock_is_set_and_changed(w, case):
    service, path = w.services[case[0]], case[1]
    before = w.book(4)
    for body, stock in (({"stock": 7}, 7), ({"change": 5}, 12), ({"change": -12}, 0), ({"stock": 500}, 500)):
        book = is_book(ok(service.put(f"{path}4", body, token=True)).json)
        equal(book, before | {"stock": stock, "seq": book["seq"]}, f"the book after {body}")
        equal(w.stock(4), stock, "stock")


@check(cases=[("frontend", "/stock/"), ("catalog", "/update/")])
def a_stock_never_falls_below_zero(w, case):
    service, path = w.services[case[0]], case[1]
    w.set_stock(4, 3)
    refused(service.put(f"{path}4", {"change": -4}, token=True), "sold-out")
    equal(w.stock(4), 3, "stock")
    refused(service.put(f"{path}999", {"change": 1}, token=True), "unknown-item")
    refused(service.put(f"{path}0", {"change": 1}, token=True), "invalid-request")
    w.set_stock(4, 500)


@check(cases=[("frontend", "/stock/"), ("catalog", "/update/")])
def a_stock_change_under_a_key_happens_once(w, case):
    service, path = w.services[case[0]], case[1]
    key, before = new_key(), w.stock(4)
    first = ok(service.put(f"{path}4", {"change": 5}, token=True, key=key))
    again = ok(service.put(f"{path}4", {"change": 5}, token=True, key=key))
    expect(again.replayed and not first.replayed, "Idempotency-Replayed is wrong")
    equal(again.json, first.json, "the replay")
    equal(w.stock(4), before + 5, "stock")
    refused(service.put(f"{path}4", {"change": 6}, token=True, key=key), "key-reused")
    refused(service.put(f"{path}3", {"change": 5}, token=True, key=key), "key-reused")
    refused(service.put(f"{path}4", {"change": 5}, token=True, key="abc"), "invalid-request")
    refused(w.buy(4, 5, key), "key-reused")
    equal(w.stock(4), before + 5, "stock")


@check
def the_key_of_an_order_cannot_change_a_stock(w):
    key = new_key()
    ok(w.buy(1, key=key))
    refused(w.frontend.put("/stock/1", {"change": -1}, token=True, key=key), "key-reused")


@check(cases=BAD_STOCKS)
def a_malformed_stock_change_is_refused(w, body):
    head = w.head()
    refused(w.frontend.put("/stock/4", body, token=True), "invalid-request")
    refused(w.catalog.put("/update/4", body, token=True), "invalid-request")
    equal(w.head(), head, "head of the ledger")
