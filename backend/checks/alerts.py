#!/usr/bin/env python3
"""Injects the faults of four alerts, and waits until a real Prometheus fires and resolves each alert.

    alerts.py --bookstored PROGRAM [--only ALERT]

    BookstoreFeedLag            a front-end's feed arrives at 2 kB/s: it is connected and not silent, but late
    BookstoreStoreFull          the disk of a CSV store is full
    BookstoreStoreUnreachable   the PostgreSQL server of a store is stopped
    BookstoreClockSkew          the clock of an order service is 0.7 s ahead of its catalog's

The rules are those of backend/deploy/prometheus-alerts.yml; Prometheus reads the metrics every second. All faults begin
at once, so a run takes about two minutes. Prints a line for each alert. Needs root, prometheus, PostgreSQL and faketime
(Debian: prometheus, postgresql, faketime).
Exit: 0 every alert fired and was resolved, 1 one did not or a program is missing, 2 wrong usage.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from prometheus import Prometheus
from services import ENVIRONMENT, TOKEN, Services

FAKETIME = list(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
FIRE_S, RESOLVE_S = 180.0, 60.0
CHUNK_BYTES, CHUNK_INTERVAL_S = 500, 0.25


def post(url, body):
    """Sends JSON as the shopkeeper and returns the status."""
    fields = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
    request = urllib.request.Request(url, json.dumps(body).encode(), fields)
    try:
        return urllib.request.urlopen(request, timeout=20).status
    except urllib.error.HTTPError as error:
        return error.code


def wait_for(what, condition, limit_s):
    """Waits until the condition holds. Returns the seconds that it took."""
    begun = time.monotonic()
    while time.monotonic() < begun + limit_s:
        if condition():
            return time.monotonic() - begun
        time.sleep(0.2)
    raise TimeoutError(f"{what}: not within {limit_s:.0f} s")


class SlowFeed:
    """A proxy in front of a catalog that forwards the feed slowly, and everything else at once."""

    def __init__(self, url):
        host, port = url.removeprefix("http://").split(":")
        self.target, self.is_slow = (host, int(port)), True
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server, is_feed = socket.create_connection(self.target), threading.Event()
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self.copy, args=(source, target, is_feed, source is client), daemon=True).start()

    def copy(self, source, target, is_feed, is_request):
        """Copies in one direction until one side closes. A connection may carry other requests before that of the feed."""
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                if is_request and b"GET /feed" in data:
                    is_feed.set()
                target.sendall(data)
                if not is_request and is_feed.is_set() and self.is_slow:
                    time.sleep(CHUNK_INTERVAL_S)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class Drill:
    def __init__(self, bookstored, folder):
        self.bookstored, self.folder, self.cleanup = bookstored, folder, contextlib.ExitStack()

    def start(self, *arguments, **environment):
        """Starts services and returns their addresses by name."""
        process = subprocess.Popen([self.bookstored, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                   text=True, env={**ENVIRONMENT, **environment})
        self.cleanup.callback(process.wait)
        self.cleanup.callback(process.kill)
        lines = [process.stdout.readline().split() for _ in range(3 if arguments[0] == "all" else 1)]
        return {name: url for _, name, url in lines}

    def shop(self, store):
        """A shop in one process; returns the addresses of its services."""
        return self.start("all", "--store", store, "--listen", "127.0.0.1:0", "--catalog-listen", "127.0.0.1:0",
                          "--order-listen", "127.0.0.1:0")

    # Each of the following methods prepares a fault. It returns the address whose metrics show the fault, and the functions
    # that begin and end it.

    def feed_lag(self):
        services = self.cleanup.enter_context(Services(self.bookstored, f"csv:{self.folder}/lag"))
        proxy = SlowFeed(services.urls["catalog"])
        late = self.start("frontend", "--listen", "127.0.0.1:0", "--catalog-url", proxy.url,
                          "--order-url", services.urls["order"])["frontend"]

        def make():
            for part in range(3):
                items = range(1000 * part + 10, 1000 * part + 1010)
                books = [{"item": item, "title": f"Book {item}", "topic": "lag", "cost": "1.00"} for item in items]
                assert post(f"{services.urls['frontend']}/books", {"set": books}) == 200, "no books"

        def end():
            proxy.is_slow = False
            with urllib.request.urlopen(f"{late}/metrics", timeout=10) as answer:
                metrics = answer.read().decode()
            for expected in ("bookstore_feed_connected{.*} 1", "bookstore_feed_disconnects_total{.*} 0"):
                assert re.search(f"^{expected}$", metrics, re.MULTILINE), f"the feed was lost: no {expected}"
        return late, make, end

    def store_full(self):
        disk = self.folder / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], check=True)
        self.cleanup.callback(subprocess.run, ["umount", disk])
        shop, filler = self.shop(f"csv:{disk}/store"), disk / "filler"

        def make():
            with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
                while file.write(bytes(4096)):
                    pass
            wait_for("507", lambda: post(f"{shop['frontend']}/buy", {"item": 2}) == 507, 20)
        return shop["catalog"], make, filler.unlink

    def store_unreachable(self):
        programs = next(Path("/usr/lib/postgresql").glob("*/bin"))
        data, sockets = self.folder / "data", self.folder
        data.mkdir()
        shutil.chown(data, "postgres")

        def run(program, *arguments):
            user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
            subprocess.run([*user, programs / program, *arguments], check=True, stdout=subprocess.DEVNULL)

        def start():
            run("pg_ctl", "-D", data, "-w", "-l", data / "log", "-o", f"-c listen_addresses='' -k {sockets}", "start")

        def stop():
            run("pg_ctl", "-D", data, "-m", "immediate", "stop")
        run("initdb", "-D", data, "-A", "trust", "-U", "shop", "--no-sync")
        start()
        self.cleanup.callback(lambda: (data / "postmaster.pid").exists() and stop())
        run("createdb", "-h", sockets, "-U", "shop", "books")
        shop = self.shop(f"postgres://shop@localhost/books?host={sockets}&sslmode=disable")
        return shop["catalog"], stop, start

    def clock_skew(self):
        shop = self.shop(f"csv:{self.folder}/skew")
        # The faketime library reads the clock's offset from this file at each call.
        clock = self.folder / "clock"
        clock.write_text("+0")
        order = self.start("order", "--listen", "127.0.0.1:0", "--catalog-url", shop["catalog"],
                           LD_PRELOAD=str(FAKETIME[0]), FAKETIME_TIMESTAMP_FILE=str(clock), FAKETIME_NO_CACHE="1",
                           FAKETIME_DONT_FAKE_MONOTONIC="1")["order"]
        return order, lambda: clock.write_text("+0.7"), lambda: clock.write_text("+0")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--bookstored", required=True, type=lambda path: str(Path(path).resolve()))
    arguments.add_argument("--only", default="")
    options = arguments.parse_args()
    missing = [program for program in ("prometheus", "setpriv") if shutil.which(program) is None]
    missing += [] if FAKETIME else ["faketime"]
    if missing or os.geteuid() != 0:
        print(f"FAIL needs root and {', '.join(missing) or 'nothing else'}")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        drill = Drill(options.bookstored, Path(folder))
        with drill.cleanup:
            return run(drill, options.only)


def run(drill, only):
    faults = {"BookstoreFeedLag": drill.feed_lag, "BookstoreStoreFull": drill.store_full,
              "BookstoreStoreUnreachable": drill.store_unreachable, "BookstoreClockSkew": drill.clock_skew}
    faults = {alert: prepare() for alert, prepare in faults.items() if only in alert}
    targets = {alert: url.removeprefix("http://") for alert, (url, _, _) in faults.items()}
    prometheus = Prometheus(drill.folder, list(targets.values()))
    drill.cleanup.callback(prometheus.stop)
    begun = {}
    for alert, (_, make, _) in faults.items():
        make()
        begun[alert] = time.monotonic()
    failed = []
    pending = dict(faults)
    while pending and time.monotonic() < max(begun.values()) + FIRE_S:
        for alert, (_, _, end) in list(pending.items()):
            if not prometheus.is_firing(alert, targets[alert]):
                continue
            del pending[alert]
            fired_s = time.monotonic() - begun[alert]
            try:
                end()
                over_s = wait_for("over", lambda alert=alert: not prometheus.is_firing(alert, targets[alert]), RESOLVE_S)
                print(f"ok   {alert}: fired after {fired_s:.0f} s, over {over_s:.0f} s after the fault", flush=True)
            except (AssertionError, TimeoutError) as error:
                print(f"FAIL {alert}: fired after {fired_s:.0f} s; {error}", flush=True)
                failed.append(alert)
        time.sleep(0.2)
    for alert in pending:
        print(f"FAIL {alert}: did not fire within {FIRE_S:.0f} s")
    return 1 if failed or pending else 0


if __name__ == "__main__":
    sys.exit(main())
