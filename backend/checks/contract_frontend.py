"""Contract checks of the front-end's reads and of HTTP in general."""

from contract_runner import check, encode, pages
from contract_shapes import allowed, cents, equal, expect, fields_are, is_book, ok, refused

DS, GS = "distributed systems", "graduate school"
BOOKS = {
    1: ("How to get a good grade in 677 in 20 minutes a day", DS, "30.00", 400),
    2: ("RPCs for Dummies", DS, "40.00", 500),
    3: ("Xen and the Art of Surviving Graduate School", GS, "75.00", 300),
    4: ("Cooking for the Impatient Graduate Student", GS, "150.00", 500),
}
GETS = ["/topics", "/search?topic=distributed%20systems", "/search?item=2", "/search?q=rpcs", "/events", "/livez",
        "/readyz", "/metrics", "/openapi.json", "/search?item=999", "/search", "/nothing"]
WRONG_METHODS = [("POST /topics", "GET, HEAD"), ("DELETE /search?item=2", "GET, HEAD"), ("GET /buy", "POST"),
                 ("PUT /buy", "POST"), ("POST /events", "GET, HEAD"), ("GET /stock/1", "PUT"),
                 ("POST /ledger", "GET, HEAD"), ("POST /livez", "GET, HEAD")]
FORMATS_TAKEN = ["application/json", "application/json; charset=utf-8", "Application/JSON", None]
FORMATS_REFUSED = ["text/plain", "application/x-www-form-urlencoded", "application/xml"]
BAD_ITEMS = ["0", "-1", "abc", "1.5", "9007199254740992", "18446744073709551617", "", "%00"]
BAD_LIMITS = ["0", "101", "-1", "abc", "1.5", ""]


# --- A fresh store ----------------------------------------------------------------------------------------------------


@check
def topics_are_listed_in_alphabetical_order_with_their_books(w):
    topics = ok(w.frontend.get("/topics")).json
    equal(topics, {"topics": [{"topic": DS, "books": 2}, {"topic": GS, "books": 2}]})


@check(cases=BOOKS)
def a_fresh_store_holds_the_four_books(w, item):
    book = is_book(ok(w.frontend.get(f"/search?item={item}")).json)
    title, topic, cost, stock = BOOKS[item]
    expected = {"item": item, "title": title, "topic": topic, "cost": cost, "stock": stock}
    equal({name: value for name, value in book.items() if name != "seq"}, expected)


@check
def a_fresh_ledger_begins_with_a_set_entry_for_each_book(w):
    entries = w.entries()[:4]
    equal([entry["seq"] for entry in entries], [1, 2, 3, 4], "seq")
    equal({entry["kind"] for entry in entries}, {"set"}, "kinds")
    described = [(entry["item"], (entry["title"], entry["topic"], entry["unit_cost"], entry["stock_after"]))
                 for entry in entries]
    equal(dict(described), BOOKS, "descriptions")
    for entry in entries:
        fields_are(entry, ("seq", "at", "kind", "item", "change", "stock_after", "unit_cost", "title", "topic"))
        equal(entry["change"], entry["stock_after"], "change")


# --- Search -----------------------------------------------------------------------------------------------------------


def items_of(answer):
    page = ok(answer).json
    expect(set(page) <= {"books", "next"}, "fields:", *page)
    return [is_book(book)["item"] for book in page["books"]]


@check(cases=[(DS, [1, 2]), (GS, [3, 4]), (DS.upper(), [1, 2]), ("Graduate School", [3, 4]), ("cookery", []),
              ("distributed", []), ("Dístribute’d systems", [1, 2]), ("Gra\u0308duate\u00a0ſchool ", [3, 4]), ("", []),
              (".", []), ("..", []), ("/", []), ("..%2F", [])])
def a_topic_lists_its_books_by_item_whatever_its_spelling(w, case):
    topic, items = case
    answer = w.frontend.get(f"/search?topic={encode(topic)}")
    equal(items_of(answer), items)
    expect("next" not in answer.json, "the last page has a next")


@check(cases=["topic=distributed%20systems", "q=s", "q=g"])
def pages_of_one_book_make_up_the_whole_list(w, selector):
    whole = ok(w.frontend.get(f"/search?{selector}&limit=100")).json["books"]
    expect(ok(w.frontend.get(f"/search?{selector}&limit=1")).json.get("next"), "the first page of several has no next")
    equal(pages(w.frontend, f"/search?{selector}&limit=1", "books"), whole)


@check(cases=BAD_LIMITS)
def a_limit_out_of_bounds_is_refused(w, limit):
    refused(w.frontend.get(f"/search?topic=distributed%20systems&limit={limit}"), "invalid-request")
    refused(w.frontend.get(f"/search?q=s&limit={limit}"), "invalid-request")


@check(cases=[
    ("rpcs", [2]), ("RPCS DUM", [2]), ("dummies rpcs", [2]), ("cook", [4]), ("ooking", []), ("677", [1]),
    ("rpcs xen", []), ("graduate", [3, 4]), ("for st", [4]), ("systems", [1, 2]), ("s", [3, 4, 1, 2]), ("sch", [3, 4]),
    ("g", [1, 3, 4]), ("zzz", []), ("ｒｐｃｓ", [2]), ("RPC’S düm", [2]), ("DU\u0308MMIES", [2]), ("+ '", []),
])
def every_word_matches_as_a_prefix_and_titles_come_first(w, case):
    words, items = case
    equal(items_of(w.frontend.get(f"/search?q={encode(words)}")), items)


@check(cases=[999, 4294967296, 9780306406157, 9007199254740991])
def an_item_that_no_book_has_is_unknown(w, item):
    refused(w.frontend.get(f"/search?item={item}"), "unknown-item")


@check(cases=BAD_ITEMS)
def an_invalid_item_number_is_refused(w, item):
    refused(w.frontend.get(f"/search?item={item}"), "invalid-request")
    refused(w.frontend.get(f"/search?lookupNum={item}"), "invalid-request")


@check(cases=["/search?item=1&topic=graduate%20school", "/search?item=1&q=rpcs", "/search?topic=a&q=b",
              "/search?item=1&lookupNum=1", "/search?topic=a&topic=b", "/search", "/search?limit=5"])
def none_or_two_selectors_are_refused(w, path):
    refused(w.frontend.get(path), "invalid-request")


@check
def the_original_stores_lookup_is_accepted(w):
    equal(ok(w.frontend.get("/search?lookupNum=2")).json, w.book(2))
    refused(w.frontend.get("/search?lookupNum=999"), "unknown-item")


@check
def an_unknown_query_parameter_is_ignored(w):
    equal(ok(w.frontend.get("/search?item=2&colour=blue")).json, w.book(2))
    ok(w.frontend.get("/topics?item=2"))


# --- A search in the body ---------------------------------------------------------------------------------------------


@check
def a_search_in_the_body_is_the_same_as_in_the_query(w):
    equal(ok(w.frontend.get("/search", body={"item": 2})).json, w.book(2))
    equal(items_of(w.frontend.get("/search", body={"topic": "Distributed Systems"})), [1, 2])
    equal(items_of(w.frontend.get("/search", body={"topic": ""})), [])
    refused(w.frontend.get("/search", body={"item": 999}), "unknown-item")


@check(cases=['{}', '{"item":1,"topic":"a"}', '{"item":0}', '{"item":"2"}', '{"item":2.5}', '{"item":null}', 'null',
              '{"topic":null}', '{"topic":7}', '{"item":2,"colour":"blue"}', '{"item":2', '[2]', '"item"',
              '{"item":1,"item":1}'])
def a_malformed_search_body_is_refused(w, body):
    refused(w.frontend.get("/search", body=body), "invalid-request")


@check
def a_selector_in_both_query_and_body_is_refused(w):
    refused(w.frontend.get("/search?item=2", body={"topic": "a"}), "invalid-request")


@check(cases=FORMATS_TAKEN)
def a_json_body_may_have_media_type_parameters_or_none(w, media_type):
    ok(w.frontend.get("/search", body={"item": 2}, content_type=media_type))


@check(cases=FORMATS_REFUSED)
def a_body_of_another_media_type_is_refused(w, media_type):
    refused(w.frontend.get("/search", body={"item": 2}, content_type=media_type), "unsupported-media-type")


# --- Entity tags, positions, caches -----------------------------------------------------------------------------------


@check
def a_books_tag_is_the_entry_that_changed_it_last(w):
    answer = ok(w.frontend.get("/search?item=2"))
    equal(answer.headers.get("ETag"), f'"{answer.json["seq"]}"', "ETag")


@check(cases=["/topics", "/search?topic=distributed%20systems", "/search?q=rpcs"])
def a_lists_tag_is_the_head_of_the_store(w, path):
    head = w.head()
    answer = ok(w.frontend.get(path, headers=[("Bookstore-Seq", str(head))]))
    equal(answer.headers.get("ETag"), f'"{head}"', "ETag")


@check(cases=["/topics", "/search?topic=distributed%20systems", "/search?item=2", "/search?q=rpcs"])
def an_answer_with_a_matching_tag_is_not_sent_again(w, path):
    tag = ok(w.frontend.get(path)).headers["ETag"]
    for sent in (tag, f"W/{tag}", f'"99999999", {tag}', "*"):
        answer = w.frontend.get(path, headers=[("If-None-Match", sent)])
        equal((answer.status, answer.body), (304, b""), f"status and body with If-None-Match: {sent}")
        equal(answer.headers.get("ETag"), tag, "ETag of a 304")
    ok(w.frontend.get(path, headers=[("If-None-Match", '"99999999"')]))


@check
def a_changed_book_has_another_tag(w):
    tag = ok(w.frontend.get("/search?item=1")).headers["ETag"]
    seq = ok(w.buy(1)).seq
    fields = [("If-None-Match", tag), ("Bookstore-Seq", str(seq))]
    expect(ok(w.frontend.get("/search?item=1", headers=fields)).headers["ETag"] != tag, "the tag did not change")


@check
def an_answer_is_never_older_than_the_client_requires(w):
    for _ in range(20):
        receipt = ok(w.buy(1)).json
        answer = ok(w.frontend.get("/search?item=1", headers=[("Bookstore-Seq", str(receipt["seq"]))]))
        expect(answer.seq >= receipt["seq"], f"read at {answer.seq} after a purchase at {receipt['seq']}")
        equal((answer.json["stock"], answer.json["seq"]), (receipt["stock"], receipt["seq"]), "stock and seq")


@check
def a_purchase_made_elsewhere_is_visible_at_its_position(w):
    receipt = ok(w.order.post("/buy/1")).json
    answer = ok(w.frontend.get("/search?item=1", headers=[("Bookstore-Seq", str(receipt["seq"]))]))
    equal(answer.json["stock"], receipt["stock"], "stock")


@check
def a_position_beyond_the_head_and_no_cache_are_answered(w):
    equal(ok(w.frontend.get("/search?item=2", headers=[("Bookstore-Seq", "999999999")])).json, w.book(2))
    ok(w.order.post("/buy/2"))
    equal(ok(w.frontend.get("/search?item=2", headers=[("Cache-Control", "no-cache")])).json, w.book(2))


@check(cases=["abc", "-1", "1.x"])
def a_malformed_position_is_refused(w, seq):
    refused(w.frontend.get("/search?item=2", headers=[("Bookstore-Seq", seq)]), "invalid-request")


@check
def an_answer_carries_its_cache_status(w):
    for path in ("/search?item=2", "/search?item=2", "/topics"):
        status = ok(w.frontend.get(path)).headers.get("Cache-Status", "")
        name, *parameters = [part.strip() for part in status.split(";")]
        expect(name and any(p == "hit" or p.startswith("fwd=") for p in parameters), f"Cache-Status: {status!r}")


# --- Methods and addresses --------------------------------------------------------------------------------------------


@check(cases=GETS)
def head_answers_as_get_does_without_a_body(w, path):
    if path == "/events":
        with w.frontend.events(path) as stream:
            found = stream.response
    else:
        found = w.frontend.get(path)
    head = w.frontend.request("HEAD", path)
    equal(head.status, found.status, "status")
    equal(w.frontend.bytes_after_head(path), b"", "body")
    # Metrics and uptimes change between requests, and with them the length of the answer.
    stable = path not in ("/metrics", "/livez", "/readyz")
    for name in ["Content-Type", "ETag", "Cache-Control", "Content-Length"]:
        if name != "Content-Length" or (stable and name in head.headers):
            equal(head.headers.get(name), found.headers.get(name), name)


@check(cases=WRONG_METHODS)
def a_wrong_method_gets_the_allowed_ones(w, case):
    answer = refused(w.frontend.request(*case[0].split()), "method-not-allowed")
    equal(allowed(answer), set(case[1].split(", ")), "Allow")


@check(cases=["/", "/nothing", "/topics/", "/search/a", "/buy/1", "/orders", "/lookup/1", "/TOPICS", "/stock"])
def an_unknown_address_is_not_found(w, path):
    refused(w.frontend.get(path), "not-found")


@check
def many_requests_use_one_connection(w):
    connection = w.frontend.send("GET", "/search?item=2")
    for path in ("/topics", "/search?item=999", "/nothing", "/search?item=2"):
        connection.getresponse().read()
        expect(connection.sock is not None, "the connection was closed before", path)
        connection.request("GET", path)
    equal(connection.getresponse().status, 200, "status of the last")
    connection.close()


@check
def money_has_two_decimal_places_everywhere(w):
    books = ok(w.frontend.get("/search?q=s")).json["books"]
    equal({book["item"]: cents(book["cost"]) for book in books}, {1: 3000, 2: 4000, 3: 7500, 4: 15000})
