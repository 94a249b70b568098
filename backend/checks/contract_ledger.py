"""Contract checks of the ledger and its readers: pages, the catalog's feed, live events.

They run last, because the final checks make the ledger long and then add up all entries.
"""

import time
from collections import Counter

from contract_frontend import BAD_LIMITS
from contract_runner import changes_of, check, entries_of, new_key, resuming
from contract_shapes import TIME, UUID, equal, expect, fields_are, is_entry, is_group, ok, refused

BAD_POSITIONS = ["abc", "-1", "1.x"]
BEHIND_MAX = 10_000


# --- Pages ------------------------------------------------------------------------------------------------------------


@check(cases=["frontend", "catalog"])
def the_ledger_is_read_in_pages(w, name):
    get, whole = w.services[name].get, w.entries()
    found = []
    while len(found) < min(len(whole), 40):
        page = ok(get(f"/ledger?after={len(found)}&limit=7", token=True)).json
        fields_are(page, ("entries", "head"))
        equal(page["head"], len(whole), "head")
        expect(0 < len(page["entries"]) <= 7 + 19, f"{len(page['entries'])} entries on a page of 7")
        found += page["entries"]
    equal(found, whole[:len(found)], "entries")
    equal(ok(get(f"/ledger?after={len(whole)}", token=True)).json, {"entries": [], "head": len(whole)},
          "beyond the end")
    page = ok(get("/ledger?limit=1000", token=True)).json["entries"]
    equal(page, whole[:max(len(page), min(1000, len(whole)))], "a page of 1000")


@check(cases=["frontend", "catalog"])
def a_ledger_page_has_bounds(w, name):
    for limit in [limit for limit in BAD_LIMITS if limit != "101"] + ["1001"]:
        refused(w.services[name].get(f"/ledger?limit={limit}", token=True), "invalid-request")
    for after in ("abc", "-1", "1.5"):
        refused(w.services[name].get(f"/ledger?after={after}", token=True), "invalid-request")


@check
def the_ledger_holds_a_purchase_as_its_entry(w):
    receipt = ok(w.buy(2, 3)).json
    entry = ok(w.frontend.get(f"/ledger?after={receipt['seq'] - 1}&limit=1", token=True)).json["entries"][0]
    is_entry(entry, seq=receipt["seq"], at=receipt["at"], kind="sold", item=2, quantity=3, change=-3,
             stock_after=receipt["stock"], order=receipt["order"], unit_cost="40.00", title=receipt["title"])


# --- The catalog's feed -----------------------------------------------------------------------------------------------


@check
def the_feed_resumes_after_a_position_and_stays_live(w):
    head = w.head()
    missed = [ok(w.buy(item)).json for item in (1, 2, 1)]
    with w.catalog.events(f"/feed?after={head}") as stream:
        entries = entries_of(stream, 3)
        equal([entry["order"] for entry in entries], [receipt["order"] for receipt in missed], "orders")
        live = ok(w.buy(2, 2)).json
        entries += entries_of(stream, 1)
    is_entry(entries[-1], order=live["order"], change=-2, seq=live["seq"])
    equal(entries, w.entries()[head:], "entries of the feed and the ledger")


@check
def the_feed_carries_refusals_and_stock_changes_too(w):
    head, key = w.head(), new_key()
    with w.catalog.events(f"/feed?after={head}") as stream:
        refused(w.buy(999, key=key), "unknown-item")
        w.set_stock(4, 499)
        w.set_stock(4, 500)
        kinds = [entry["kind"] for entry in entries_of(stream, 3)]
    equal(kinds, ["refused", "set", "set"], "kinds")


@check(cases=BAD_POSITIONS)
def a_feed_from_a_malformed_position_is_refused(w, after):
    refused(w.catalog.get(f"/feed?after={after}"), "invalid-request")


# --- Live events at the front-end -------------------------------------------------------------------------------------


@check
def a_stream_begins_with_the_head_and_the_stores_id(w):
    with w.frontend.events("/events") as stream, w.frontend.events("/events") as other:
        hello, again = stream.expect("hello")[1], other.expect("hello")[1]
        fields_are(hello, ("seq", "store"))
        equal((hello["seq"], hello["store"]), (w.head(), again["store"]), "seq and store")


@check
def a_purchase_and_a_restock_are_sent_live(w):
    with w.frontend.events("/events") as stream:
        stream.expect("hello")
        receipt = ok(w.buy(2, 3)).json
        event = stream.expect("stock")
        equal(changes_of([event]), {2: -3}, "change")
        expected = {"seq": receipt["seq"], "item": 2, "stock": receipt["stock"], "change": -3, "at": receipt["at"]}
        equal(event[1], expected, "event")
        book = ok(w.frontend.put("/stock/2", {"change": 3}, token=True)).json
        event = stream.expect("stock")
        equal((event[1]["seq"], event[1]["stock"], event[1]["change"]), (book["seq"], book["stock"], 3), "restock")


@check
def refusals_are_not_sent(w):
    with w.frontend.events("/events") as stream:
        stream.expect("hello")
        refused(w.buy(999, key=new_key()), "unknown-item")
        seq = ok(w.buy(1)).json["seq"]
        equal(stream.expect("stock")[1]["seq"], seq, "seq of the first event")


@check
def purchases_in_quick_succession_add_up(w):
    with w.frontend.events("/events") as stream:
        stream.expect("hello")
        receipts = [ok(w.buy(item)).json for item in (1, 2) * 10]
        events = stream.until("stock", receipts[-1]["seq"])
    equal(changes_of(events), {1: -10, 2: -10}, "changes")
    equal(events[-1][1]["stock"], receipts[-1]["stock"], "the last stock")


@check(cases=["after", "Last-Event-ID"])
def a_stream_resumes_after_its_last_event(w, way):
    seq = ok(w.buy(1)).json["seq"]
    last = [ok(w.buy(item)).json for item in (2, 1, 2)][-1]["seq"]
    path, headers = resuming(seq)[way]
    with w.frontend.events(path, headers=headers) as stream:
        stream.expect("hello")
        equal(changes_of(stream.until("stock", last)), {1: -1, 2: -2}, "missed changes")
        live = ok(w.buy(1)).json
        equal(stream.expect("stock")[1]["seq"], live["seq"], "seq of the live event")


@check(cases=["after", "Last-Event-ID"])
def a_stream_resumed_at_the_head_repeats_nothing(w, way):
    path, headers = resuming(w.head())[way]
    with w.frontend.events(path, headers=headers) as stream:
        stream.expect("hello")
        seq = ok(w.buy(1)).json["seq"]
        equal(stream.expect("stock")[1]["seq"], seq, "seq of the first event")


@check
def a_stream_from_the_very_beginning_adds_up_to_every_stock(w):
    last = ok(w.buy(1)).json["seq"]
    with w.frontend.events("/events?after=0") as stream:
        stream.expect("hello")
        changes = changes_of(stream.until("stock", last))
    equal({item: changes[item] for item in (1, 2, 3, 4)}, {item: w.stock(item) for item in (1, 2, 3, 4)}, "stocks")


@check(cases=["after", "Last-Event-ID"])
def a_stream_from_beyond_the_head_gets_resync(w, way):
    path, headers = resuming(w.head() + 1000)[way]
    with w.frontend.events(path, headers=headers) as stream:
        stream.expect("hello")
        equal(stream.expect("resync")[1], {"seq": w.head()}, "resync")
        seq = ok(w.buy(1)).json["seq"]
        equal(stream.expect("stock")[1]["seq"], seq, "seq of the live event")


@check(cases=BAD_POSITIONS)
def a_stream_from_a_malformed_position_is_refused(w, position):
    for path, headers in resuming(position).values():
        refused(w.frontend.get(path, headers=headers), "invalid-request")


@check
def a_quiet_stream_carries_a_comment_every_five_seconds(w):
    with w.frontend.events("/events") as stream:
        stream.expect("hello")
        for _ in range(2):
            started = time.monotonic()
            equal(stream.next()[0], "comment", "event on a quiet stream")
            expect(time.monotonic() - started < 7, "the comment came much later than after 5 s")


# --- The whole ledger -------------------------------------------------------------------------------------------------


@check
def a_stream_too_far_behind_gets_resync(w):
    stock = w.stock(3)
    w.set_stock(3, 2 * BEHIND_MAX)
    head = w.head()
    deadline = int(time.time() * 1000) + 25_000
    for _ in range(BEHIND_MAX // 1000 + 1):
        # Sales, because at most a thousand refusals a second are recorded.
        sales = [{"order": new_key(), "item": 3, "quantity": 1, "keyed": True, "resent": False, "deadline": deadline}
                 for _ in range(1000)]
        ok(w.catalog.post("/sales", {"sales": sales}))
    w.set_stock(3, stock)
    w.frontend.get("/search?item=1", headers=[("Bookstore-Seq", str(w.head()))])
    with w.frontend.events(f"/events?after={head}") as stream:
        stream.expect("hello")
        equal(stream.expect("resync")[1], {"seq": w.head()}, "resync")
        seq = ok(w.buy(1)).json["seq"]
        equal(stream.expect("stock")[1]["seq"], seq, "seq of the live event")


@check
def the_whole_ledger_adds_up(w):
    entries, stocks, groups = w.entries(), Counter(), [[]]
    equal([entry["seq"] for entry in entries], list(range(1, w.head() + 1)), "seq")
    for entry in entries:
        expect({"seq", "at", "kind", "item", "change"} <= set(entry), entry)
        expect(entry["kind"] in ("sold", "refused", "restocked", "set", "withdrawn"), entry)
        expect(TIME.fullmatch(entry["at"]), entry)
        stocks[entry["item"]] += entry["change"]
        expect(entry.get("stock_after", 0) == stocks[entry["item"]] >= 0, f"stock {stocks[entry['item']]} after", entry)
        expect("order" not in entry or UUID.fullmatch(entry["order"]), entry)
        groups[-1].append(entry)
        groups += [[]] if entry.get("line") == entry.get("lines") else []
    equal(groups.pop(), [], "the lines of an order at the end")
    for group in groups:
        if "quantity" in group[0]:
            is_group(group)
    orders = Counter(group[0]["order"] for group in groups if "order" in group[0])
    equal([order for order, times in orders.items() if times > 1], [], "orders decided twice")
    equal({item: stocks[item] for item in (1, 2, 3, 4)}, {item: w.stock(item) for item in (1, 2, 3, 4)}, "stocks")


@check
def every_position_is_the_end_of_an_order(w):
    ends = {entry["seq"] for entry in w.entries() if entry.get("line") == entry.get("lines")} | {0}
    equal(sorted(w.watch.seqs - ends), [], "Bookstore-Seq within an order")
