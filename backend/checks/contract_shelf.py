"""Contract checks on a store of books in many scripts: text comparison, item numbers, receipts after a change of title.

The last ones stop the services, import another catalog file, and start them again.
"""

import csv
import unicodedata

from contract_runner import check, encode, new_key, pages
from contract_shapes import equal, expect, is_book, is_group, is_receipt, ok, refused

BIG, ISBN = 2**53 - 1, 9780131103627
DECOMPOSED = {text: unicodedata.normalize("NFD", text)
              for text in ("misérables", "CAFÉ", "Café", "café", "Café au lait")}
# item, title, author, topic. Every cost is 10.00 and every stock 50.
BOOKS = [
    (1, "Die Straße", "Jürgen Groß", "Städte"),
    (2, "Les Misérables", "Victor Hugo", "Café"),
    (3, DECOMPOSED["Café au lait"], "", DECOMPOSED["café"]),
    (4, "Learning Perl", "Tim O’Reilly", "languages"),
    (5, "The C++ Programming Language", "", "languages"),
    (6, "C# in Depth", "", "LANGUAGES"),
    (7, "紅樓夢", "曹雪芹", "小說"),
    (8, "西遊記", "吳承恩", "小說"),
    (9, "吾輩は猫である", "夏目漱石", "小説"),
    (10, "İstanbul Hatırası", "Ahmet Ümit", "polisiye"),
    (11, "ΟΔΥΣΣΕΙΑ", "Ὅμηρος", "ἔπη"),
    (12, "Война и мир", "Толстой", "роман"),
    (13, "The ﬁnance book", "", "money"),
    (14, "ＡＢＣ Murders", "", "crime"),
    (15, "שָׁלוֹם", "", "עברית"),
    (16, "مُحَمَّد", "", "عربي"),
    (17, "हिन्दी व्याकरण", "", "भाषा"),
    (18, "한국어 문법", "", "언어"),
    (19, "Truyện Kiều", "Nguyễn Du", "thơ"),
    (20, "ภาษาไทย", "", "ภาษา"),
    (21, "Hitchhiker's Guide", "", "towel"),
    (22, 'He said "no", twice', "A, B", "quotes, commas"),
    (4294967296, "Beyond thirty-two bits", "", "numbers"),
    (ISBN, "The C Programming Language", "", "languages"),
    (BIG, "The last number", "", "numbers"),
]
# Items in the expected order, and the queries that find them.
FOUND = [
    ([1], "strasse|STRASSE|straße|groß|GROSS|jurgen|stadte"),
    ([2], "miserables|Misérables|MISÉR|les mis|" + DECOMPOSED["misérables"]),
    ([3, 2], "cafe|café|CAFE|" + DECOMPOSED["CAFÉ"]),
    ([3], "caf au"),
    ([4], "oreilly|o'reilly|O’Reilly|oʼreilly|O＇REILLY"),
    ([21], "hitchhikers|hitchhiker's|hitchhiker’s"),
    ([10], "istanbul|İSTANBUL|umit"),
    ([11], "οδυσσεια|Οδύσσεια|ομηρος|επη"),
    ([12], "война|ВОИНА|мир"),
    ([13], "finance|ﬁnance"),
    ([14], "abc|ａｂｃ"),
    ([15], "שלום|שָׁלוֹם"),
    ([16], "محمد"),
    ([17], "हिन्दी"),
    ([18], "한국|한국어|문법"),
    ([19], "truyen kieu|nguyễn|tho"),
    ([20], "ภาษา"),
    ([7], "紅樓夢|紅樓|樓夢|曹雪"),
    ([8], "西遊|遊記"),
    ([7, 8], "小說"),
    ([9], "輩は猫|猫で|である|夏目"),
    ([22], "no twice"),
    ([4294967296], "thirty"),
    ([], "紅夢|夢樓|rasse|eilly|zzz"),
]
QUERIES = [(words, items) for items, spellings in FOUND for words in spellings.split("|")]
FIRST = [("c++", 5), ("C++", 5), ("c#", 6), ("C++ programming", 5)]
TOPICS = [("cafe", [2, 3]), ("CAFÉ", [2, 3]), (DECOMPOSED["Café"], [2, 3]), ("STÄDTE", [1]), ("stadte", [1]),
          ("languages", [4, 5, 6, ISBN]), ("小說", [7, 8]), ("ΕΠΗ", [11]), ("РОМАН", [12]), ("quotes, commas", [22]),
          ("numbers", [4294967296, BIG]), *((topic, []) for topic in ("caf", "", ".", "..", "/", "%", "+"))]
NUMBERS = [4294967296, ISBN, BIG]


def write_books(path, books):
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["item", "name", "stock", "cost", "topic", "author"])
        rows.writerows([item, title, 50, "10.00", topic, author] for item, title, author, topic in books)


def items_of(answer):
    return [is_book(book)["item"] for book in ok(answer).json["books"]]


# --- Text -------------------------------------------------------------------------------------------------------------


@check(cases=BOOKS)
def a_book_keeps_its_text(w, row):
    item, title, author, topic = row
    book = is_book(ok(w.frontend.get(f"/search?item={item}")).json)
    found = tuple(book.get(name, "") for name in ("item", "title", "author", "topic"))
    equal(found, (item, *(unicodedata.normalize("NFC", text) for text in (title, author, topic))), "book")


@check(cases=QUERIES)
def words_find_books_whatever_their_spelling(w, case):
    words, items = case
    equal(items_of(w.frontend.get(f"/search?q={encode(words)}")), items)
    equal(items_of(w.catalog.get(f"/search?q={encode(words)}")), items)


@check(cases=FIRST)
def a_name_with_signs_is_found_first(w, case):
    words, item = case
    found = items_of(w.frontend.get(f"/search?q={encode(words)}"))
    equal(found[:1], [item], f"the first of {found}")


@check(cases=TOPICS)
def a_topic_is_compared_as_words_are(w, case):
    topic, items = case
    equal(items_of(w.frontend.get(f"/search?topic={encode(topic)}")), items)
    equal(items_of(w.frontend.get("/search", body={"topic": topic})), items)


@check
def spellings_of_one_topic_are_one_topic(w):
    topics = ok(w.frontend.get("/topics")).json["topics"]
    counts = {entry["topic"]: entry["books"] for entry in topics}
    equal((counts["Café"], counts["languages"], counts["小說"]), (2, 4, 2), "books")
    equal(sum(counts.values()), len(BOOKS), "books of all topics")
    expect("café" not in counts and "LANGUAGES" not in counts, "a second spelling:", *counts)
    ascii_topics = [topic for topic in counts if topic.isascii()]
    equal(ascii_topics, sorted(ascii_topics, key=str.casefold), "order of the topics")


# --- Item numbers -----------------------------------------------------------------------------------------------------


@check(cases=NUMBERS)
def large_item_numbers_are_accepted(w, item):
    head, stock = w.head(), w.stock(item)
    receipt = is_receipt(ok(w.buy(item, 2)).json, item=item, stock=stock - 2)
    equal(is_group(w.entries()[head:])[0]["item"], item, "item of the entry")
    for answer in (w.frontend.get("/search", body={"item": item}), w.frontend.get(f"/search?lookupNum={item}"),
                   w.catalog.get(f"/lookup/{item}")):
        equal((ok(answer).json["item"], answer.json["seq"]), (item, receipt["seq"]), "item and seq")
    is_receipt(ok(w.order.post(f"/buy/{item}")).json, item=item)
    equal(ok(w.frontend.put(f"/stock/{item}", {"stock": stock}, token=True)).json["item"], item, "item")
    for path in (f"/search?item={item - 1}", f"/search?item={item % 2**32}"):
        expect(w.frontend.get(path).json.get("item") != item, f"{path} finds {item}")


@check
def twenty_lines_of_any_numbers_are_one_order(w):
    lines = [{"item": book[0]} for book in reversed(BOOKS[-20:])]
    receipt = is_receipt(ok(w.frontend.post("/buy", {"lines": lines})).json, status="sold", total="200.00")
    equal([line["item"] for line in receipt["lines"]], [book[0] for book in BOOKS[-20:]], "items")
    is_group(w.entries()[-20:], order=receipt["order"])
    equal(ok(w.frontend.get(f"/orders/{receipt['order']}")).json, receipt, "the order read afterwards")


@check
def pages_of_a_topic_continue_after_any_item_number(w):
    found = pages(w.frontend, "/search?topic=numbers&limit=1", "books")
    equal([book["item"] for book in found], [4294967296, BIG], "items")


# --- Titles -----------------------------------------------------------------------------------------------------------


@check
def a_receipt_keeps_the_title_under_which_the_book_was_sold(w):
    keys = [new_key() for _ in range(3)]
    orders = [{"item": 5, "quantity": 2}, {"lines": [{"item": ISBN}, {"item": 22}, {"item": 2}]},
              {"lines": [{"item": 2, "quantity": 100}, {"item": 5}]}]
    answers = [w.frontend.post("/buy", order, key=key) for order, key in zip(orders, keys)]
    equal([answer.status for answer in answers], [200, 200, 409], "statuses")
    receipts = [ok(w.frontend.get(f"/orders/{key}")).json for key in keys]
    head, whole = w.head(), w.entries()
    renamed = {2: "The Wretched", 5: "C++", ISBN: "K&R"}
    # Book 22 is withdrawn.
    books = [(item, renamed.get(item, title), author, topic) for item, title, author, topic in BOOKS if item != 22]
    w.processes.stop()
    write_books(w.folder / "renamed.csv", books)
    w.processes.run("import", "--replace", "--store", w.store, str(w.folder / "renamed.csv"))
    for name in w.services:
        w.processes.start(name)
    equal(w.book(5)["title"], "C++", "title after the import")
    refused(w.catalog.get("/lookup/22"), "unknown-item")
    for key, order, answer, receipt in zip(keys, orders, answers, receipts):
        for service in (w.frontend, w.order):
            equal(ok(service.get(f"/orders/{key}")).json, is_receipt(receipt), "receipt after the import")
        again = w.frontend.post("/buy", order, key=key)
        expect(again.replayed, "no replay:", again)
        equal(again.json, answer.json, "the replay")
    entries = w.entries()
    equal(entries[:head], whole, "entries before the import")
    described = {entry["item"]: entry for entry in entries[head:] if entry["kind"] == "set"}
    for item, title, author, topic in books:
        if item in renamed:
            entry = described[item]
            equal((entry["title"], entry["topic"], entry["unit_cost"]), (title, topic, "10.00"), "description")
            equal(entry.get("author", ""), author, "author")
    receipt = is_receipt(ok(w.buy(2)).json, title="The Wretched")
    listed = {receipt["order"]: receipt for receipt in pages(w.order, "/orders?limit=100", "orders")}
    equal([listed[key] for key in keys] + [listed[receipt["order"]]], receipts + [receipt], "listed receipts")
