"""Checks of a stopped store: its ledger, its copy in the other engine, and the audit of forgeries by the program."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from contract_shapes import equal, expect
from ledger_readers import open_store
from ledger_rules import Violations

# `delete` is not detectable: a ledger without its last order is sound, and only acknowledgements show the loss.
FORGERIES = ["double", "line", "price", "title", "stock", "rename"]


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def script(name, *arguments):
    return run(sys.executable, Path(__file__).with_name(name), *arguments)


def content(store):
    """Returns all entries without their batch numbers, and all books."""
    store, wrong = open_store(store), Violations()
    entries = [replace(entry, batch=0) for _, entry in store.entries(wrong)]
    equal(wrong, [], "violations")
    return entries, [replace(book, seq=None) for book in store.books()]


class StoppedStore:
    """A store of either engine, and the program."""

    def __init__(self, bookstored, store, folder):
        self.bookstored, self.store, self.folder = bookstored, store, folder
        self.other = f"csv:{folder / 'copy'}" if store.startswith("sqlite:") else f"sqlite:{folder / 'copy.db'}"

    def the_ledger_is_sound(self):
        code, output = script("check_ledger.py", "--at-rest", self.store)
        expect(code == 0, output)

    def the_audit_finds_no_violation(self):
        code, output = run(self.bookstored, "audit", "--store", self.store)
        expect(code == 0, output)

    def a_copy_in_the_other_engine_is_equal(self):
        code, output = run(self.bookstored, "export", "--store", self.store, "--to", self.other)
        expect(code == 0, output)
        for mine, copied in zip(content(self.store), content(self.other), strict=True):
            expect(mine == copied, "the copy differs:", *[pair for pair in zip(mine, copied) if pair[0] != pair[1]][:1])

    def the_audit_finds_every_forgery(self):
        original = (self.store if self.store.startswith("sqlite:") else self.other).removeprefix("sqlite:")
        for forgery in FORGERIES:
            forged = f"sqlite:{shutil.copy(original, self.folder / f'{forgery}.db')}"
            equal(script("forge.py", forged, forgery), (0, ""), forgery)
            code, output = run(self.bookstored, "audit", "--store", forged)
            expect(code == 4 and output.startswith("violated"), f"{forgery}: exit {code}, {output}")

    CHECKS = [the_ledger_is_sound, the_audit_finds_no_violation, a_copy_in_the_other_engine_is_equal,
              the_audit_finds_every_forgery]
