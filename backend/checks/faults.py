#!/usr/bin/env python3
"""Injects disk faults into the real program, one operation at a time, and checks the outcome and the store.

    faults.py --bookstored PROGRAM [--store csv | sqlite] [--quick] [--jobs N]

First a scripted run (start, sales, a restock, sales, stop), a start after a crash and the upgrade of a store of format 1
are traced. Then each is repeated for every operation that changes a file (write, sync, rename, truncate,
create, remove) and every fault:

    EIO           the operation fails once
    EIO on        it and every later operation fail: the disk is broken
    ENOSPC        it fails once with a full disk
    ENOSPC on     it and every later operation that needs disk space fail: the disk is full
    full, EIO     it fails with a full disk, then every sync, truncation and removal fails: the undo fails too
    full, KILL    it fails with a full disk, and the process is killed when it begins the undo
    KILL          the process is killed at the operation

The kernel injects the faults (`strace -e inject`), counted per thread and per file. Allowed outcomes:

    done      every request was answered, and the program stopped with exit 0
    507       sales were refused with 507 while reads continued, and the program stopped with exit 0
    stopped   the program ended with exit 1 and a reason; waiting requests got no answer
    waited    an upgrade waited for disk space, and a signal ended the program with exit 0
    killed    the fault killed the program

Then the program starts without faults. Each acknowledged order must be in the ledger once, no refused order may be, and the
ledger must be sound for readers that share no code with the program. --quick injects one fault per operation, in turn.

Without a working strace the check fails, unless BOOKSTORE_TESTS_MAY_SKIP (a comma list) contains `strace`.

Exit: 0 no violation, 1 another outcome, a loss or no strace, 2 wrong usage or the program does not start.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from faults_shop import END_S, FOLDER, Setup, Shop, Unusable, drive

KINDS = ["write", "pwrite64", "fsync", "fdatasync", "rename", "ftruncate", "openat", "unlink", "mkdir",
         "copy_file_range"]
STARTS = ["fresh start", "start after a crash", "upgrade"]
NAMES_A_PATH = ["rename", "openat", "unlink", "mkdir"]
NEEDS_SPACE = ["write", "pwrite64", "rename", "mkdir", "copy_file_range"]
UNDOES = ["fsync", "fdatasync", "ftruncate", "unlink"]
FAULTS = ["EIO", "EIO on", "ENOSPC", "ENOSPC on", "KILL", "full, EIO", "full, KILL"]
CALL = re.compile(r"^(?P<thread>\d+)\s+(?P<kind>\w+)\((?P<arguments>.*)")


@dataclass(frozen=True)
class Operation:
    """The `nth` call of a kind on a file by one thread, with the number of calls of each kind before it."""
    phase: str
    kind: str
    file: str
    nth: int
    before: tuple = field(compare=False)

    def name(self):
        return f"{self.kind} {self.file} #{self.nth}"


def strace(log, paths, injections, attach=None):
    quiet = ["strace", "-f", "-qq", "-y", "-s", "0", "-o", log, "-e", "signal=none", "-e", "trace=" + ",".join(KINDS)]
    only = [argument for path in paths for argument in ("-P", path)]
    inject = [argument for injection in injections for argument in ("-e", f"inject={injection}")]
    return quiet + only + inject + (["-p", str(attach)] if attach else [])


def attach(shop, log, paths, injections):
    """Traces all threads of a running program."""
    tracer = subprocess.Popen(strace(log, paths, injections, shop.process.pid), stderr=subprocess.PIPE)
    threads = len(os.listdir(f"/proc/{shop.process.pid}/task"))
    ends_at = time.monotonic() + END_S
    while time.monotonic() < ends_at:
        status = Path(f"/proc/{shop.process.pid}/task")
        traced = sum("TracerPid:\t0" not in (thread / "status").read_text() for thread in status.iterdir())
        if traced >= threads:
            return tracer
        time.sleep(0.01)
    raise TimeoutError("the program cannot be traced")


def operations(log, paths, phase_of_line):
    """Returns every call in a log that changes a file, in order."""
    names = {str(path): path.name for path in paths}
    per_file, per_kind, found = Counter(), defaultdict(Counter), []
    for number, line in enumerate(log.read_text().splitlines()):
        call = CALL.match(line)
        if not call or "resumed>" in line[:40]:
            continue
        thread, kind, arguments = call.group("thread", "kind", "arguments")
        path = re.search(r'"([^"]+)"' if kind in NAMES_A_PATH else "<([^>]+)>", arguments)
        file = names.get(path[1]) if path else None
        if file is None:
            continue
        before = tuple((other, max((count[other] for count in per_kind.values()), default=0)) for other in KINDS)
        per_file[thread, kind, file] += 1
        per_kind[thread][kind] += 1
        # Opening an existing file and removing a missing one change nothing.
        if kind == "openat" and "O_CREAT" not in arguments or kind == "unlink" and "ENOENT" in arguments:
            continue
        found.append(Operation(phase_of_line(number), kind, file, per_file[thread, kind, file], before))
    return list(dict.fromkeys(found))


def injections(operation, fault):
    """Returns the injections for strace, and whether their counts are of that file alone."""
    before = dict(operation.before)
    if fault.startswith("full, "):
        then = "error=EIO" if fault.endswith("EIO") else "signal=KILL"
        first = f"{operation.kind}:error=ENOSPC:when={before[operation.kind] + 1}"
        return [first, *(f"{kind}:{then}:when={before[kind] + 1}+" for kind in UNDOES)], False
    call, (error, *on) = f"{operation.kind}:", fault.split()
    if error == "KILL":
        return [f"{call}signal=KILL:when={operation.nth}"], True
    if not on:
        return [f"{call}error={error}:when={operation.nth}"], True
    affected = KINDS if error == "EIO" else NEEDS_SPACE
    counts = {kind: count for kind, count in before.items() if kind in affected and kind not in ("openat", "unlink")}
    counts[operation.kind] = before[operation.kind]
    return [f"{kind}:error={error}:when={count + 1}+" for kind, count in counts.items()], False


def faults_of(operation):
    """Returns the faults of an operation. Only an operation that needs disk space has an undo."""
    return [fault for fault in FAULTS if "full" not in fault or operation.kind in [*NEEDS_SPACE, "openat"]]


class Matrix:
    """One store's operations and the outcome of each fault."""

    def __init__(self, setup):
        self.setup, self.outcomes, self.violations = setup, {}, []
        self.crashed = setup.root / "crashed"

    def work(self, phase):
        """Returns a fresh folder in the state that the phase starts from."""
        work = Path(tempfile.mkdtemp(dir=self.setup.root))
        if phase == "start after a crash":
            shutil.copytree(self.crashed / FOLDER, work / FOLDER)
        if phase == "upgrade":
            self.setup.copy_format_1(work)
        return work

    def trace(self):
        """Runs without faults and returns the operations."""
        self.crashed.mkdir()
        victim = Shop(self.setup, self.crashed)
        if not victim.listens() or not drive(victim, False, [], []):
            raise Unusable(victim.errors.read_text())
        victim.kill()
        found = []
        for phase in STARTS:
            work = self.work(phase)
            log, paths = work / "log", self.setup.paths(work)
            shop = Shop(self.setup, work, strace(log, paths, []))
            if not shop.listens():
                raise Unusable(shop.errors.read_text())
            shop.stop()
            listening = len(log.read_text().splitlines())
            shop.end()
            found += [o for o in operations(log, paths, lambda line: phase if line < listening else None) if o.phase]
        work = self.work("selling")
        log, paths = work / "log", self.setup.paths(work)
        shop = Shop(self.setup, work)
        shop.listens()
        tracer = attach(shop, log, paths, [])
        drive(shop, False, [], [])
        sold = len(log.read_text().splitlines())
        shop.stop()
        shop.end()
        tracer.wait()
        return found + operations(log, paths, lambda line: "selling" if line < sold else "stopping")

    def run(self, case):
        operation, fault = case
        outcome = "not reached"
        try:
            for _ in range(3):
                outcome = self.attempt(operation, fault)
                if outcome != "not reached":
                    break
        except (TimeoutError, AssertionError) as error:
            outcome = f"WRONG: {error}"
        self.outcomes[case] = outcome
        if outcome.startswith("WRONG"):
            self.violations.append(f"{operation.phase}, {operation.name()}, {fault}: {outcome}")

    def attempt(self, operation, fault):
        work, once, acks, changes = self.work(operation.phase), " on" not in fault, [], []
        inject, alone = injections(operation, fault)
        log = work / "log"
        paths = [path for path in self.setup.paths(work) if not alone or path.name == operation.file]
        acks += self.setup.receipts() if operation.phase == "upgrade" else []
        tracer, from_start = None, operation.phase in STARTS
        shop = Shop(self.setup, work, strace(log, paths, inject) if from_start else None)
        try:
            if shop.listens():
                if not from_start:
                    tracer = attach(shop, log, paths, inject)
                if drive(shop, once, acks, changes):
                    if 507 in shop.statuses:
                        assert shop.request("GET", "/search?item=2")[0] == 200, "reads do not continue"
                    shop.stop()
            code = shop.end()
        finally:
            shop.kill()
            if tracer:
                tracer.wait()
        traced, errors = log.read_text(), shop.errors.read_text()
        if "INJECTED" not in traced and code != -signal.SIGKILL:
            return "not reached"
        assert "panicked" not in errors, errors
        if code == -signal.SIGKILL:
            assert "KILL" in fault, "it was killed"
            outcome = "killed"
        elif code == 1:
            assert "bookstored: " in errors, "it ended without a message"
            outcome = "stopped"
        else:
            assert code == 0, f"exit {code}: {errors}"
            outcome = "waited" if shop.waited else "507" if 507 in shop.statuses else "done"
        self.verify(work, acks, changes)
        shutil.rmtree(work)
        return outcome

    def verify(self, work, acks, changes):
        """Starts without faults: every acknowledged order must be in the ledger once."""
        shop = Shop(self.setup, work)
        try:
            assert shop.listens(), f"it does not start again: {shop.errors.read_text()}"
            for ack in acks:
                status, receipt = shop.request("GET", f"/orders/{ack['order']}")
                is_there = status == 200 and receipt["status"] == "sold"
                assert "at" not in ack or receipt == ack, f"changed: {ack}, now {receipt}"
                assert ack["status"] != "sold" or is_there and receipt["seq"] == ack["seq"], f"lost: {ack}"
                assert ack["status"] != "refused" or not is_there, f"sold though refused: {ack}"
            _, page = shop.request("GET", "/ledger?after=0&limit=1000")
            entries = Counter(entry.get("order") for entry in page["entries"])
            for key, answer in changes:
                allowed = {"sold": [1], "refused": [0]}.get(answer, [0, 1])
                assert entries[key] in allowed, f"a restock was {answer}, but is {entries[key]} times in the ledger"
            assert shop.request("POST", "/buy", {"item": 2})[0] == 200, "it no longer sells"
            shop.stop()
            assert shop.end() == 0, f"it does not stop cleanly: {shop.errors.read_text()}"
        finally:
            shop.kill()
        violation = self.setup.check_at_rest(work, acks)
        assert violation is None, violation

    def show(self, cases):
        print(f"\n{self.setup.store}: {len({o for o, _ in cases})} operations, {len(cases)} faults")
        width = max(len(o.name()) for o, _ in cases)
        phase = None
        for operation in dict.fromkeys(o for o, _ in cases):
            if operation.phase != phase:
                phase = operation.phase
                print(f"  {phase:<{width}}  " + "".join(f"{fault:<12}" for fault in FAULTS))
            row = (self.outcomes.get((operation, fault), "-") for fault in FAULTS)
            print(f"  {operation.name():<{width}}  " + "".join(f"{outcome[:11]:<12}" for outcome in row))
        print("  outcomes: " + ", ".join(f"{count} {outcome}" for outcome, count in Counter(
            outcome.split(":")[0] for outcome in self.outcomes.values()).most_common()))
        for violation in self.violations:
            print(f"  WRONG {violation}")


def may_trace():
    try:
        return subprocess.run(["strace", "-qq", "-e", "trace=none", "true"], capture_output=True).returncode == 0
    except OSError:
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bookstored", type=Path, required=True, help="the executable to check")
    parser.add_argument("--store", choices=["csv", "sqlite"], action="append", help="default: both")
    parser.add_argument("--quick", action="store_true", help="one fault per operation, in turn")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="faults at once")
    arguments = parser.parse_args()
    if not may_trace():
        may_skip = "strace" in os.environ.get("BOOKSTORE_TESTS_MAY_SKIP", "").split(",")
        word = "skipped" if may_skip else "failed"
        print(f"{word}: strace is not installed or may not trace here; no disk fault was injected", file=sys.stderr)
        return 0 if may_skip else 1
    violations = 0
    for store in arguments.store or ["csv", "sqlite"]:
        with tempfile.TemporaryDirectory() as root:
            matrix = Matrix(Setup(store, arguments.bookstored.resolve(), Path(root).resolve()))
            try:
                found = matrix.trace()
            except (Unusable, TimeoutError) as error:
                print(f"faults: the program does not run: {error}", file=sys.stderr)
                return 2
            cases = [(operation, fault) for operation in found for fault in faults_of(operation)]
            if arguments.quick:
                cases = [(o, faults_of(o)[turn % len(faults_of(o))]) for turn, o in enumerate(found)]
            with ThreadPoolExecutor(arguments.jobs) as pool:
                list(pool.map(matrix.run, cases))
            matrix.show(cases)
            violations += len(matrix.violations)
    print("violated" if violations else "clean")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
