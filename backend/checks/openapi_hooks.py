"""Hooks of schemathesis for the rules of the contract that JSON Schema cannot express.

A rule between two parameters, or between parameter and state, is in the description only. Generated requests are changed to
follow the rules where that is easy; if a valid request still violates one, its refusal is not a failure.
"""

import re
import time

import schemathesis
from schemathesis.core.failures import ServerError
from schemathesis.openapi.checks import RejectedPositiveData

TEXT_BYTES_MAX = 1024
ITEM_MAX = 2**53 - 1
SELECTORS = {"/search": ("topic", "item", "lookupNum", "q"), "/buy": ("buyNum",)}


def body_of(case):
    return case.body if isinstance(case.body, dict) else {}


def selectors(case):
    """Returns the fields of query and body by which a search or purchase selects its books."""
    query = [name for name in SELECTORS.get(case.path, ()) if name in (case.query or {})]
    return query + [name for name in ("topic", "item", "q", "lines") if name in body_of(case)]


def repeats_an_item(lines):
    items = [line.get("item") for line in lines if isinstance(line, dict)]
    return len(set(items)) < len(items)


def has_fraction(value):
    """Returns whether a body has a number with a decimal point; JSON Schema takes `1.0` for an integer."""
    if isinstance(value, (dict, list)):
        return any(map(has_fraction, value.values() if isinstance(value, dict) else value))
    return isinstance(value, float)


def is_no_cursor(case):
    """Returns whether `after` has the form of a cursor, but is one of another search, or too large."""
    cursor, is_words = str(case.query["after"]), case.path == "/search" and "q" in selectors(case)
    return ("-" in cursor) != is_words or int(cursor.partition("-")[2] or cursor) > ITEM_MAX


def breaks_a_pattern(case):
    """Returns whether a header field lacks its documented form: schemathesis 4.32 accepts `0` and an empty text as valid
    where it combines optional fields."""
    for field in case.operation.headers:
        value, pattern = (case.headers or {}).get(field.name), field.definition.get("schema", {}).get("pattern")
        if pattern is not None and value is not None and not re.search(pattern, str(value)):
            return True
    return False


def breaks_a_rule(case):
    """Returns whether a request that follows the schemas breaks a rule that they cannot express."""
    query, body = case.query or {}, body_of(case)
    if has_fraction(body):
        return True
    if case.path in SELECTORS and len(selectors(case)) != 1:
        return True
    texts = [str(part.get(name, "")) for part in (query, body) for name in ("topic", "q")]
    if any(len(text.encode(errors="replace")) > TEXT_BYTES_MAX for text in texts):
        return True
    if case.path.startswith("/search") and "after" in query and is_no_cursor(case):
        return True
    if case.path in ("/stock/{item}", "/update/{item}") and body.get("change", 0) > 0:
        return True
    if case.path == "/books":
        changed = [book.get("item") for book in body.get("set", ())] + body.get("withdraw", [])
        return not changed or len(set(changed)) < len(changed)
    orders = [body, *body.get("orders", ()), *body.get("sales", ())]
    return any(repeats_an_item(order.get("lines", ())) for order in orders)


def has_passed(case):
    """Returns whether the purchase's deadline has passed."""
    deadline = (case.headers or {}).get("Bookstore-Deadline")
    return deadline is not None and str(deadline).isdigit() and int(deadline) <= time.time() * 1000 + 1000


@schemathesis.hook
def map_case(context, case):
    """Changes a valid search or purchase so that it selects its books in one way."""
    is_valid = case.meta is not None and case.meta.generation.mode.is_positive
    if is_valid and case.path in SELECTORS and len(found := selectors(case)) > 1:
        kept = found[len(str(case.query)) % len(found)]
        for name in set(found) - {kept}:
            for part in (case.query or {}, body_of(case)):
                part.pop(name, None)
    return case


@schemathesis.hook
def filter_failure(context, failure, case, response):
    if isinstance(failure, RejectedPositiveData) and response.status_code == 400:
        return not (breaks_a_pattern(case) or breaks_a_rule(case))
    if isinstance(failure, ServerError) and response.status_code == 504:
        return not has_passed(case)
    return True
