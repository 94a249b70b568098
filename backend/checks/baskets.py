#!/usr/bin/env python3
"""Places overlapping orders of several lines of scarce books while services are killed, and checks the ledger.

    baskets.py --bookstored PROGRAM [--store URL] [--clients 64] [--attempts N] [--seconds S] [--lines 5] [--folder DIR]

Three services run on a fresh store, a CSV store unless given. Clients buy 1 to --lines books at once, a shopkeeper
adds copies, and each service in turn is killed with SIGKILL and started again. Every request is repeated with its
key until it is decided. Then check_ledger.py compares the ledger with every answer, after a last kill and after a clean
stop: no order is half sold, no copy is lost or sold twice, and every acknowledged line is in the ledger. --folder keeps
the store and the answers.

Exit: 0 no violation, 1 a violation, or the run proved nothing, 2 wrong usage or a service that does not start.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
import uuid
from pathlib import Path
from types import SimpleNamespace

import check_ledger
import load
from services import NAMES, TOKEN, Services

# The first books are never sold out, the others often are.
BOOKS, PLENTIFUL, PLENTY = range(1, 25), range(1, 5), 10_000_000
STOCK_MAX, RESTOCK_MAX = 100, 60
RESTOCK_PAUSE_S, KILL_PAUSE_S = 0.01, 1.0


class Shopkeeper(load.Client):
    """Adds copies of random books; each change is applied once."""

    async def run(self):
        while not self.load.is_over:
            key, item = str(uuid.uuid4()), random.choice(BOOKS[len(PLENTIFUL):])
            change = random.randint(-5, RESTOCK_MAX)
            outcome, book = await self.decide("PUT", f"/stock/{item}", key, {"change": change})
            ack = {"order": key, "item": item, "change": change, "status": outcome}
            if outcome in ("sold", "sold-out"):
                ack["status"] = "restocked" if outcome == "sold" else "not-restocked"
                ack |= {name: book[name] for name in ("seq", "stock")} if outcome == "sold" else {}
            self.load.acks.write(json.dumps(ack) + "\n")
            await asyncio.sleep(RESTOCK_PAUSE_S)
        self.connection.close()


async def kill_in_turn(services, run):
    """Kills each service in turn until the clients are done. Returns the number of kills."""
    kills = 0
    while True:
        for name in NAMES:
            await asyncio.sleep(KILL_PAUSE_S * random.uniform(0.5, 1.5))
            if run.is_over:
                return kills
            services.kill(name)
            kills += 1
            await asyncio.to_thread(services.start, name)


async def trade(services, arguments, acks):
    options = SimpleNamespace(url=services.urls["frontend"], retry=True, quantity=1, **vars(arguments))
    run = load.Load(options, list(BOOKS), acks)
    shopkeeper = Shopkeeper(run, f"authorization: Bearer {TOKEN}\r\n")
    clients = [load.Client(run).run() for _ in range(arguments.clients)]
    kills, *_ = await asyncio.gather(kill_in_turn(services, run), shopkeeper.run(), *clients)
    return run, kills


def trial(arguments, folder):
    books, acks = folder / "books.csv", folder / "acks.jsonl"
    stocks = {item: PLENTY if item in PLENTIFUL else random.randint(0, STOCK_MAX) for item in BOOKS}
    books.write_text("".join(f"{item},Book {item},{stock},{item}.25,t\n" for item, stock in stocks.items()))
    store = arguments.store or f"csv:{folder / 'store'}"
    started = time.monotonic()
    with Services(arguments.bookstored.resolve(), store, "--books", str(books)) as services:
        with acks.open("x", encoding="utf-8") as file:
            run, kills = asyncio.run(trade(services, arguments, file))
        load.report(run, time.monotonic() - started)
        print(f"{kills} kills")
        services.kill("catalog")
        print("after a last kill of the catalog:")
        options = SimpleNamespace(store=store, acks=[acks], at_rest=False, settled=True, skip_crc=False)
        failed = check_ledger.check(options)
        services.start("catalog")
        services.stop()
    print("after a clean stop:")
    options.at_rest = True
    failed += check_ledger.check(options)
    is_proof = kills and run.outcomes["sold"] and run.outcomes["sold-out"]
    if not is_proof:
        print("the run proves nothing: no kill, no sale, or no refusal")
    return int(bool(failed or run.contradictions or not is_proof))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bookstored", type=Path, required=True, help="the executable to check")
    parser.add_argument("--store", help="the URL of an empty store")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--attempts", type=int, default=64 * 2000, help="total number of orders")
    parser.add_argument("--seconds", type=float, help="start no order after this time")
    parser.add_argument("--lines", type=int, default=5, help="maximum number of lines of an order")
    parser.add_argument("--folder", type=Path, help="a new folder, which is kept")
    arguments = parser.parse_args()
    try:
        if arguments.folder:
            arguments.folder.mkdir()
            return trial(arguments, arguments.folder)
        with tempfile.TemporaryDirectory() as folder:
            return trial(arguments, Path(folder))
    except (OSError, check_ledger.Unreadable) as error:
        print(f"baskets: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
