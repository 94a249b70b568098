"""The registry of contract checks, their runner, and steps that many checks share."""

import http.client
import traceback
import uuid
from collections import Counter
from urllib.parse import quote

from contract_http import Service, Watch
from contract_shapes import TIME, Mismatch, equal, expect, fields_are, ok, refused

CHECKS = []


def check(function=None, *, cases=None):
    """Registers a function as a check. Its name is the sentence that is printed; with `cases`, once per case."""
    def register(function):
        area = function.__module__.removeprefix("contract_")
        sentence = f"{area}: {function.__name__.replace('_', ' ')}"
        if cases is None:
            CHECKS.append((sentence, function, ()))
        for case in cases or ():
            label = " ".join(str(case[0] if isinstance(case, tuple) else case).split())
            CHECKS.append((f"{sentence} [{label[:60]}]", function, (case,)))
        return function
    return register(function) if function else register


def run_checks(world, checks, only):
    """Runs checks, then those of the rules for all answers."""
    rules = [(f"all: {rule}", lambda _, rule=rule: world.watch.report(rule), ()) for rule in Watch.RULES]
    return run_all(world, checks + rules, only)


def run_all(subject, checks, only):
    """Runs the checks whose name contains `only`, prints a line for each, and returns (passed, failed)."""
    passed = failed = 0
    for name, function, case in checks:
        if only not in name:
            continue
        reason = failure_of(function, subject, case)
        passed, failed = passed + (reason is None), failed + (reason is not None)
        print(f"ok   {name}" if reason is None else f"FAIL {name} — {reason}", flush=True)
    return passed, failed


def failure_of(function, subject, case):
    try:
        function(subject, *case)
        return None
    except Mismatch as mismatch:
        return " ".join(str(mismatch).split())[:600]
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError, AttributeError) as error:
        line = traceback.extract_tb(error.__traceback__)[-1]
        return f"{error!r} at {line.filename.rpartition('/')[2]}:{line.lineno}"[:600]


class World:
    """The three services on a fresh store, and the steps that many checks share."""

    def __init__(self, frontend, catalog, order, token):
        self.watch = Watch()
        self.frontend = Service("frontend", frontend, token, self.watch)
        self.catalog = Service("catalog", catalog, token, self.watch)
        self.order = Service("order", order, token, self.watch)
        self.services = {service.name: service for service in (self.frontend, self.catalog, self.order)}

    def book(self, item):
        """Returns the book from the catalog."""
        return ok(self.catalog.get(f"/lookup/{item}")).json

    def stock(self, item):
        return self.book(item)["stock"]

    def set_stock(self, item, stock):
        return ok(self.frontend.put(f"/stock/{item}", {"stock": stock}, token=True)).json

    def head(self):
        return ok(self.catalog.get("/ledger?limit=1")).json["head"]

    def buy(self, item=1, quantity=None, key=None, **options):
        body = {"item": item} if quantity is None else {"item": item, "quantity": quantity}
        return self.frontend.post("/buy", body, key=key, **options)

    def is_undecided(self, key):
        refused(self.frontend.get(f"/orders/{key}"), "unknown-order")

    def entries(self):
        """Returns the whole ledger, read page by page."""
        entries = []
        while True:
            page = ok(self.catalog.get(f"/ledger?after={len(entries)}&limit=1000")).json
            entries += page["entries"]
            if not page["entries"]:
                return entries


def new_key():
    return str(uuid.uuid4())


def encode(text):
    return quote(text, safe="")


def pages(service, path, field):
    """Returns every element of a list that is read in pages."""
    found, after = [], ""
    for _ in range(10_000):
        page = ok(service.get(path + after)).json
        found += page[field]
        if "next" not in page:
            return found
        after = f"&after={encode(page['next'])}"
    raise Mismatch(f"{path} never ends")


def entries_of(stream, count):
    """Reads that many entries from the feed and ignores its other events."""
    entries = []
    while len(entries) < count:
        _, identity, data = stream.next()
        if isinstance(data, dict) and "kind" in data:
            equal(identity or str(data["seq"]), str(data["seq"]), "id of the event")
            entries.append(data)
    return entries


def changes_of(events):
    """Checks the form of the events and returns the sum of their changes per item."""
    changes, last = Counter(), 0
    for identity, data in events:
        fields_are(data, ("seq", "item", "stock", "change", "at"))
        equal(identity or str(data["seq"]), str(data["seq"]), "id of the event")
        expect(TIME.fullmatch(data["at"]), f"time {data['at']!r}")
        expect(data["seq"] > last, f"seq {data['seq']} after {last}")
        last = data["seq"]
        changes[data["item"]] += data["change"]
    return changes


def resuming(after):
    """Both ways to resume after a position, as (path, header fields)."""
    return {"after": (f"/events?after={after}", []), "Last-Event-ID": ("/events", [("Last-Event-ID", str(after))])}
