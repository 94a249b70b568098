"""The exact form of the contract's answers, and the assertions of the checks."""

import re

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
MONEY = re.compile(r"\d+\.\d\d")
CODES = {
    "invalid-request": 400, "unauthorized": 401, "unknown-item": 404, "unknown-order": 404, "not-found": 404,
    "method-not-allowed": 405, "sold-out": 409, "payload-too-large": 413, "unsupported-media-type": 415,
    "key-reused": 422, "too-many-requests": 429, "internal": 500, "unavailable": 503, "deadline-exceeded": 504,
    "storage-full": 507,
}


class Mismatch(Exception):
    """The answer differs from the contract."""


def expect(holds, *seen):
    """Fails the check unless the condition holds; `seen` describes what was found instead."""
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
    names = {"order", "status", "item", "title", "quantity", "cost", "total", "stock", "seq", "at"}
    if receipt["status"] == "refused":
        names |= {"reason"}
        names -= {"title", "cost", "stock"} if receipt.get("reason") == "unknown-item" else set()
        equal(receipt["total"], "0.00", "total of a refused order")
    else:
        equal(receipt["status"], "sold", "status")
        equal(cents(receipt["total"]), receipt["quantity"] * cents(receipt["cost"]), "total in cents")
    fields_are(receipt, names)
    has_order_and_time(receipt)
    expect(all(MONEY.fullmatch(receipt[name]) for name in ("cost", "total") if name in receipt), receipt)
    for name, value in known.items():
        equal(receipt.get(name), value, name)
    return receipt


def is_entry(entry, **known):
    """Checks an order's ledger entry: exactly the contract's fields, and the values in `known`."""
    names = {"seq", "at", "kind", "item", "quantity", "change", "stock_after", "order", "unit_cost"}
    if entry["kind"] == "refused":
        names |= {"reason"}
        names -= {"stock_after", "unit_cost"} if entry.get("reason") == "unknown-item" else set()
        equal(entry["change"], 0, "change of a refusal")
    else:
        equal(entry["kind"], "sold", "kind")
        equal(entry["change"], -entry["quantity"], "change")
    fields_are(entry, names)
    has_order_and_time(entry)
    for name, value in known.items():
        equal(entry.get(name), value, name)
    return entry


def has_order_and_time(value):
    expect(UUID.fullmatch(value["order"]), f"order {value['order']!r}")
    expect(TIME.fullmatch(value["at"]), f"time {value['at']!r}")
    expect(type(value["seq"]) is int and value["seq"] > 0, f"seq {value['seq']!r}")


def cents(money):
    expect(MONEY.fullmatch(money), f"money {money!r}")
    return int(money.replace(".", ""))
