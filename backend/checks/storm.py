#!/usr/bin/env python3
"""Many clients buy at once, and write down what each of them was told.

    storm.py --url http://127.0.0.1:8080 --clients 64 --attempts 2000 --item 2 --acks FILE [--seconds S] [--retry]

Every attempt is an order with a fresh key. What became of it goes to the acks file, one JSON object a line, which
check_ledger.py holds against the ledger afterwards:

    {"order": UUID, "item": N, "quantity": Q, "status": "sold" | "sold-out" | "refused" | "unknown", "seq": N?}

* A decision (200, 409, 422, 404 unknown-item) is final.
* 500, 502, 504 and a lost answer leave the order unknown. With --retry the same key is sent again until it is decided
  or 30 s have gone by.
* 429, 503, 507 and a refused connection changed nothing: the client rests a little, then goes on, with --retry with the
  same order. An order that was only ever answered so is written down as refused.

Exit: 0 done, 1 an answer contradicts its request, 2 wrong usage or no shop there.
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
REST_MIN_S = 0.05
REST_MAX_S = 1.0
DECISIONS = {
    (200, None): "sold", (409, "sold-out"): "sold-out", (422, "key-reused"): "refused",
    (404, "unknown-item"): "refused",
}
LOST, NO_CONNECTION = "lost", "no connection"
NOT_TAKEN = {429, 503, 507, NO_CONNECTION}
NOT_KNOWN = {500, 502, 504, LOST}


class Lost(Exception):
    """The request went out (perhaps), but no whole answer came back."""


class Refused(Exception):
    """No connection: nothing was sent."""


class Connection:
    """One keep-alive connection, opened again when it is needed."""

    def __init__(self, url):
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"{url} is no http:// address")
        self.host, self.port = parts.hostname, parts.port or 80
        self.authority = parts.netloc
        self.reader = self.writer = None

    async def request(self, method, path, headers="", body=b""):
        """Status and parsed body of one exchange."""
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
        if fields.get("connection", "").lower() == "close":
            self.close()
        return int(head[0].split()[1]), json.loads(body or b"null")

    def close(self):
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None


class Storm:
    """What all clients share: what is left to do, and what was seen."""

    def __init__(self, arguments, items, acks):
        self.url, self.retry, self.quantity = arguments.url, arguments.retry, arguments.quantity
        self.items, self.acks = items, acks
        self.attempts_left = arguments.attempts
        self.ends_at = time.monotonic() + arguments.seconds if arguments.seconds else float("inf")
        self.outcomes, self.answers = Counter(), Counter()
        self.sold, self.contradictions = set(), []

    def next_order(self):
        """A fresh key and the item to buy with it, or None when the storm is over."""
        if self.attempts_left <= 0 or time.monotonic() >= self.ends_at:
            return None
        self.attempts_left -= 1
        return str(uuid.uuid4()), random.choice(self.items)

    def write_down(self, order, item, status, receipt):
        ack = {"order": order, "item": item, "quantity": self.quantity, "status": status}
        if status == "sold":
            receipt = receipt if isinstance(receipt, dict) else {}
            if any(receipt.get(name) != value for name, value in ack.items()):
                self.contradictions.append(f"asked for {ack}, got {receipt}")
            ack["seq"] = receipt.get("seq")
            self.sold.add(order)
        self.outcomes[status] += 1
        self.acks.write(json.dumps(ack) + "\n")
        self.acks.flush()


class Client:
    """One buyer on one connection."""

    def __init__(self, storm):
        self.storm, self.connection, self.rest_s = storm, Connection(storm.url), REST_MIN_S

    async def run(self):
        while (order := self.storm.next_order()) is not None:
            self.storm.write_down(*order, *await self.buy(*order))
        self.connection.close()

    async def buy(self, order, item):
        """Sends one order, with --retry until it is decided; returns what is known of it and, if sold, its receipt."""
        give_up_at = time.monotonic() + DECIDE_WITHIN_S
        maybe_sold = False
        while True:
            status, code, answer = await self.ask(order, item)
            if (status, code) in DECISIONS:
                self.rest_s = REST_MIN_S
                return DECISIONS[status, code], answer
            maybe_sold = maybe_sold or status in NOT_KNOWN
            undecided = ("unknown" if maybe_sold else "refused"), None
            if status not in NOT_KNOWN | NOT_TAKEN:
                return undecided
            if self.storm.retry or status in NOT_TAKEN:
                await self.rest()
            if not self.storm.retry or time.monotonic() > give_up_at:
                return undecided

    async def ask(self, order, item):
        """One request: its status, its problem's code and its body."""
        body = json.dumps({"item": item, "quantity": self.storm.quantity}).encode()
        headers = f"content-type: application/json\r\nidempotency-key: {order}\r\n"
        try:
            status, answer = await self.connection.request("POST", "/buy", headers, body)
            code = answer.get("code") if isinstance(answer, dict) and status != 200 else None
            name = f"{status} {code}" if code else str(status)
        except Lost:
            status, code, answer, name = LOST, None, None, LOST
        except Refused:
            status, code, answer, name = NO_CONNECTION, None, None, NO_CONNECTION
        self.storm.answers[name] += 1
        return status, code, answer

    async def rest(self):
        await asyncio.sleep(self.rest_s * random.uniform(0.5, 1.0))
        self.rest_s = min(self.rest_s * 2, REST_MAX_S)


async def all_items(url):
    """Every item number the shop lists, topic by topic."""
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
        storm, started = Storm(arguments, items, acks), time.monotonic()
        await asyncio.gather(*(Client(storm).run() for _ in range(arguments.clients)))
    return storm, time.monotonic() - started


def report(storm, elapsed_s):
    orders = sum(storm.outcomes.values())
    print(f"{orders} orders in {elapsed_s:.1f} s ({orders / max(elapsed_s, 1e-9):.0f}/s)")
    for status in ("sold", "sold-out", "refused", "unknown"):
        print(f"  {status}: {storm.outcomes[status]}")
    print(f"distinct orders sold: {len(storm.sold)}")
    print("answers: " + (", ".join(f"{count} × {answer}" for answer, count in storm.answers.most_common()) or "none"))
    for contradiction in storm.contradictions[:10]:
        print(f"CONTRADICTION {contradiction}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="the front-end")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--attempts", type=int, default=2000, help="orders in all")
    parser.add_argument("--item", default="all", help="an item number, a comma list of them, or all")
    parser.add_argument("--quantity", type=int, default=1, help="copies an order")
    parser.add_argument("--acks", type=Path, required=True, help="the file to append what was acknowledged to")
    parser.add_argument("--seconds", type=float, help="begin no order after so long")
    parser.add_argument("--retry", action="store_true", help="ask with the same key until the order is decided")
    arguments = parser.parse_args()
    try:
        storm, elapsed_s = asyncio.run(run(arguments))
    except (OSError, ValueError, KeyError, TypeError, Lost, Refused) as error:
        print(f"storm: {error!r}", file=sys.stderr)
        return 2
    report(storm, elapsed_s)
    return 1 if storm.contradictions else 0


if __name__ == "__main__":
    sys.exit(main())
