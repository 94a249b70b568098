"""Contract checks of orders of several lines between the services: sales, batches, pages, the feed, live events."""

from collections import Counter

from contract_baskets import BASKET, body, buy, entries_after
from contract_internal import decide, outcomes, place, sale
from contract_runner import changes_of, check, entries_of, new_key, pages, resuming
from contract_shapes import equal, expect, fields_are, is_group, is_problem, is_receipt, ok, refused

LINES = [(4, 1), (1, 2), (2, 3), (3, 1)]


def basket(lines, **options):
    """A sale of several lines."""
    asked = sale(**options) | body(lines)
    return {name: value for name, value in asked.items() if name not in ("item", "quantity")}


# --- Sales and batches ------------------------------------------------------------------------------------------------


@check
def a_sale_of_several_lines_is_decided_as_a_whole(w):
    w.set_stock(3, 3)
    before = w.stock(1)
    sales = [basket([(3, 2), (1, 1)]), basket([(1, 1), (3, 2)]), basket([(3, 2), (1, 1)], keyed=False), sale(3, 1),
             basket([(1, 1), (999, 1)], keyed=False), basket([(999, 1), (1, 1)], keyed=False, resent=True),
             basket([(2, 4)]), basket([(1, 1), (2, 1)], seconds=-5)]
    decisions = decide(w, *sales)
    equal([decision["outcome"] for decision in decisions],
          ["sold", "refused", "refused", "sold", "refused", "refused", "sold", "expired"], "outcomes")
    recorded = [len(decision.get("entries", ())) for decision in decisions]
    equal(recorded, [2, 2, 0, 0, 0, 2, 0, 0], "entries of several lines")
    equal([at for at, decision in enumerate(decisions) if "entry" in decision], [3, 6], "decisions with one entry")
    entries = [entry for decision in decisions for entry in decision.get("entries", [decision.get("entry")]) if entry]
    seqs = [entry["seq"] for entry in entries]
    equal(seqs, list(range(w.head() - len(seqs) + 1, w.head() + 1)), "seq in the order of the sales")
    equal([entry["reason"] for entry in decisions[1]["entries"]], ["with-others", "sold-out"], "reasons")
    equal([entry["reason"] for entry in decisions[5]["entries"]], ["with-others", "unknown-item"], "reasons")
    equal((w.stock(3), w.stock(1)), (0, before - 1), "stocks")
    for asked, decision in zip(sales, decisions):
        found = w.catalog.get(f"/ledger/orders/{asked['order']}")
        if "entries" in decision:
            equal(ok(found).json, {"entries": decision["entries"]}, "the order in the ledger")
        elif "entry" not in decision:
            refused(found, "unknown-order")
    w.set_stock(3, 300)
    again = decide(w, *sales[:2], sales[0] | body([(3, 2), (1, 2)]), sales[0] | body([(3, 2)]))
    equal([(decision["outcome"], decision["replayed"]) for decision in again[:2]], [("sold", True), ("refused", True)])
    for decision, first in zip(again[:2], decisions):
        equal(decision["entries"], first["entries"], "entries")
    equal([decision["outcome"] for decision in again[2:]], ["key-reused"] * 2, "outcomes of other lines")
    equal(outcomes(decide(w, sales[6] | {"lines": [{"item": 2, "quantity": 4}]})), [("sold", True, True)], "one line")


@check(cases=[{"lines": []}, {"lines": [{"item": 1}, {"item": 1}]}, {"item": 1}, {"quantity": 1}, {"lines": None},
              {"lines": [{"item": item} for item in range(1, 22)]}, {"lines": [{"item": 1, "quantity": 0}]},
              {"lines": [{"item": 1, "colour": "blue"}]}, {"lines": [{"item": 2**53}]}])
def a_batch_with_one_invalid_order_of_several_lines_is_refused_whole(w, wrong):
    head = w.head()
    refused(w.catalog.post("/sales", {"sales": [sale(), basket(LINES) | wrong]}), "invalid-request")
    refused(w.order.post("/orders", {"orders": [{"item": 1}, body(LINES) | wrong]}), "invalid-request")
    equal(w.head(), head, "head of the ledger")


@check
def a_batch_has_at_most_1024_lines_in_all(w):
    twenty = [(1000 + item, 1) for item in range(20)]
    whole = [basket(twenty, keyed=False) for _ in range(51)] + [basket(twenty[:4], keyed=False)]
    equal([decision["outcome"] for decision in decide(w, *whole)], ["refused"] * 52, "1024 lines")
    orders = [body(twenty)] * 51 + [body(twenty[:4])]
    equal({result["code"] for result in place(w, *orders)[0]}, {"unknown-item"}, "1024 lines")
    for answer in (w.catalog.post("/sales", {"sales": [*whole, sale(999, keyed=False)]}),
                   w.order.post("/orders", {"orders": [*orders, {"item": 999}]})):
        refused(answer, "payload-too-large" if answer.status == 413 else "invalid-request")


@check
def a_batch_of_orders_holds_orders_of_several_lines(w):
    w.set_stock(3, 2)
    key, late = new_key(), new_key()
    orders = [{"order": key} | body([(3, 2), (2, 1)]), body([(3, 1), (2, 1)]), body([(2, 1)]), body([(999, 1), (2, 1)]),
              {"order": key} | body([(3, 2), (2, 2)]), {"order": late} | body([(2, 2), (3, 1)])]
    results, replayed = place(w, *orders)
    is_receipt(results[0], order=key, status="sold", total="190.00")
    expect(is_problem(results[1], 409) and is_problem(results[3], 404), results)
    equal(results[1]["lines"], [{"item": 3, "stock": 0, "wanted": 1}], "lines with too little stock")
    is_receipt(results[2], item=2, quantity=1)
    equal((results[3]["items"], results[4]["code"], results[5]["order"]), ([999], "key-reused", late), "refusals")
    head = w.head()
    late_orders = [{"order": new_key()} | body(BASKET), {"order": key} | body([(2, 1), (3, 2)])]
    expired = place(w, *(order | {"deadline": 1} for order in late_orders))[0]
    equal((expired[0]["code"], expired[1], w.head()), ("deadline-exceeded", results[0], head), "after the deadline")
    w.set_stock(3, 300)
    again, replayed = place(w, {"order": key} | body([(2, 1), (3, 2)]), orders[5])
    equal((again, replayed), ([results[0], results[5]], [True, True]), "the repetition")


@check
def the_list_of_orders_holds_whole_orders(w):
    keys = [ok(buy(w, BASKET)).json["order"], ok(w.buy(1)).json["order"], ok(buy(w, LINES)).json["order"]]
    for limit in (1, 2, 3, 50):
        listed = pages(w.order, f"/orders?limit={limit}", "orders")
        equal([receipt["order"] for receipt in listed[-3:]], keys, "the last orders")
        equal(len({receipt["order"] for receipt in listed}), len(listed), "orders listed once")
        for receipt in listed[-3:]:
            equal(receipt, ok(w.frontend.get(f"/orders/{is_receipt(receipt)['order']}")).json, "receipt")


# --- The ledger and its readers ---------------------------------------------------------------------------------------


def bought(w):
    """Buys one, several, one, several lines. Returns the head before, and the entries after it."""
    head = w.head()
    for order in (w.buy(2), buy(w, BASKET), w.buy(1), buy(w, LINES)):
        ok(order)
    return head, entries_after(w, head)


@check(cases=["frontend", "catalog"])
def a_page_ends_with_a_whole_order(w, name):
    head, entries = bought(w)
    ends = [at + 1 for at, entry in enumerate(entries) if entry.get("line") == entry.get("lines")]
    equal(ends, [1, 4, 5, 9], "ends of the orders")
    for after in range(len(entries)):
        for limit in range(1, 8):
            page = ok(w.services[name].get(f"/ledger?after={head + after}&limit={limit}", token=True)).json
            end = next((end for end in ends if end >= after + limit), len(entries))
            equal(page, {"entries": entries[after:end], "head": head + 9}, f"page of {limit} after {after}")


@check
def the_feed_resumes_within_an_order_and_names_only_whole_ones(w):
    head, entries = bought(w)
    for after in range(len(entries)):
        with w.catalog.events(f"/feed?after={head + after}") as stream:
            equal(entries_of(stream, len(entries) - after), entries[after:], f"entries after {after}")
    with w.catalog.events(f"/feed?after={head}") as stream:
        ids = []
        while len(ids) < len(entries):
            name, identity, _ = stream.next()
            ids += [identity] if name == "entry" else []
    equal([identity for identity in ids if identity], [str(head + end) for end in (1, 4, 5, 9)], "ids of the events")
    with w.catalog.events("/feed", headers=[("Last-Event-ID", str(head + 1))]) as stream:
        equal(entries_of(stream, 8), entries[1:], "entries after the last id")


@check
def an_order_of_several_lines_is_sent_live(w):
    with w.frontend.events("/events") as stream:
        stream.expect("hello")
        receipt = ok(buy(w, BASKET)).json
        events = stream.until("stock", receipt["seq"])
    equal(changes_of(events), {1: -2, 2: -1, 4: -1}, "changes")
    expected = [{"seq": line["seq"], "item": line["item"], "stock": line["stock"], "change": -line["quantity"],
                 "at": receipt["at"]} for line in receipt["lines"]]
    equal([data for _, data in events], expected, "events")
    equal([identity for identity, _ in events], [None, None, str(receipt["seq"])], "ids of the events")


@check
def refused_lines_are_not_sent(w):
    with w.frontend.events("/events") as stream:
        stream.expect("hello")
        refused(buy(w, [(1, 1), (999, 1)], new_key()), "unknown-item")
        seq = ok(w.buy(1)).json["seq"]
        equal(stream.expect("stock")[1]["seq"], seq, "seq of the first event")


@check(cases=["after", "Last-Event-ID"])
def a_stream_resumes_within_an_order(w, way):
    head, entries = bought(w)
    for after in range(len(entries)):
        path, headers = resuming(head + after)[way]
        with w.frontend.events(path, headers=headers) as stream:
            stream.expect("hello")
            events = stream.until("stock", head + len(entries))
        changes, stocks = Counter(), {}
        for entry in entries[after:]:
            changes[entry["item"]] += entry["change"]
            stocks[entry["item"]] = entry["stock_after"]
        equal(changes_of(events), changes, f"changes after {after}")
        equal({data["item"]: data["stock"] for _, data in events}, stocks, f"stocks after {after}")


# --- Documentation ----------------------------------------------------------------------------------------------------


def schema_at(document, part):
    """Follows references within the document."""
    while "$ref" in part:
        names, part = part["$ref"].removeprefix("#/").split("/"), document
        for name in names:
            part = part[name]
    return part


def properties(document, content):
    return schema_at(document, content["content"]["application/json"]["schema"])["properties"]


@check
def the_documentation_describes_orders_of_several_lines(w):
    document = ok(w.frontend.get("/openapi.json")).json
    buying = document["paths"]["/buy"]["post"]
    request = properties(document, schema_at(document, buying["requestBody"]))
    expect({"item", "quantity", "lines"} <= set(request), "request:", *request)
    receipt = properties(document, buying["responses"]["200"])
    expect({"order", "status", "item", "lines", "total", "seq", "at"} <= set(receipt), "receipt:", *receipt)
    expect({"404", "409", "422"} <= set(buying["responses"]), "answers:", *buying["responses"])
    put = document["paths"]["/stock/{item}"]["put"]
    expect("412" in put["responses"], "answers of PUT /stock:", *put["responses"])
    resolved = [schema_at(document, parameter) for parameter in put["parameters"]]
    parameters = {parameter["name"]: parameter for parameter in resolved}
    expect({"item", "If-Match", "Idempotency-Key"} <= set(parameters), "parameters of PUT /stock:", *parameters)
    for service in (w.catalog, w.order):
        expect('"lines"' in ok(service.get("/openapi.json")).body.decode(), f"{service.name} documents no lines")
    item = schema_at(document, parameters["item"]["schema"])
    equal((item.get("format"), item.get("minimum"), item.get("maximum")), ("int64", 1, 2**53 - 1), "item numbers")
