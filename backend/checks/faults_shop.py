"""The program under test, the scripted run, and the checks of its store."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

ANSWER_S, END_S, FULL_PAUSE_S, ROOM_S = 20.0, 20.0, 1.1, 3.0
TOKEN = "a-token-for-checks"
CSV_FILES = ["lock", "ledger.csv", "ledger.csv.new", "catalog.csv", "catalog.csv.new", ".books.note", ".books.note.new",
             ".room.note", ".room.note.new", "ledger-00000000000000000001.csv", ".catalog.csv", ".tags.note"]
SQLITE_FILES = ["books.db.lock", "books.db", "books.db-wal", "books.db-wal.new", "books.db-shm", "books.db-journal"]
FOLDER = "store"
FORMAT_1 = Path(__file__).parent.with_name("store") / "tests" / "format_1"


class Unusable(Exception):
    """The program does not run without faults."""


class Shop:
    """One process, optionally under strace from its start (`traced`)."""

    def __init__(self, setup, work, traced=None):
        self.work, self.url, self.statuses, self.waited = work, None, [], False
        arguments = ["all", *(f"--{role}listen=127.0.0.1:0" for role in ("", "catalog-", "order-"))]
        command = [setup.bookstored, *arguments, "--store", setup.url(work), "--books", setup.books]
        environment = {**os.environ, "BOOKSTORE_ADMIN_TOKEN": TOKEN, "BOOKSTORE_LOG": "error"}
        self.output, self.errors = (work / name for name in ("output", "errors"))
        with self.output.open("wb") as output, self.errors.open("wb") as errors:
            self.process = subprocess.Popen((traced or []) + command, stdout=output, stderr=errors, env=environment)

    def listens(self):
        """Waits until the process listens. Returns False if it ended before, or was stopped while it waited for disk space."""
        ends_at, room_at = time.monotonic() + END_S, None
        while time.monotonic() < ends_at:
            found = re.search(r"^listening frontend (\S+)$", self.output.read_text(), re.M)
            if found:
                self.url = found[1]
                return True
            if self.process.poll() is not None:
                return False
            if not self.waited and "waits for free disk space" in self.errors.read_text():
                room_at = room_at or time.monotonic() + ROOM_S
                if time.monotonic() > room_at:
                    self.waited = True
                    self.stop()
            time.sleep(0.01)
        raise TimeoutError("it neither listens nor ends")

    def request(self, method, path, body=None, key=None):
        """Returns status and parsed body; status 0 if no complete answer came."""
        headers = {"content-type": "application/json", "authorization": f"Bearer {TOKEN}"}
        if key:
            headers["idempotency-key"] = key
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:
                result = answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            result = error.code, json.loads(error.read() or b"null")
        except TimeoutError as error:
            raise TimeoutError(f"{method} {path} got no answer") from error
        except (OSError, ValueError):
            result = 0, None
        self.statuses.append(result[0])
        return result

    def end(self):
        """Waits until the process ends; returns its exit code."""
        try:
            return self.process.wait(END_S)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError("it does not end") from error

    def stop(self):
        """Sends SIGTERM to the program; under strace it is strace's child."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        is_traced = Path(f"/proc/{self.process.pid}/comm").read_text().strip() == "strace"
        target = int(children.read_text().split()[0]) if is_traced else self.process.pid
        os.kill(target, signal.SIGTERM)

    def kill(self):
        self.process.kill()
        self.process.wait()


class Setup:
    """A kind of store, its files, and their check."""

    def __init__(self, store, bookstored, root):
        self.store, self.bookstored, self.root = store, bookstored, root
        self.books = root / "books.csv"
        self.books.write_text("1,Plenty,1000,1,a\n2,More,1000,1,a\n")
        self.files = CSV_FILES if store == "csv" else SQLITE_FILES

    def url(self, work):
        return f"csv:{work / FOLDER}" if self.store == "csv" else f"sqlite:{work / FOLDER / 'books.db'}"

    def paths(self, work):
        return [work / FOLDER, *(work / FOLDER / name for name in self.files)]

    def copy_format_1(self, work):
        """Copies a store that the last version with ledger format 1 wrote."""
        if self.store == "csv":
            shutil.copytree(FORMAT_1 / "csv", work / FOLDER)
        else:
            (work / FOLDER).mkdir()
            shutil.copy(FORMAT_1 / "books.db", work / FOLDER)

    def receipts(self):
        """Returns the receipts of that version. Since then the refusal of an unknown item has no title."""
        lines = (FORMAT_1 / f"receipts-{self.store}.jsonl").read_text(encoding="utf-8").splitlines()
        receipts = [json.loads(line) for line in lines]
        for receipt in receipts:
            if receipt.get("reason") == "unknown-item":
                receipt.pop("title", None)
        return receipts

    def check_at_rest(self, work, acks):
        """Returns the violations of a store that was stopped cleanly, or None."""
        acks_file = work / "acks.jsonl"
        acks_file.write_text("".join(json.dumps(ack) + "\n" for ack in acks))
        checker = Path(__file__).with_name("check_ledger.py")
        command = [sys.executable, checker, "--at-rest", self.url(work), acks_file]
        done = subprocess.run(command, capture_output=True, text=True)
        return done.stdout + done.stderr if done.returncode else None


def drive(shop, once, acks, changes):
    """Sells orders of one and two lines, restocks, sells, and appends the answers to the lists.

    Returns False if an answer was lost.
    """
    steps = [
        ("POST", "/buy", {"item": 2, "quantity": 1}),
        ("POST", "/buy", {"lines": [{"item": 1, "quantity": 3}, {"item": 2, "quantity": 1}]}),
        ("PUT", "/stock/2", {"change": 5}),
        ("POST", "/buy", {"item": 2, "quantity": 2}),
    ]
    for method, path, body in steps:
        key = str(uuid.uuid4())
        status, answer = shop.request(method, path, body, key)
        if status == 507 and once:
            # The program checks for disk space at most once per second.
            time.sleep(FULL_PAUSE_S)
            status, answer = shop.request(method, path, body, key)
        outcome = {200: "sold", 507: "refused", 503: "refused"}.get(status, "unknown")
        if method == "POST":
            acks.append({**(answer if outcome == "sold" else body), "order": key, "status": outcome})
        else:
            changes.append((key, outcome))
        if outcome == "unknown":
            return False
    return True
