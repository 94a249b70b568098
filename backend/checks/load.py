#!/usr/bin/env python3
"""Buys with many clients at once and records every answer.

    load.py --url http://127.0.0.1:8080 --clients 64 --attempts 2000 --item 2 --acks FILE [--seconds S] [--retry]
            [--lines N]

Every attempt is an order with a fresh key, of one line or with --lines of 1 to N lines. Its outcome is appended to the
acks file, one JSON object per line, for check_ledger.py:

    {"order": UUID, "item": N, "quantity": Q, "status": "sold" | "sold-out" | "refused" | "unknown", …}

An order of several lines has `lines` instead of item and quantity; one that was sold has the fields of its receipt too.

* A decision (200, 409, 422, 404 unknown-item) is final.
* 500, 502, 504 and a lost answer leave the outcome unknown. With --retry the same key is sent again until it is decided
  or 30 s have passed.
** 429, 503, 507 and a refused connection change nothing: the client pauses and continues, with --retry with the same
  order. An order that got only such answers is recorded as refused.

Exit: 0 done, 1 an answer contradicts its request, 2 wrong usage or no answer from the server.
"""

import argparse
import asyncio
import json
import random
import sys
import time
import uuid
from collections import Counter
from pathlib import Path
from urllib.parse import quote, urlsplit

ANSWER_TIMEOUT_S = 15.0
DECIDE_WITHIN_S = 30.0
PAUSE_MIN_S = 0.05
PAUSE_MAX_S = 1.0
DECISIONS = {
    (200, None): "sold", (409, "sold-out"): "sold-out", (422, "key-reused"): "refused",
    (404, "unknown-item"): "refused",
}
LOST, NO_CONNECTION = "lost", "no connection"
NOTHING_CHANGED = {429, 503, 507, NO_CONNECTION}
OUTCOME_UNKNOWN = {500, 502, 504, LOST}


class Lost(Exception):
    """The request may have been sent, but no complete answer arrived."""


class Refused(Exception):
    """The connection was refused: nothing was sent."""


class Connection:
    """One keep-alive connection, reopened on demand."""

    def __init__(self, url):
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"{url} is not an http:// address")
        self.host, self.port = parts.hostname, parts.port or 80
        self.authority = parts.netloc
        self.reader = self.writer = None
        self.answered = {}

    async def request(self, method, path, headers="", body=b""):
        """Sends one request and returns status and parsed body; the answer's fields are kept in `answered`."""
        if self.writer is None:
            try:
                opening = asyncio.open_connection(self.host, self.port)
                self.reader, self.writer = await asyncio.wait_for(opening, ANSWER_TIMEOUT_S)
            except (OSError, asyncio.TimeoutError) as error:
                raise Refused(str(error)) from error
        head = f"{method} {path} HTTP/1.1\r\nhost: {self.authority}\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
        try:
            self.writer.write(head.encode() + body)
            return await asyncio.wait_for(self.answer(), ANSWER_TIMEOUT_S)
        except (OSError, EOFError, ValueError, IndexError, asyncio.TimeoutError, asyncio.LimitOverrunError) as error:
            self.close()
            raise Lost(repr(error)) from error

    async def answer(self):
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        body = await self.reader.readexactly(int(fields["content-length"])) if "content-length" in fields else b""
        self.answered = fields
        if fields.get("connection", "").lower() == "close":
            self.close()
        return int(head[0].split()[1]), json.loads(body or b"null")

    def close(self):
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None


class Load:
    """State shared by all clients: remaining attempts and results."""

    decide_within_s = DECIDE_WITHIN_S

    def __init__(self, arguments, items, acks):
        self.url, self.retry, self.quantity = arguments.url, arguments.retry, arguments.quantity
        self.lines_max, self.items, self.acks = arguments.lines, items, acks
        self.attempts_left = arguments.attempts
        self.ends_at = time.monotonic() + arguments.seconds if arguments.seconds else float("inf")
        self.outcomes, self.answers = Counter(), Counter()
        self.sold, self.contradictions = set(), []

    @property
    def is_over(self):
        return self.attempts_left <= 0 or time.monotonic() >= self.ends_at

    def next_order(self):
        """Returns a fresh key and the lines to buy, or None at the end of the run."""
        if self.is_over:
            return None
        self.attempts_left -= 1
        items = random.sample(self.items, min(random.randint(1, self.lines_max), len(self.items)))
        return str(uuid.uuid4()), [{"item": item, "quantity": self.quantity} for item in items]

    def record(self, order, lines, status, answer):
        ack = {"order": order, **body_of(lines), "status": status}
        answer = answer if isinstance(answer, dict) else {}
        if status == "sold-out":
            ack["recorded"] = "order" in answer
        if status == "sold":
            bought = [{name: line.get(name) for name in ("item", "quantity")} for line in answer.get("lines", [answer])]
            asked = sorted(lines, key=lambda line: line["item"])
            if (answer.get("order"), answer.get("status"), bought) != (order, status, asked):
                self.contradictions.append(f"ordered {ack}, got {answer}")
            ack |= answer
            self.sold.add(order)
        self.outcomes[status] += 1
        self.acks.write(json.dumps(ack) + "\n")
        self.acks.flush()


def body_of(lines):
    """The body of an order; an order of one line has the short form."""
    return {"lines": lines} if len(lines) > 1 else lines[0]


class Client:
    """One client on one connection."""

    def __init__(self, load, fields=""):
        self.load, self.connection, self.pause_s = load, Connection(load.url), PAUSE_MIN_S
        self.fields = f"content-type: application/json\r\n{fields}"

    async def run(self):
        while (order := self.load.next_order()) is not None:
            key, lines = order
            self.load.record(key, lines, *await self.decide("POST", "/buy", key, body_of(lines)))
        self.connection.close()

    async def decide(self, method, path, key, body):
        """Sends one request, with --retry until it is decided. Returns its outcome and the answer that decided it."""
        give_up_at = time.monotonic() + self.load.decide_within_s
        maybe_done = False
        while True:
            status, code, answer = await self.ask(method, path, key, body)
            if (status, code) in DECISIONS:
                self.pause_s = PAUSE_MIN_S
                return DECISIONS[status, code], answer
            maybe_done = maybe_done or status in OUTCOME_UNKNOWN
            undecided = ("unknown" if maybe_done else "refused"), None
            if status not in OUTCOME_UNKNOWN | NOTHING_CHANGED:
                return undecided
            if self.load.retry or status in NOTHING_CHANGED:
                await self.pause()
            if not self.load.retry or time.monotonic() > give_up_at:
                return undecided

    async def ask(self, method, path, key, body):
        """Sends one request. Returns its status, problem code and body."""
        fields = f"{self.fields}idempotency-key: {key}\r\n"
        try:
            status, answer = await self.connection.request(method, path, fields, json.dumps(body).encode())
            code = answer.get("code") if isinstance(answer, dict) and status != 200 else None
            name = f"{status} {code}" if code else str(status)
        except Lost:
            status, code, answer, name = LOST, None, None, LOST
        except Refused:
            status, code, answer, name = NO_CONNECTION, None, None, NO_CONNECTION
        self.load.answers[name] += 1
        return status, code, answer

    async def pause(self):
        await asyncio.sleep(self.pause_s * random.uniform(0.5, 1.0))
        self.pause_s = min(self.pause_s * 2, PAUSE_MAX_S)


async def all_items(url):
    """Returns every item number that the shop lists, topic by topic."""
    connection, items = Connection(url), []
    _, topics = await connection.request("GET", "/topics")
    for entry in topics["topics"]:
        after = ""
        while after is not None:
            path = f"/search?topic={quote(entry['topic'], safe='')}&limit=100{after}"
            _, page = await connection.request("GET", path)
            items += [book["item"] for book in page["books"]]
            after = f"&after={quote(page['next'], safe='')}" if "next" in page else None
    connection.close()
    return items


async def run(arguments):
    if arguments.item == "all":
        items = await all_items(arguments.url)
    else:
        items = [int(item) for item in arguments.item.split(",")]
    if not items:
        raise ValueError("the shop has no books")
    with arguments.acks.open("a", encoding="utf-8") as acks:
        load, started = Load(arguments, items, acks), time.monotonic()
        await asyncio.gather(*(Client(load).run() for _ in range(arguments.clients)))
    return load, time.monotonic() - started


def report(load, elapsed_s):
    orders = sum(load.outcomes.values())
    print(f"{orders} orders in {elapsed_s:.1f} s ({orders / max(elapsed_s, 1e-9):.0f}/s)")
    for status in ("sold", "sold-out", "refused", "unknown"):
        print(f"  {status}: {load.outcomes[status]}")
    print(f"distinct orders sold: {len(load.sold)}")
    print("answers: " + (", ".join(f"{count} × {answer}" for answer, count in load.answers.most_common()) or "none"))
    for contradiction in load.contradictions[:10]:
        print(f"CONTRADICTION {contradiction}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="the front-end")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--attempts", type=int, default=2000, help="total number of orders")
    parser.add_argument("--item", default="all", help="an item number, a comma list of them, or all")
    parser.add_argument("--quantity", type=int, default=1, help="copies per line")
    parser.add_argument("--lines", type=int, default=1, help="maximum number of lines of an order")
    parser.add_argument("--acks", type=Path, required=True, help="the file to append the outcomes to")
    parser.add_argument("--seconds", type=float, help="start no order after this time")
    parser.add_argument("--retry", action="store_true", help="repeat the same key until the order is decided")
    arguments = parser.parse_args()
    try:
        load, elapsed_s = asyncio.run(run(arguments))
    except (OSError, ValueError, KeyError, TypeError, Lost, Refused) as error:
        print(f"load: {error!r}", file=sys.stderr)
        return 2
    report(load, elapsed_s)
    return 1 if load.contradictions else 0


if __name__ == "__main__":
    sys.exit(main())
