"""Two copies of each service over a cluster, shoppers, and their results."""

import asyncio
import json
import random
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from types import SimpleNamespace

import load
from services import ENVIRONMENT, NAMES, Services

PAIRS = [f"{name}-{copy}" for name in NAMES for copy in (1, 2)]
# The last books are sold out during the run.
BOOKS, SCARCE, PLENTY, SCARCE_COPIES = range(1, 25), range(21, 25), 100_000_000, 2_000
READ_SHARE, LINES_MAX, READY_S, DECIDE_S = 0.2, 3, 120.0, 900.0
SOURCES = {"catalog": (), "order": ("catalog",), "frontend": ("catalog", "order")}


class Pairs(Services):
    """Two catalogs, two order services and two front-ends. The second copies prefer second copies as dependencies."""

    names, environment = PAIRS, {**ENVIRONMENT, "BOOKSTORE_LOG": "info"}

    def __init__(self, bookstored, folder, url, *catalog_arguments):
        self.folder = folder
        super().__init__(bookstored, url, *catalog_arguments)
        self.wait_until_ready()

    def arguments(self, name):
        role, copy = name.split("-")
        if role == "catalog":
            return [role, *self.catalog_arguments]
        copies = ("1", "2") if copy == "1" else ("2", "1")
        lists = {other: ",".join(self.urls[f"{other}-{number}"] for number in copies) for other in SOURCES[role]}
        return [role, *(f"--{other}-url={urls}" for other, urls in lists.items())]

    def errors(self, name):
        return (self.folder / f"{name}.log").open("ab")

    def move(self, url):
        """Restarts both catalogs in turn with another address of the same store."""
        self.catalog_arguments[1] = url
        for name in PAIRS[:2]:
            self.kill(name)
            self.start(name)
        self.wait_until_ready()

    def fetch(self, name, path):
        try:
            with urllib.request.urlopen(self.urls[name] + path, timeout=5) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")
        except (OSError, ValueError):
            return 0, None

    def head(self, name):
        """The position of a front-end's answers."""
        request = urllib.request.Request(f"{self.urls[name]}/search?item={BOOKS[0]}", headers={"cache-control": "no-cache"})
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.headers["bookstore-seq"]

    def history(self):
        """The distinct store ids that the two catalogs report."""
        return sorted({str((self.fetch(name, "/livez")[1] or {}).get("store")) for name in PAIRS[:2]})

    def wait_until_ready(self):
        ends_at = time.monotonic() + READY_S
        while True:
            lacks = {name: body for name in PAIRS for status, body in [self.fetch(name, "/readyz")] if status != 200}
            if not lacks:
                return
            if time.monotonic() > ends_at:
                raise TimeoutError(f"not ready within {READY_S:.0f} s: {lacks}")
            time.sleep(0.2)

    def log_of_catalogs(self):
        return "".join((self.folder / f"{name}.log").read_text(errors="replace") for name in PAIRS[:2])


class Run(load.Load):
    """The state that all shoppers share. `sold_at` has the time and receipt of every sale."""

    decide_within_s = DECIDE_S

    def __init__(self, acks, think_s):
        options = SimpleNamespace(url="", retry=True, quantity=1, lines=LINES_MAX, attempts=10**12, seconds=None)
        super().__init__(options, list(BOOKS), acks)
        self.think_s, self.sold_at, self.went_back, self.is_stopping = think_s, [], [], False

    @property
    def is_over(self):
        return self.is_stopping

    def record(self, order, lines, status, answer):
        super().record(order, lines, status, answer)
        if status == "sold":
            self.sold_at.append((time.monotonic(), order, answer["seq"]))


class Shopper(load.Client):
    """Buys at two front-ends, the next one after a lost or refused connection, and reads. Its `Bookstore-Seq` must never
    go back: each request names the highest one so far, as the clients of the bookstore do."""

    def __init__(self, run, urls):
        run.url = urls[0]
        super().__init__(run)
        self.connections = [load.Connection(url) for url in urls]
        self.connection, self.own_fields, self.seen = self.connections[0], self.fields, (0, 0)

    async def run(self):
        while (order := self.load.next_order()) is not None:
            key, lines = order
            self.load.record(key, lines, *await self.decide("POST", "/buy", key, load.body_of(lines)))
            if random.random() < READ_SHARE:
                await self.request("GET", f"/search?item={random.choice(BOOKS)}")
            await asyncio.sleep(self.load.think_s * random.uniform(0.5, 1.5))
        for connection in self.connections:
            connection.close()

    async def ask(self, method, path, key, body):
        return await self.request(method, path, key, body)

    async def request(self, method, path, key=None, body=None):
        epoch, seq = self.seen
        self.fields = self.own_fields + (f"bookstore-seq: {seq}{f'.{epoch}' if epoch else ''}\r\n" if seq else "")
        answer = await super().ask(method, path, key or "", body) if key else await self.read(path)
        if answer[0] in (load.LOST, load.NO_CONNECTION):
            self.connections.reverse()
            self.connection = self.connections[0]
        else:
            self.compare(f"{method} {path}: {answer[0]}")
        return answer

    async def read(self, path):
        try:
            status, body = await self.connection.request("GET", path, self.fields)
        except load.Lost:
            return load.LOST, None, None
        except load.Refused:
            return load.NO_CONNECTION, None, None
        self.load.answers[f"read {status}"] += 1
        return status, None, body

    def compare(self, what):
        text = self.connection.answered.get("bookstore-seq")
        if text:
            seq, _, epoch = text.partition(".")
            now = int(epoch or 0), int(seq)
            if now < self.seen:
                self.load.went_back.append(f"{what}: from {self.seen} to {now}")
            self.seen = max(self.seen, now)


class Shoppers:
    """Shoppers that run on their own thread."""

    def __init__(self, services, acks, clients, think_s):
        self.run = Run(acks, think_s)
        urls = [services.urls[name] for name in PAIRS[-2:]]
        shoppers = [Shopper(self.run, urls[turn % 2:] + urls[:turn % 2]) for turn in range(clients)]

        async def shop():
            await asyncio.gather(*(shopper.run() for shopper in shoppers))

        self.failure = None
        self.thread = threading.Thread(target=self.drive, args=(shop,), daemon=True)
        self.thread.start()

    def drive(self, shop):
        try:
            asyncio.run(shop())
        except Exception as error:
            self.failure = error
            raise

    def stop(self):
        """Starts no new order, and waits until all orders are decided."""
        self.run.is_stopping = True
        self.thread.join(DECIDE_S)
        if self.failure or self.thread.is_alive():
            raise TimeoutError(f"the shoppers do not end: {self.failure}")


class Window:
    """The shoppers' results since one moment."""

    def __init__(self, run):
        self.run, self.begun, self.first = run, time.monotonic(), len(run.sold_at)
        self.answers = Counter(run.answers)

    def sales(self):
        return self.run.sold_at[self.first:]

    def pause_s(self):
        """The longest time without a sale."""
        times = [self.begun, *(at for at, *_ in self.sales()), time.monotonic()]
        return max(later - earlier for earlier, later in zip(times, times[1:]))

    def codes(self):
        """The answers other than decisions."""
        found = Counter(self.run.answers) - self.answers
        usual = ("200", "409 sold-out", "read 200")
        return ", ".join(f"{name}×{count}" for name, count in found.most_common() if name not in usual) or "-"


def write_books(path):
    rows = (f"{item},Book {item},{SCARCE_COPIES if item in SCARCE else PLENTY},{item}.25,t\n" for item in BOOKS)
    path.write_text("".join(rows))


def audit(bookstored, url):
    """Runs the audit of the program; returns its output and its exit code."""
    done = subprocess.run([bookstored, "audit", "--store", url], capture_output=True, text=True, env=ENVIRONMENT)
    return done.returncode, (done.stdout + done.stderr).strip()
