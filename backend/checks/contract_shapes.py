"""The exact form of the contract's answers, and the assertions of the checks."""

import re

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
MONEY = re.compile(r"\d+\.\d\d")
CODES = {
    "invalid-request": 400, "unauthorized": 401, "forbidden-origin": 403, "unknown-item": 404, "unknown-order": 404,
    "not-found": 404, "method-not-allowed": 405, "request-timeout": 408, "sold-out": 409, "precondition-failed": 412,
    "payload-too-large": 413, "unsupported-media-type": 415, "misdirected": 421, "key-reused": 422,
    "too-many-requests": 429, "internal": 500, "unavailable": 503, "deadline-exceeded": 504, "storage-full": 507,
    "loop-detected": 508,
}


class Mismatch(Exception):
    """The answer differs from the contract."""


def expect(holds, *seen):
    """Fails the check unless the condition holds; `seen` describes the actual values."""
    if not holds:
        raise Mismatch(" ".join(str(part) for part in seen))


def equal(found, expected, what="found"):
    expect(found == expected, f"{what}: {found!r}, expected {expected!r}")


def ok(answer):
    equal(answer.status, 200, f"status of {answer}")
    return answer


def refused(answer, code):
    """Returns the answer, which must be a problem with that code."""
    expect((answer.status, answer.code) == (CODES[code], code), f"{answer}, expected {CODES[code]} {code}")
    return answer


def fields_are(value, names):
    equal(sorted(value), sorted(names), "fields")


def allowed(answer):
    """Returns the methods in the `Allow` header of a 405."""
    return {method.strip() for method in answer.headers.get("Allow", "").split(",")}


def is_problem(document, status):
    if not isinstance(document, dict) or document.get("status") != status:
        return False
    return all(isinstance(document.get(name), str) and document[name] for name in ("type", "title", "code", "detail"))


def holds_null(value):
    if isinstance(value, (dict, list)):
        return any(holds_null(part) for part in (value.values() if isinstance(value, dict) else value))
    return value is None


def is_book(book):
    fields_are(set(book) - {"author"}, ("item", "title", "topic", "cost", "stock", "seq"))
    expect(MONEY.fullmatch(book["cost"]), f"cost {book['cost']!r}")
    expect(all(type(book[name]) is int for name in ("item", "stock", "seq")), book)
    return book


def is_receipt(receipt, **known):
    """Checks a receipt: exactly the contract's fields, and the values in `known`."""
    is_sold = receipt["status"] == "sold"
    expect(is_sold or receipt["status"] == "refused", receipt)
    if "lines" in receipt:
        fields_are(receipt, ("order", "status", "lines", "total", "seq", "at"))
        lines = receipt["lines"]
        expect(len(lines) > 1, "an order of one line has the form of several:", receipt)
        are_ordered(lines, receipt["seq"])
        reasons = [is_receipt_line(line, is_sold).get("reason") for line in lines]
        expect(is_sold or set(reasons) != {"with-others"}, "no line is the reason for the refusal:", receipt)
        equal(cents(receipt["total"]), sum(cents(line["total"]) for line in lines), "total in cents")
    else:
        line = {name: value for name, value in receipt.items() if name not in ("order", "status", "at")}
        fields_are(receipt, ("order", "status", "at", *line))
        expect(is_receipt_line(line, is_sold).get("reason") != "with-others", receipt)
    has_order_and_time(receipt)
    return has_values(receipt, known)


def is_receipt_line(line, is_sold):
    names = {"item", "title", "quantity", "cost", "total", "stock", "seq"}
    if is_sold:
        equal(cents(line["total"]), line["quantity"] * cents(line["cost"]), "total in cents")
    else:
        names |= {"reason"}
        names -= {"title", "cost", "stock"} if line.get("reason") == "unknown-item" else set()
        equal(line["total"], "0.00", "total of a refused line")
    fields_are(line, names)
    return line


def is_entry(entry, **known):
    """Checks an order's ledger entry: exactly the contract's fields, and the values in `known`."""
    names = {"seq", "at", "kind", "item", "quantity", "change", "stock_after", "order", "unit_cost", "title"}
    if entry["kind"] == "refused":
        names |= {"reason"}
        names -= {"stock_after", "unit_cost", "title"} if entry.get("reason") == "unknown-item" else set()
        equal(entry["change"], 0, "change of a refusal")
    else:
        equal(entry["kind"], "sold", "kind")
        equal(entry["change"], -entry["quantity"], "change")
    if "lines" in entry:
        names |= {"line", "lines"}
        expect(1 <= entry["line"] <= entry["lines"] and entry["lines"] > 1, entry)
    fields_are(entry, names)
    has_order_and_time(entry)
    return has_values(entry, known)


def is_group(entries, **known):
    """Checks the entries of one whole order; each entry must have the values in `known`."""
    count = len(entries)
    if count > 1:
        equal([(entry.get("line"), entry.get("lines")) for entry in entries],
              [(line, count) for line in range(1, count + 1)], "lines")
        are_ordered(entries, entries[-1]["seq"])
    equal(len({(entry["order"], entry["at"], entry["kind"]) for entry in entries}), 1, "orders, times and kinds")
    for entry in entries:
        is_entry(entry, **known)
    return entries


def are_ordered(lines, last):
    """Checks that lines have consecutive `seq` up to the last and ascending item numbers."""
    equal([line["seq"] for line in lines], list(range(last - len(lines) + 1, last + 1)), "seq of the lines")
    items = [line["item"] for line in lines]
    equal(items, sorted(set(items)), "items of the lines")


def has_values(value, known):
    for name, expected in known.items():
        equal(value.get(name), expected, name)
    return value


def has_order_and_time(value):
    expect(UUID.fullmatch(value["order"]), f"order {value['order']!r}")
    expect(TIME.fullmatch(value["at"]), f"time {value['at']!r}")
    expect(type(value["seq"]) is int and value["seq"] > 0, f"seq {value['seq']!r}")


def cents(money):
    expect(MONEY.fullmatch(money), f"money {money!r}")
    return int(money.replace(".", ""))
