"""The list of the contract's checks, and the world that they are run on."""

import http.client
import traceback
import uuid
from urllib.parse import quote

from contract_http import Service, Watch
from contract_shapes import Mismatch, ok, refused

CHECKS = []


def check(function=None, *, cases=None):
    """Enters a function in the list under its name, which is a sentence; with `cases`, once for each of them."""
    def enter(function):
        area = function.__module__.removeprefix("contract_")
        sentence = f"{area}: {function.__name__.replace('_', ' ')}"
        if cases is None:
            CHECKS.append((sentence, function, ()))
        for case in cases or ():
            label = case[0] if isinstance(case, tuple) else case
            CHECKS.append((f"{sentence} [{str(label)[:60]}]", function, (case,)))
        return function
    return enter(function) if function else enter


def run_checks(world, only):
    """Runs the checks whose name holds `only`; prints a line for each and returns how many passed and failed."""
    passed = failed = 0
    watch = [(f"all: {rule}", lambda _, rule=rule: world.watch.report(rule), ()) for rule in Watch.RULES]
    for name, function, case in CHECKS + watch:
        if only not in name:
            continue
        why = failure_of(function, world, case)
        passed, failed = passed + (why is None), failed + (why is not None)
        print(f"ok   {name}" if why is None else f"FAIL {name} — {why}", flush=True)
    return passed, failed


def failure_of(function, world, case):
    try:
        function(world, *case)
        return None
    except Mismatch as mismatch:
        return " ".join(str(mismatch).split())[:600]
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError, AttributeError) as error:
        line = traceback.extract_tb(error.__traceback__)[-1]
        return f"{error!r} at {line.filename.rpartition('/')[2]}:{line.lineno}"[:600]


class World:
    """The three services of a fresh store, and the steps that many checks share."""

    def __init__(self, frontend, catalog, order, token):
        self.watch = Watch()
        self.frontend = Service("frontend", frontend, token, self.watch)
        self.catalog = Service("catalog", catalog, token, self.watch)
        self.order = Service("order", order, token, self.watch)
        self.services = {service.name: service for service in (self.frontend, self.catalog, self.order)}

    def book(self, item):
        """The book as the catalog has it this moment."""
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
        """The whole ledger, page by page."""
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
    """Every element of a list that is read in pages."""
    found, after = [], ""
    for _ in range(10_000):
        page = ok(service.get(path + after)).json
        found += page[field]
        if "next" not in page:
            return found
        after = f"&after={encode(page['next'])}"
    raise Mismatch(f"{path} never ends")
