"""Contract checks of the shopkeeper's changes of books: `PUT` and `DELETE /books/{item}`, `POST /books`."""

import json
from concurrent.futures import ThreadPoolExecutor

from contract_runner import changes_of, check, entries_of, new_key
from contract_shapes import TIME, UUID, equal, expect, fields_are, is_book, ok, refused

SERVICES = ["frontend", "catalog"]
NEW = {"title": "Persuasion", "author": "Jane Austen", "topic": "novels", "cost": "7", "stock": 3}
LATE = [("Bookstore-Deadline", "1")]
FIELDS = ("seq", "at", "kind", "item", "change", "stock_after", "order", "unit_cost")
BAD_BOOKS = ['', '{}', '[]', 'null', '"x"', '{"title":"T","topic":"t"}', '{"title":"T","cost":"1.00"}',
             '{"topic":"t","cost":"1.00"}', '{"title":"","topic":"t","cost":"1.00"}',
             '{"title":" ","topic":"t","cost":"1.00"}', '{"title":null,"topic":"t","cost":"1.00"}',
             '{"title":"T","topic":"t","author":null,"cost":"1.00"}', '{"title":"T","topic":"t","author":"","cost":"1.00"}',
             '{"title":"T","topic":"t","cost":1}', '{"title":"T","topic":"t","cost":"-1.00"}',
             '{"title":"T","topic":"t","cost":"10000000.00"}', '{"title":"T","topic":"t","cost":"1.001"}',
             '{"title":"T","topic":"t","cost":"1.00","stock":-1}', '{"title":"T","topic":"t","cost":"1.00","stock":"1"}',
             '{"title":"T","topic":"t","cost":"1.00","stock":1000000001}',
             '{"title":"T","topic":"t","cost":"1.00","stock":null}', '{"title":"T","topic":"t","cost":"1.00","change":1}',
             '{"title":"T","topic":"t","cost":"1.00","colour":"blue"}', '{"title":"a\\nb","topic":"t","cost":"1.00"}',
             '{"title":"%s","topic":"t","cost":"1.00"}' % ("x" * 1025)]
BAD_LISTS = ['', '{}', '[]', '{"set":[],"withdraw":[]}', '{"set":null,"withdraw":[1]}', '{"withdraw":null}',
             '{"withdraw":[0]}', '{"withdraw":["1"]}', '{"withdraw":[9007199254740992]}', '{"withdraw":[1,1]}',
             '{"withdraw":[1],"colour":"blue"}', '{"set":[{"title":"T","topic":"t","cost":"1.00"}]}',
             '{"set":[{"item":0,"title":"T","topic":"t","cost":"1.00"}]}', '{"set":[[1,"T","t","1.00"]]}',
             '{"set":[{"item":1,"title":"","topic":"t","cost":"1.00"}],"withdraw":[2]}',
             '{"set":[{"item":1,"title":"T","topic":"t","cost":"1.00"}],"withdraw":[1]}',
             '{"set":[{"item":1,"title":"T","topic":"t","cost":"1.00"},{"item":1,"title":"T","topic":"t","cost":"1.00"}]}']


def send(w, name, method, path, body=None, *, key=None, tag=None, headers=()):
    """Sends a shopkeeper's change, on the condition of a tag if there is one."""
    headers = [*headers, *([("If-Match", tag)] if tag is not None else [])]
    return w.services[name].request(method, path, body=body, token=True, key=key, headers=headers)


def set_book(w, item, book, name="frontend", **options):
    return send(w, name, "PUT", f"/books/{item}", book, **options)


def withdraw(w, item, name="frontend", **options):
    return send(w, name, "DELETE", f"/books/{item}", **options)


def change(w, books=(), withdrawn=(), name="frontend", **options):
    body = {field: value for field, value in (("set", list(books)), ("withdraw", list(withdrawn))) if value}
    return send(w, name, "POST", "/books", body, **options)


def numbered(item, **fields):
    return {"item": item, "title": f"Title {item}", "topic": "many", "cost": "2.50"} | fields


def entries_after(w, seq):
    return ok(w.catalog.get(f"/ledger?after={seq}&limit=1000")).json["entries"]


def is_change(entry, **known):
    """Checks the entry of a change: the contract's fields, and the values in `known`."""
    names = set(entry) - {"line", "lines"}
    described = {"title", "topic"} | ({"author"} if "author" in entry else set()) if "title" in entry else set()
    fields_are(names, (*FIELDS, *described))
    expect(entry["kind"] in ("set", "withdrawn") and UUID.fullmatch(entry["order"]) and TIME.fullmatch(entry["at"]), entry)
    expect(entry["kind"] == "set" or entry["stock_after"] == 0 and not described, entry)
    for name, value in known.items():
        equal(entry.get(name), value, name)


def restore(w, item, book):
    """Restores a book to its earlier columns."""
    fields = {name: value for name, value in book.items() if name not in ("item", "seq")}
    return ok(set_book(w, item, fields)).json


# --- One book ---------------------------------------------------------------------------------------------------------


@check(cases=SERVICES)
def a_book_is_added_changed_and_withdrawn(w, name):
    item, head = 9780141439518, w.head()
    book = is_book(ok(set_book(w, item, NEW, name)).json)
    equal(book, NEW | {"item": item, "cost": "7.00", "seq": head + 1}, "the book")
    equal(w.book(item), book, "the book in the catalog")
    for path in (f"/search?item={item}", "/search?q=persuasion", "/search?topic=Novels"):
        found = ok(w.frontend.get(path, headers=[("Bookstore-Seq", str(head + 1))])).json
        equal(found if "item" in found else found["books"], book if "item" in found else [book], path)
    sold = ok(w.buy(item)).json
    changed = ok(set_book(w, item, {"title": "Anne", "topic": "novels", "cost": "8.50"}, name)).json
    equal(changed, {"item": item, "title": "Anne", "topic": "novels", "cost": "8.50", "stock": 2, "seq": head + 3})
    equal(ok(w.frontend.get(f"/orders/{sold['order']}")).json, sold, "the receipt with the title of its time")
    gone = ok(withdraw(w, item, name)).json
    equal(gone, {"books": [], "withdrawn": [item], "seq": head + 4}, "the answer to a withdrawal")
    refused(w.buy(item), "unknown-item")
    refused(w.frontend.get(f"/search?item={item}"), "unknown-item")
    equal(ok(w.frontend.get(f"/orders/{sold['order']}")).json, sold, "the receipt after the withdrawal")
    added, sale, renamed, withdrawn = entries_after(w, head)
    equal((sale["title"], sale["unit_cost"]), ("Persuasion", "7.00"), "title and cost of the sale")
    is_change(added, kind="set", item=item, change=3, stock_after=3, unit_cost="7.00", title="Persuasion",
              topic="novels", author="Jane Austen")
    is_change(renamed, kind="set", change=0, stock_after=2, unit_cost="8.50", title="Anne", topic="novels")
    is_change(withdrawn, kind="withdrawn", change=-2, stock_after=0)


@check(cases=SERVICES)
def a_change_without_a_stock_leaves_the_stock_unchanged(w, name):
    before = w.book(2)
    fields = {"title": before["title"], "topic": before["topic"], "cost": "41.00"}
    equal(ok(set_book(w, 2, fields, name)).json["stock"], before["stock"], "stock")
    equal(ok(set_book(w, 2, fields | {"stock": 7}, name)).json["stock"], 7, "stock")
    equal(ok(set_book(w, 77, fields, name)).json["stock"], 0, "stock of a new book")
    ok(withdraw(w, 77, name))
    restore(w, 2, before)


@check(cases=SERVICES)
def texts_are_kept_in_nfc_and_trimmed(w, name):
    text = '{"title":" Cafe\\u0301 ","topic":"\\tre\\u0301cits","author":"Andre\\u0301 ","cost":"1.5"}'
    book = ok(set_book(w, 78, text, name)).json
    equal((book["title"], book["topic"], book["author"], book["cost"]), ("Café", "récits", "André", "1.50"))
    ok(withdraw(w, 78, name))


@check(cases=[(name, text) for name in SERVICES for text in BAD_BOOKS])
def a_malformed_book_is_refused(w, case):
    name, text = case
    head, key = w.head(), new_key()
    refused(set_book(w, 1, text, name, key=key), "invalid-request")
    equal(w.head(), head, "head of the ledger")
    refused(w.catalog.get(f"/ledger/orders/{key}"), "unknown-order")


@check(cases=SERVICES)
def item_numbers_are_limited(w, name):
    for item in ("0", "-1", "x", "9007199254740992", "1.0"):
        refused(set_book(w, item, NEW, name), "invalid-request")
        refused(withdraw(w, item, name), "invalid-request")
    ok(set_book(w, 2**53 - 1, NEW, name))
    ok(withdraw(w, 2**53 - 1, name))


@check(cases=SERVICES)
def an_unknown_book_cannot_be_withdrawn(w, name):
    head, key = w.head(), new_key()
    answer = refused(withdraw(w, 999, name), "unknown-item")
    equal((answer.json["item"], "order" in answer.json, w.head()), (999, False, head), "without a key")
    first = refused(withdraw(w, 999, name, key=key), "unknown-item")
    equal((first.json["order"], w.head()), (key, head + 1), "order and head under a key")
    ok(set_book(w, 999, NEW, name))
    again = refused(withdraw(w, 999, name, key=key), "unknown-item")
    expect(again.replayed, "a recorded refusal is decided again")
    equal(again.json, first.json, "the replay")
    ok(withdraw(w, 999, name))


# --- Several books ----------------------------------------------------------------------------------------------------


@check(cases=SERVICES)
def several_books_change_together(w, name):
    before, head, key = w.book(3), w.head(), new_key()
    books = [numbered(70, stock=5), numbered(60, author="A"), numbered(1_000_000)]
    first = ok(change(w, books, [3], name, key=key))
    answer = first.json
    fields_are(answer, ("books", "withdrawn", "seq"))
    equal([is_book(book)["item"] for book in answer["books"]], [60, 70, 1_000_000], "books by item number")
    equal((answer["withdrawn"], answer["seq"], w.head()), ([3], head + 4, head + 4), "withdrawn, seq and head")
    for book in answer["books"]:
        equal(w.book(book["item"]), book, "the book in the catalog")
    entries = entries_after(w, head)
    equal([(entry["item"], entry["line"], entry["lines"]) for entry in entries],
          [(3, 1, 4), (60, 2, 4), (70, 3, 4), (1_000_000, 4, 4)], "lines by item number")
    for entry in entries:
        is_change(entry, order=key, at=entries[0]["at"])
    equal(ok(w.catalog.get(f"/ledger/orders/{key}")).json, {"entries": entries}, "the change in the ledger")
    refused(w.frontend.get(f"/orders/{key}"), "unknown-order")
    again = ok(change(w, books[::-1], [3], name, key=key))
    expect(again.replayed and not first.replayed, "Idempotency-Replayed is wrong")
    equal(again.json, answer, "the replay")
    equal(w.head(), head + 4, "head after the replay")
    ok(change(w, [], [60, 70, 1_000_000], name))
    restore(w, 3, before)


@check(cases=SERVICES)
def several_books_change_all_or_none(w, name):
    before, head, key = w.book(2), w.head(), new_key()
    wrong = refused(change(w, [numbered(2), numbered(90)], [999, 4, 998], name), "unknown-item")
    equal((wrong.json["items"], "order" in wrong.json, w.head()), ([998, 999], False, head), "without a key")
    first = refused(change(w, [numbered(2), numbered(90)], [999, 4, 998], name, key=key), "unknown-item")
    equal((first.json["items"], first.json["order"], w.head()), ([998, 999], key, head + 2), "under a key")
    equal([(entry["kind"], entry["reason"], entry["item"]) for entry in entries_after(w, head)],
          [("refused", "unknown-item", 998), ("refused", "unknown-item", 999)], "entries")
    equal((w.book(2), w.stock(4)), (before, w.stock(4)), "the books")
    refused(w.catalog.get("/lookup/90"), "unknown-item")
    again = refused(change(w, [numbered(90), numbered(2)], [4, 998, 999], name, key=key), "unknown-item")
    expect(again.replayed, "a recorded refusal is decided again")
    equal(again.json, first.json, "the replay")


@check(cases=[(name, text) for name in SERVICES for text in BAD_LISTS])
def a_malformed_list_is_refused(w, case):
    name, text = case
    head, key = w.head(), new_key()
    refused(send(w, name, "POST", "/books", text, key=key), "invalid-request")
    equal(w.head(), head, "head of the ledger")
    refused(w.catalog.get(f"/ledger/orders/{key}"), "unknown-order")


@check(cases=SERVICES)
def a_change_has_at_most_1000_books_and_1_mib(w, name):
    items = range(2_000, 3_000)
    head = w.head()
    refused(change(w, [numbered(item) for item in items], [1], name), "invalid-request")
    refused(change(w, [numbered(2_000, title="x" * 1_048_577)], [], name), "payload-too-large")
    equal(w.head(), head, "head of the ledger")
    answer = ok(change(w, [numbered(item, title="x" * 900) for item in items], [], name)).json
    equal((len(answer["books"]), answer["seq"], w.head()), (1_000, head + 1_000, head + 1_000), "books, seq and head")
    for limit in (1, 999, 1_000):
        page = ok(w.frontend.get(f"/ledger?after={head}&limit={limit}", token=True)).json
        equal(len(page["entries"]), 1_000, f"entries of a page of {limit}")
    equal(len(ok(change(w, [], items, name)).json["withdrawn"]), 1_000, "withdrawn books")


# --- Keys, conditions, deadlines --------------------------------------------------------------------------------------


@check(cases=SERVICES)
def a_key_is_for_one_change(w, name):
    key, book = new_key(), NEW | {"stock": 9}
    first = ok(set_book(w, 71, book, name, key=key))
    again = ok(set_book(w, 71, book | {"cost": "7.00"}, name, key=key))
    expect(again.replayed and not first.replayed, "Idempotency-Replayed is wrong")
    equal(again.json, first.json, "the replay")
    head = w.head()
    for other in ({"title": "Emma"}, {"topic": "other"}, {"cost": "7.01"}, {"stock": 8}, {"author": "J. Austen"}):
        refused(set_book(w, 71, book | other, name, key=key), "key-reused")
    refused(set_book(w, 72, book, name, key=key), "key-reused")
    refused(withdraw(w, 71, name, key=key), "key-reused")
    refused(change(w, [numbered(71)], [], name, key=key), "key-reused")
    refused(w.frontend.put("/stock/71", {"stock": 9}, token=True, key=key), "key-reused")
    refused(w.buy(71, key=key), "key-reused")
    order = new_key()
    ok(w.buy(71, key=order))
    refused(withdraw(w, 71, name, key=order), "key-reused")
    equal(w.head(), head + 1, "head of the ledger")
    equal(ok(set_book(w, 71, book, name, key=key, headers=LATE)).json, first.json, "the replay after the deadline")
    ok(withdraw(w, 71, name))


@check(cases=SERVICES)
def a_change_under_a_key_that_changes_nothing_is_recorded(w, name):
    before, head, key = w.book(1), w.head(), new_key()
    fields = {field: value for field, value in before.items() if field not in ("item", "seq")}
    answer = ok(set_book(w, 1, fields, name, key=key)).json
    equal((answer, w.head()), (before | {"seq": head + 1}, head + 1), "the book and the head")


@check(cases=SERVICES)
def a_change_is_done_only_in_a_state_that_if_match_names(w, name):
    tag = ok(w.catalog.get("/lookup/1")).headers["ETag"]
    store = ok(w.catalog.get("/topics")).headers["ETag"]
    ok(w.buy(1))
    before, head, key = w.book(1), w.head(), new_key()
    for wrong in (tag, '"0"', '"99999999"'):
        refused(set_book(w, 1, NEW, name, tag=wrong, key=key), "precondition-failed")
        refused(withdraw(w, 1, name, tag=wrong, key=key), "precondition-failed")
    refused(change(w, [numbered(1)], [], name, tag=store, key=key), "precondition-failed")
    for nowhere in ("*", '"0"'):
        refused(set_book(w, 999, NEW, name, tag=nowhere, key=key), "precondition-failed")
    for malformed in ("5", '"5",'):
        refused(set_book(w, 1, NEW, name, tag=malformed, key=key), "invalid-request")
    refused(set_book(w, 1, NEW, name, tag='"0"', headers=LATE), "deadline-exceeded")
    equal((w.head(), w.book(1)), (head, before), "head and book")
    refused(w.catalog.get(f"/ledger/orders/{key}"), "unknown-order")
    current = f'"0", "{before["seq"]}"'
    done = ok(set_book(w, 1, NEW, name, tag=current, key=key))
    expect(not done.replayed, "the key was used up")
    stale = ok(set_book(w, 1, NEW, name, tag=tag, key=key))
    expect(stale.replayed, "a decided change is not replayed in another state")
    ok(change(w, [numbered(1)], [], name, tag=ok(w.catalog.get("/topics")).headers["ETag"]))
    restore(w, 1, before)


@check
def one_key_sent_by_many_at_once_changes_once(w):
    key, head = new_key(), w.head()
    books = [numbered(item) for item in range(500, 520)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda at: ok(change(w, books, key=key, name=SERVICES[at % 2])), range(32)))
    equal({answer.body for answer in answers}, {answers[0].body}, "answers")
    equal((sum(not answer.replayed for answer in answers), w.head()), (1, head + 20), "changes and head")
    ok(change(w, [], range(500, 520)))


# --- Token, media types, events, documentation ------------------------------------------------------------------------


@check(cases=SERVICES)
def changes_of_books_need_the_token_and_json(w, name):
    head, service = w.head(), w.services[name]
    for method, path, body in (("PUT", "/books/1", json.dumps(NEW)), ("DELETE", "/books/1", None),
                               ("POST", "/books", '{"withdraw":[1]}')):
        refused(service.request(method, path, body=body), "unauthorized")
        refused(service.request(method, path, body=body, headers=[("Authorization", "Bearer wrong")]), "unauthorized")
        text = [("Content-Type", "text/plain")]
        refused(service.request(method, path, body=body or "", token=True, content_type=None, headers=text),
                "unsupported-media-type")
    for method, path, allow in (("GET", "/books/1", "DELETE, PUT"), ("GET", "/books", "POST")):
        equal(refused(service.request(method, path), "method-not-allowed").headers["Allow"], allow, "Allow")
    equal(w.head(), head, "head of the ledger")


@check
def a_change_is_sent_live_and_to_the_feed(w):
    before, head = w.book(4), w.head()
    with w.frontend.events("/events") as stream:
        stream.expect("hello")
        ok(change(w, [numbered(80, stock=5), numbered(81)], [4]))
        events = stream.until("stock", head + 3)
    equal(changes_of(events), {4: -before["stock"], 80: 5, 81: 0}, "changes")
    equal([identity for identity, _ in events], [None, None, str(head + 3)], "ids of the events")
    with w.catalog.events(f"/feed?after={head + 1}") as stream:
        equal(entries_of(stream, 2), entries_after(w, head)[1:], "entries of the feed from within a change")
    ok(change(w, [], [80, 81]))
    restore(w, 4, before)


@check
def the_documentation_describes_the_changes_of_books(w):
    for name in SERVICES:
        paths = ok(w.services[name].get("/openapi.json")).json["paths"]
        expect({"put", "delete"} <= set(paths["/books/{item}"]) and "post" in paths["/books"], f"{name}: {sorted(paths)}")
        for operation in (paths["/books/{item}"]["put"], paths["/books/{item}"]["delete"], paths["/books"]["post"]):
            expect({"200", "401", "412", "422"} <= set(operation["responses"]), name, *operation["responses"])
