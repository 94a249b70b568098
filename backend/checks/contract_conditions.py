"""Contract checks of the shopkeeper's `If-Match` and `If-None-Match`."""

from contract_runner import check, new_key
from contract_shapes import equal, expect, ok, refused

ROUTES = [("frontend", "/stock/"), ("catalog", "/update/")]
LATE = [("Bookstore-Deadline", "1")]


def put(w, case, body, *, item=4, tag=None, key=None, headers=()):
    """Changes a stock at one of the routes, on the condition of a tag."""
    headers = [*headers, *([("If-Match", tag)] if tag is not None else [])]
    return w.services[case[0]].put(f"{case[1]}{item}", body, token=True, key=key, headers=headers)


def tag_of(w, item=4):
    return ok(w.catalog.get(f"/lookup/{item}")).headers["ETag"]


@check(cases=ROUTES)
def a_change_with_the_current_tag_is_applied(w, case):
    for spelling in ("{}", '"0", {}', '{} , "99999999"', '{},W/"1"'):
        before = w.stock(4)
        book = ok(put(w, case, {"change": 1}, tag=spelling.format(tag_of(w)))).json
        equal(book["stock"], before + 1, f"stock after If-Match: {spelling}")
    ok(put(w, case, {"stock": 500}, tag="*"))
    equal(w.stock(4), 500, "stock")


@check(cases=ROUTES)
def a_change_with_another_tag_is_refused_and_not_recorded(w, case):
    tag = tag_of(w)
    ok(w.buy(4))
    head, stock, key = w.head(), w.stock(4), new_key()
    for wrong in (tag, f"W/{tag_of(w)}", '"0"', '"99999999"', f'{tag}, "0"', f'"{head + 1}"', '"abc"'):
        for body in ({"stock": 7}, {"change": 5}, {"stock": stock}):
            refused(put(w, case, body, tag=wrong, key=key), "precondition-failed")
            refused(put(w, case, body, tag=wrong), "precondition-failed")
    equal((w.head(), w.stock(4)), (head, stock), "head and stock")
    refused(w.catalog.get(f"/ledger/orders/{key}"), "unknown-order")
    done = ok(put(w, case, {"change": 1}, tag=tag_of(w), key=key))
    expect(not done.replayed, "the key was used up")
    w.set_stock(4, 500)


@check(cases=ROUTES)
def a_change_is_not_done_in_a_state_that_if_none_match_names(w, case):
    head, key, tag = w.head(), new_key(), tag_of(w)
    for named in (tag, f"W/{tag}", f'"0", {tag}', "*"):
        refused(put(w, case, {"change": 5}, key=key, headers=[("If-None-Match", named)]), "precondition-failed")
    equal(w.head(), head, "head of the ledger")
    done = ok(put(w, case, {"change": 1}, key=key, headers=[("If-None-Match", '"0"')]))
    expect(not done.replayed, "the key was used up")
    w.set_stock(4, 500)


@check(cases=ROUTES)
def a_malformed_condition_is_refused(w, case):
    head = w.head()
    for tag in ("5", "", '"5" "6"', '"5",', "abc"):
        answer = put(w, case, {"change": 1}, tag=tag)
        refused(answer, "invalid-request" if answer.status == 400 else "precondition-failed")
    equal(w.head(), head, "head of the ledger")


@check(cases=ROUTES)
def a_decided_change_is_replayed_whatever_the_current_state(w, case):
    key, tag = new_key(), tag_of(w)
    first = ok(put(w, case, {"change": 5}, tag=tag, key=key))
    for stale in (tag, '"0"', None):
        again = ok(put(w, case, {"change": 5}, tag=stale, key=key))
        expect(again.replayed and not first.replayed, "Idempotency-Replayed is wrong")
        equal(again.json, first.json, "the replay")
        refused(put(w, case, {"change": 6}, tag=stale, key=key), "key-reused")
    late = ok(put(w, case, {"change": 5}, tag=tag, key=key, headers=LATE))
    equal(late.json, first.json, "the replay after the deadline")
    w.set_stock(4, 500)


@check(cases=ROUTES)
def the_deadline_is_checked_before_the_state(w, case):
    head = w.head()
    refused(put(w, case, {"change": 5}, tag='"0"', headers=LATE), "deadline-exceeded")
    equal(w.head(), head, "head of the ledger")


@check(cases=ROUTES)
def a_change_under_a_key_that_changes_nothing_is_recorded(w, case):
    head, stock, key = w.head(), w.stock(4), new_key()
    first = ok(put(w, case, {"stock": stock}, tag=tag_of(w), key=key)).json
    equal((first["stock"], first["seq"], w.head()), (stock, head + 1, head + 1), "stock, seq and head")
    ok(put(w, case, {"change": 0}, key=new_key()))
    equal(w.head(), head + 2, "head")
