#!/usr/bin/env python3
"""Injects faults into a replicated PostgreSQL under a running shop, and checks that no acknowledged purchase is lost.

    failover.py --bookstored PROGRAM [--patroni DIR] [--mode strict,quorum,async] [--kind NAME]… [--faults N] [--quick]

In a temporary folder it starts three nodes (PostgreSQL under Patroni, etcd), two of each service with all hosts in the
store's URL, and shoppers that repeat each order with its key until it is decided, at either front-end. Faults are
injected in turn, and during each fault a service is killed and started again. After each fault every acknowledged sale must be
in the ledger once, and earlier entries must be unchanged. At the end of a mode check_ledger.py compares the ledger
with all answers, and the program's own audit must be clean.

    strict   one synchronous standby, and no commit without one
    quorum   any one of the standbys, and no commit without one
    async    no synchronous standby: a failover loses commits, which must be detected and reported

--faults N injects N faults in each mode but async, all kinds in turn; the default is each kind once. --quick injects four.
As root everything runs in namespaces of its own, PostgreSQL as the user postgres. Otherwise the nodes are on loopback,
and the network cannot be cut. Nothing is installed: missing programs are listed.

Exit: 0 no violation, 1 the run did not complete, 2 wrong usage or a missing program, 4 a violation.
"""

import argparse
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

from failover_async import lose_and_check
from failover_check import Checker, check_all
from failover_cluster import MODES, Cluster
from failover_faults import FAULTS, possible
from failover_parts import Missing, Parts, Stuck, wait_for
from failover_shop import PAIRS, Pairs, Shoppers, Window, write_books

QUICK = ["switchover", "postgres killed", "backend killed", "synchronous standby lost"]
SALES_S = 240.0
COLUMNS = "{:<26} {:<7} {:>7} {:>7} {:>5} {:>7}  {}"


class Report:
    """The fault table, printed while it grows."""

    def __init__(self):
        self.rows, self.violations, self.acknowledged = [], [], 0
        print(COLUMNS.format("fault", "mode", "pause s", "acked", "lost", "doubled", "answers other than decisions"))

    def add(self, kind, mode, window, sales, lost, doubled):
        row = kind, mode, f"{window.pause_s():.1f}", sales, lost, doubled, window.codes()
        self.rows.append(row)
        self.acknowledged += sales
        print(COLUMNS.format(*row), flush=True)

    def wrong(self, why):
        self.violations.append(why)
        print(f"VIOLATION {why}", flush=True)

    def summarize(self):
        """Prints one row for each kind and mode."""
        print("\nfaults  kind                       mode     pause s: median, most   acked    lost doubled")
        for kind, mode in sorted({row[:2] for row in self.rows}):
            rows = [row for row in self.rows if row[:2] == (kind, mode)]
            pauses = sorted(float(row[2]) for row in rows)
            sums = [sum(row[column] for row in rows) for column in (3, 4, 5)]
            print(f"{len(rows):>6}  {kind:<26} {mode:<8} {pauses[len(pauses) // 2]:>14.1f} {pauses[-1]:>7.1f}"
                  " {:>8} {:>6} {:>6}".format(*sums))
        print(f"{len(self.rows)} faults, {self.acknowledged} purchases acknowledged, "
              f"{len(self.violations)} violations")


def restart_one(services, name, after_s):
    """Kills a service during a fault, and starts it again."""
    time.sleep(after_s)
    services.kill(name)
    time.sleep(1)
    services.start(name)


def run_fault(kind, name, cluster, services, shoppers, sales_min):
    """Injects one fault while a service is killed too. Returns the window of the shoppers' results."""
    window = Window(shoppers.run)
    with FAULTS[kind](cluster, services) as lasts_s:
        killer = threading.Thread(target=restart_one, args=(services, name, random.uniform(0, lasts_s / 2)))
        killer.start()
        time.sleep(lasts_s)
        killer.join()
    cluster.wait_until_healthy()
    services.wait_until_ready()
    wait_for(f"{sales_min} sales", lambda: shoppers.failure or len(window.sales()) >= sales_min, SALES_S)
    return window


def run_mode(mode, kinds, cluster, services, arguments, report):
    """Runs all faults of a mode, then checks the whole ledger."""
    cluster.set_mode(mode)
    # An asynchronous mode loses acknowledged sales.
    acks = arguments.folder / f"{'lossy' if mode == 'async' else 'acks'}-{mode}.jsonl"
    with acks.open("w", encoding="utf-8") as file:
        shoppers = Shoppers(services, file, arguments.clients, arguments.think)
        checker = Checker(cluster)
        if mode == "async":
            lose_and_check(cluster, services, shoppers, checker, report, arguments.bookstored)
        else:
            wait_for("the first sales", lambda: len(shoppers.run.sold_at) > arguments.clients, SALES_S)
            history = services.history()
            for turn, kind in enumerate(kinds):
                name = PAIRS[turn % len(PAIRS)]
                window = run_fault(kind, name, cluster, services, shoppers, arguments.sales)
                sales = window.sales()
                lost, doubled = checker.check(sales, report)
                report.add(kind, mode, window, len(sales), lost, doubled)
                if (found := services.history()) != history:
                    report.wrong(f"{mode}: {kind}: nothing was lost, but the stores were {history} and are {found}")
                    history = found
        shoppers.stop()
    went_back, contradictions = shoppers.run.went_back, shoppers.run.contradictions
    for what in went_back[:5] + contradictions[:5]:
        report.wrong(f"{mode}: Bookstore-Seq or an answer is wrong: {what}")
    known = [] if mode == "async" else sorted(arguments.folder.glob("acks-*.jsonl"))
    check_all(mode, cluster, known, arguments.bookstored, report)


def kinds_of(arguments, parts):
    kinds, lacks = possible(parts)
    for kind, why in lacks.items():
        print(f"not injected: {kind}: {why}")
    if arguments.kind:
        kinds = [kind for kind in kinds if kind in arguments.kind]
    elif arguments.quick:
        kinds = QUICK
    count = arguments.faults or len(kinds)
    return [kinds[turn % len(kinds)] for turn in range(count)] if kinds else []


def trial(arguments, parts):
    print(parts.versions(), flush=True)
    kinds, report = kinds_of(arguments, parts), Report()
    books = arguments.folder / "books.csv"
    write_books(books)
    data = arguments.folder / "cluster"
    data.mkdir()
    cluster = Cluster(parts, data, arguments.mode[0], arguments.port)
    try:
        with Pairs(arguments.bookstored, arguments.folder, cluster.url(), "--books", str(books)) as services:
            for mode in arguments.mode:
                run_mode(mode, kinds, cluster, services, arguments, report)
    finally:
        cluster.close()
        if arguments.keep:
            cluster.keep_logs(arguments.keep)
    report.summarize()
    return 4 if report.violations else 0


def modes(text):
    names = text.split(",")
    if not set(names) <= MODES.keys():
        raise argparse.ArgumentTypeError(f"expected some of {', '.join(MODES)}")
    return names


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bookstored", type=Path, required=True, help="the executable to check")
    parser.add_argument("--patroni", help="a folder with Patroni's programs; default: on PATH")
    parser.add_argument("--mode", type=modes, default=["strict", "quorum", "async"], help="a comma list")
    parser.add_argument("--kind", action="append", choices=list(FAULTS), help="only this kind; may be repeated")
    parser.add_argument("--faults", type=int, help="in each synchronous mode; default: each kind once")
    parser.add_argument("--quick", action="store_true", help=f"only: {', '.join(QUICK)}")
    parser.add_argument("--clients", type=int, default=24)
    parser.add_argument("--think", type=float, default=0.05, help="seconds between the orders of a client")
    parser.add_argument("--sales", type=int, default=1500, help="minimum number of sales to wait for after each fault")
    parser.add_argument("--port", type=int, default=34100, help="the first of 42 ports for the nodes")
    parser.add_argument("--keep", type=Path, help="a folder for the logs of cluster and services")
    arguments = parser.parse_args()
    arguments.bookstored = arguments.bookstored.resolve()
    parts = Parts(arguments.patroni)
    try:
        parts.check()
    except Missing as error:
        print(f"failover: {error}", file=sys.stderr)
        return 2
    parts.has_network = parts.enter_network()
    # The account of PostgreSQL must have access to the cluster's folder in it.
    with tempfile.TemporaryDirectory(prefix="failover") as folder:
        arguments.folder = Path(folder)
        arguments.folder.chmod(0o755)
        try:
            return trial(arguments, parts)
        except (Stuck, OSError, TimeoutError) as error:
            print(f"failover: {error}", file=sys.stderr)
            return 1
        finally:
            if arguments.keep:
                keep(arguments.folder, arguments.keep)


def keep(folder, kept):
    """Copies the logs of the services and the answers that clients got."""
    kept.mkdir(parents=True, exist_ok=True)
    for path in [*folder.glob("*.log"), *folder.glob("*.jsonl")]:
        (kept / path.name).write_bytes(path.read_bytes())


if __name__ == "__main__":
    sys.exit(main())
