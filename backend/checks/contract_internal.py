"""Contract checks of the routes of catalog and order service, and of each service's health."""

import re
import time

from contract_buying import BAD_QUANTITIES
from contract_frontend import BAD_ITEMS, BAD_LIMITS, DS
from contract_runner import check, encode, new_key, pages
from contract_shapes import (UUID, allowed, equal, expect, fields_are, is_book, is_entry, is_group, is_problem,
                             is_receipt, ok, refused)

OPERATIONS = {
    "frontend": ["GET /topics", "GET /search", "POST /buy", "GET /orders/{order}", "GET /events", "PUT /stock/{item}",
                 "GET /ledger"],
    "catalog": ["GET /topics", "GET /search/{topic}", "GET /search", "GET /lookup/{item}", "PUT /update/{item}",
                "POST /sales", "GET /ledger", "GET /ledger/orders/{order}", "GET /feed"],
    "order": ["POST /buy/{item}", "GET /buy/{item}", "POST /orders", "GET /orders/{order}", "GET /orders"],
}
HEALTH = ["GET /livez", "GET /readyz", "GET /metrics", "GET /openapi.json"]
METRIC = re.compile(r'[a-zA-Z_:][a-zA-Z0-9_:]*(\{.*\})? [-+0-9.eEInfNa]+( \d+)?')
WRONG_METHODS = [("catalog POST /topics", "GET, HEAD"), ("catalog GET /sales", "POST"),
                 ("catalog GET /update/1", "PUT"), ("catalog PUT /lookup/1", "GET, HEAD"),
                 ("order PUT /orders/x", "GET, HEAD")]
UNKNOWN_ROUTES = ["catalog GET /nothing", "catalog GET /lookup", "order GET /", "order GET /topics",
                  "order GET /livez/x"]


# --- Every service ----------------------------------------------------------------------------------------------------


@check(cases=OPERATIONS)
def a_service_exposes_prometheus_metrics(w, name):
    answer = ok(w.services[name].get("/metrics"))
    equal(answer.headers["Content-Type"].partition(";")[0], "text/plain", "media type")
    lines = answer.body.decode().splitlines()
    expect(any(line.startswith("# TYPE ") for line in lines), "no metric has a type")
    for line in lines:
        expect(not line or line.startswith("#") or METRIC.fullmatch(line), f"not a metric: {line!r}")


@check(cases=OPERATIONS)
def a_service_documents_every_operation(w, name):
    answer = ok(w.services[name].get("/openapi.json"))
    equal(answer.headers["Content-Type"].partition(";")[0], "application/json", "media type")
    document = answer.json
    expect(document["openapi"].startswith("3.1."), f"OpenAPI {document['openapi']}")
    expect(document["info"]["title"] and document["info"]["version"], "the document has no title or version")
    found = {f"{method.upper()} {path}" for path, operations in document["paths"].items() for method in operations}
    equal(sorted(set(OPERATIONS[name] + HEALTH) - found), [], "missing operations")


@check(cases=WRONG_METHODS)
def a_wrong_method_gets_the_allowed_ones(w, case):
    name, method, path = case[0].split()
    answer = refused(w.services[name].request(method, path), "method-not-allowed")
    equal(allowed(answer), set(case[1].split(", ")), "Allow")


@check(cases=UNKNOWN_ROUTES)
def an_unknown_address_is_not_found(w, request):
    name, method, path = request.split()
    refused(w.services[name].request(method, path), "not-found")


@check(cases=["/topics", "/search/graduate%20school", "/search?q=s", "/lookup/2", "/lookup/999", "/ledger?limit=5"])
def head_at_the_catalog_answers_as_get_does(w, path):
    found, head = w.catalog.get(path), w.catalog.request("HEAD", path)
    equal((head.status, w.catalog.bytes_after_head(path)), (found.status, b""), "status and body")
    for field in ("Content-Type", "ETag"):
        equal(head.headers.get(field), found.headers.get(field), field)


# --- The catalog ------------------------------------------------------------------------------------------------------


@check
def the_catalog_searches_as_the_front_end_does(w):
    head = [("Bookstore-Seq", str(w.head()))]
    for inner, outer in (("/topics", "/topics"),
                         ("/search/distributed%20systems", "/search?topic=distributed%20systems"),
                         ("/search/GRADUATE%20school", "/search?topic=graduate%20school"),
                         ("/search/none", "/search?topic=none"),
                         ("/search?q=s", "/search?q=s"), ("/lookup/3", "/search?item=3")):
        equal(ok(w.catalog.get(inner)).json, ok(w.frontend.get(outer, headers=head)).json, inner)


@check
def the_catalogs_topic_comes_in_pages(w):
    whole = ok(w.catalog.get(f"/search/{encode(DS)}")).json["books"]
    equal([is_book(book)["item"] for book in whole], [1, 2], "items")
    equal(pages(w.catalog, f"/search/{encode(DS)}?limit=1", "books"), whole)
    for limit in BAD_LIMITS:
        refused(w.catalog.get(f"/search/{encode(DS)}?limit={limit}"), "invalid-request")


@check
def a_lookup_returns_a_book_or_a_problem(w):
    answer = ok(w.catalog.get("/lookup/2"))
    equal(is_book(answer.json)["item"], 2, "item")
    equal(answer.headers.get("ETag"), f'"{answer.json["seq"]}"', "ETag")
    equal(w.catalog.get("/lookup/2", headers=[("If-None-Match", answer.headers["ETag"])]).status, 304, "status")
    refused(w.catalog.get("/lookup/999"), "unknown-item")
    for item in (item for item in BAD_ITEMS if item):
        refused(w.catalog.get(f"/lookup/{item}"), "invalid-request")


def sale(item=1, quantity=1, order=None, keyed=True, resent=False, seconds=10):
    return {"order": order or new_key(), "item": item, "quantity": quantity, "keyed": keyed, "resent": resent,
            "deadline": max(0, int((time.time() + seconds) * 1000))}


def decide(w, *sales):
    """Returns the catalog's decisions on a batch, which must be in the batch's order."""
    answer = ok(w.catalog.post("/sales", {"sales": list(sales)})).json
    fields_are(answer, ("decisions", "head", "store"))
    decisions = answer["decisions"]
    equal([decision["order"] for decision in decisions], [asked["order"] for asked in sales], "orders")
    for decision in decisions:
        expect({"order", "outcome", "replayed"} <= set(decision), decision)
        expect(len(decision.get("entries", (1, 2))) > 1, "one line in the form of several:", decision)
        entries = decision.get("entries") or [decision[name] for name in ("entry",) if name in decision]
        if entries:
            is_group(entries, order=decision["order"])
            expect(entries[-1]["seq"] <= answer["head"], "an entry is beyond the head:", decision)
    return decisions


def outcomes(decisions):
    return [(decision["outcome"], decision["replayed"], "entry" in decision) for decision in decisions]


@check
def a_batch_of_sales_is_decided_in_its_order(w):
    w.set_stock(3, 3)
    first, second = sale(3, 2), sale(3, 2)
    decisions = decide(w, first, second, sale(3, 1, keyed=False), sale(3, 1, keyed=False), sale(999),
                       sale(999, keyed=False))
    equal(outcomes(decisions),
          [("sold", False, True), ("refused", False, True), ("sold", False, True), ("refused", False, False),
                                ("refused", False, True), ("refused", False, False)], "outcomes")
    is_entry(decisions[0]["entry"], item=3, quantity=2, stock_after=1, order=first["order"], unit_cost="75.00")
    is_entry(decisions[1]["entry"], kind="refused", stock_after=1, reason="sold-out")
    equal(w.stock(3), 0, "stock")
    w.set_stock(3, 300)
    again = decide(w, first, second)
    equal(outcomes(again), [("sold", True, True), ("refused", True, True)], "outcomes of the repetition")
    equal([decision["entry"] for decision in again], [decision["entry"] for decision in decisions[:2]], "entries")
    equal(w.stock(3), 300, "stock")


@check
def a_refusal_of_a_resent_sale_is_recorded(w):
    asked = sale(999, keyed=False, resent=True)
    equal(outcomes(decide(w, asked)), [("refused", False, True)])
    equal(outcomes(decide(w, asked)), [("refused", True, True)])


@check
def a_sale_under_the_id_of_another_is_refused(w):
    first, before = sale(1, 2), w.stock(2)
    decide(w, first)
    others = [first | {"quantity": 1}, first | {"item": 2}, first | {"item": 999}]
    for decision in decide(w, *others):
        equal((decision["outcome"], "entry" in decision), ("key-reused", False), "decision")
    equal(w.stock(2), before, "stock of the other book")


@check
def one_id_twice_in_a_batch_is_sold_once(w):
    asked, before = sale(1), w.stock(1)
    decisions = decide(w, asked, asked, asked | {"quantity": 2})
    equal([(decision["outcome"], decision["replayed"]) for decision in decisions[:2]],
          [("sold", False), ("sold", True)], "decisions")
    equal(decisions[2]["outcome"], "key-reused", "outcome of another quantity")
    equal(w.stock(1), before - 1, "stock")


@check
def a_sale_after_its_deadline_is_not_applied_but_a_decided_one_is_replayed(w):
    head, late = w.head(), sale(seconds=-5)
    equal(outcomes(decide(w, late)), [("expired", False, False)])
    equal(w.head(), head, "head of the ledger")
    refused(w.catalog.get(f"/ledger/orders/{late['order']}"), "unknown-order")
    timely = sale()
    decide(w, timely)
    equal(outcomes(decide(w, timely | {"deadline": late["deadline"]})), [("sold", True, True)])


@check
def a_batch_has_at_most_1024_sales(w):
    equal(len(decide(w, *[sale(999, keyed=False) for _ in range(1024)])), 1024, "decisions")
    answer = w.catalog.post("/sales", {"sales": [sale(999, keyed=False) for _ in range(1025)]})
    refused(answer, "payload-too-large" if answer.status == 413 else "invalid-request")
    refused(w.catalog.post("/sales", b'{"sales":[]}'.ljust(1536 * 1024)), "payload-too-large")


@check(cases=[{"quantity": 0}, {"quantity": 101}, {"quantity": None}, {"item": 0}, {"item": "1"}, {"order": "abc"},
              {"order": None}, {"keyed": "yes"}, {"deadline": "soon"}, {"deadline": -1}, {"colour": "blue"}])
def a_batch_with_one_bad_sale_is_refused_whole(w, wrong):
    head = w.head()
    refused(w.catalog.post("/sales", {"sales": [sale(), sale() | wrong]}), "invalid-request")
    equal(w.head(), head, "head of the ledger")


@check
def an_order_is_found_in_the_ledger(w):
    asked = sale(2, 3)
    entry = decide(w, asked)[0]["entry"]
    equal(ok(w.catalog.get(f"/ledger/orders/{asked['order']}")).json, entry, "entry")
    refused(w.catalog.get(f"/ledger/orders/{new_key()}"), "unknown-order")
    refused(w.catalog.get("/ledger/orders/abc"), "invalid-request")


# --- The order service ------------------------------------------------------------------------------------------------


@check
def the_order_service_sells(w):
    before, key = w.book(2), new_key()
    first = ok(w.order.post("/buy/2", {"quantity": 3}, key=key))
    is_receipt(first.json, order=key, status="sold", item=2, quantity=3, title=before["title"], total="120.00",
               stock=before["stock"] - 3)
    again = ok(w.order.post("/buy/2", {"quantity": 3}, key=key))
    expect(again.replayed and not first.replayed, "Idempotency-Replayed is wrong")
    equal(again.json, first.json, "the replay")
    refused(w.order.post("/buy/2", {"quantity": 2}, key=key), "key-reused")
    expect("Deprecation" not in first.headers, "the current form is marked as deprecated")
    is_receipt(ok(w.order.post("/buy/1")).json, item=1, quantity=1)


@check
def the_order_service_refuses(w):
    key = new_key()
    equal(refused(w.order.post("/buy/999", key=key), "unknown-item").replayed, False, "replayed")
    is_receipt(ok(w.order.get(f"/orders/{key}")).json, order=key, status="refused", reason="unknown-item")
    w.set_stock(3, 0)
    answer = refused(w.order.post("/buy/3", key=(other := new_key())), "sold-out")
    equal([answer.json.get(name) for name in ("item", "stock", "order")], [3, 0, other], "item, stock and order")
    w.set_stock(3, 300)
    for item in (item for item in BAD_ITEMS if item):
        refused(w.order.post(f"/buy/{item}"), "invalid-request")
    for quantity in BAD_QUANTITIES:
        refused(w.order.post("/buy/1", '{"quantity":%s}' % quantity), "invalid-request")
    refused(w.order.post("/buy/1", {"colour": "blue"}), "invalid-request")
    refused(w.order.post("/buy/1", key="abc"), "invalid-request")
    refused(w.order.post("/buy/1", b'{}'.ljust(1024 * 1024)), "payload-too-large")
    refused(w.order.post("/buy/1", {}, content_type="text/plain"), "unsupported-media-type")


@check
def the_original_designs_purchase_works_and_is_deprecated(w):
    before, key = w.stock(1), new_key()
    answer = ok(w.order.get("/buy/1", key=key))
    is_receipt(answer.json, order=key, item=1, quantity=1, stock=before - 1)
    missing = refused(w.order.get("/buy/999"), "unknown-item")
    for headers in (answer.headers, missing.headers):
        since = headers.get("Deprecation", "")
        expect(re.fullmatch(r"@\d+", since), f"Deprecation: {since!r} is not a date of RFC 9745")
    expect(ok(w.order.get("/buy/1", key=key)).replayed, "the key bought twice")


@check(cases=["PUT", "DELETE"])
def a_405_for_a_purchase_allows_get_and_post(w, method):
    for path in ("/buy/1", "/orders"):
        found = allowed(refused(w.order.request(method, path), "method-not-allowed"))
        expect({"GET", "POST"} <= found, f"Allow at {path}: {found}")


def place(w, *orders):
    """Returns the results of a batch of orders without `replayed`, and the values of `replayed`."""
    answer = ok(w.order.post("/orders", {"orders": list(orders)})).json
    # The entries are those that the batch added.
    fields_are(answer, ("results", "head", "store", *{"entries"}.intersection(answer)))
    equal(len(answer["results"]), len(orders), "number of results")
    replayed = [result.pop("replayed", False) for result in answer["results"]]
    return answer["results"], replayed


@check
def a_batch_of_orders_is_answered_one_by_one(w):
    w.set_stock(3, 2)
    keys = [new_key() for _ in range(3)]
    orders = [{"order": keys[0], "item": 3, "quantity": 2}, {"order": keys[1], "item": 3}, {"item": 2},
              {"order": keys[2], "item": 999}, {"item": 3}, {"order": keys[0], "item": 3, "quantity": 1}]
    results, replayed = place(w, *orders)
    is_receipt(results[0], order=keys[0], item=3, quantity=2, stock=0, total="150.00")
    expect(is_problem(results[1], 409) and is_problem(results[3], 404) and is_problem(results[4], 409), results)
    equal([results[1].get(name) for name in ("code", "item", "stock", "order")], ["sold-out", 3, 0, keys[1]],
          "a refusal under a key")
    is_receipt(results[2], item=2, quantity=1)
    expect(UUID.fullmatch(results[2]["order"]), "no order id was generated")
    equal((results[3]["code"], results[4]["code"], results[5].get("code")), ("unknown-item", "sold-out", "key-reused"),
          "codes")
    expect("order" not in results[4], "an unrecorded refusal names an order")
    equal(any(replayed), False, "a first answer is a replay")
    w.set_stock(3, 300)
    again, replayed = place(w, orders[0], orders[1], orders[3])
    equal(again, [results[0], results[1], results[3]], "the repetition")
    equal(all(replayed), True, "the repeated answers are replays")


@check(cases=['{}', '{"orders":null}', '{"orders":[{}]}', '{"orders":[{"item":1},{"item":0}]}', '', '[]',
              '{"orders":[{"item":1,"quantity":101}]}', '{"orders":[{"item":1,"order":"abc"}]}',
              '{"orders":[{"item":1,"colour":"blue"}]}', '{"orders":[{"item":1}],"x":1}'])
def a_batch_with_one_bad_order_is_refused_whole(w, body):
    head = w.head()
    refused(w.order.post("/orders", body), "invalid-request")
    equal(w.head(), head, "head of the ledger")


@check
def a_batch_of_orders_has_bounds(w):
    answer = w.order.post("/orders", {"orders": [{"item": 999}] * 1025})
    refused(answer, "payload-too-large" if answer.status == 413 else "invalid-request")
    refused(w.order.post("/orders", b'{"orders":[]}'.ljust(1536 * 1024)), "payload-too-large")


@check
def an_order_is_found_by_its_id(w):
    receipt = ok(w.order.post("/buy/1")).json
    equal(ok(w.order.get(f"/orders/{receipt['order']}")).json, receipt, "receipt")
    refused(w.order.get(f"/orders/{new_key()}"), "unknown-order")
    refused(w.order.get("/orders/abc"), "invalid-request")


@check
def the_list_of_orders_holds_every_decided_one_once(w):
    receipts = pages(w.order, "/orders?limit=20", "orders")
    seqs = [receipt["seq"] for receipt in receipts]
    equal(seqs, sorted(set(seqs)), "seq, oldest first")
    decided = {entry["order"]: entry for entry in w.entries() if entry["kind"] == "sold"}
    listed = {receipt["order"]: receipt for receipt in receipts if receipt["status"] == "sold"}
    equal(sorted(listed), sorted(decided), "orders")
    for receipt in listed.values():
        is_receipt(receipt, seq=decided[receipt["order"]]["seq"], at=decided[receipt["order"]]["at"])
    page = ok(w.order.get("/orders?limit=3")).json
    equal(page["orders"], receipts[:3], "the first page")
    for limit in ("0", "-1", "abc"):
        refused(w.order.get(f"/orders?limit={limit}"), "invalid-request")
