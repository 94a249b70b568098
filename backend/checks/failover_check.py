"""Compares the ledger in the database with the shoppers' acknowledgements."""

import os
import subprocess
import sys
from pathlib import Path

from failover_shop import audit

DIGEST = ("SELECT count(*), coalesce(sum(hashtextextended(concat_ws('|', seq, at_micros, kind, item, ord, line, change), "
          "0)), 0) FROM ledger WHERE seq <= {}")
NEWER = "COPY (SELECT seq, ord, kind, line, lines FROM ledger WHERE seq > {} ORDER BY seq) TO STDOUT (FORMAT csv)"


class Checker:
    """Reads only the entries after the last check, and compares the earlier ones by their digest."""

    def __init__(self, cluster):
        self.cluster, self.sold = cluster, {}
        self.head, self.digest = 0, "0|0"
        self.read()

    def forget(self):
        """Reads the whole ledger again, after a failover that lost commits."""
        self.sold, self.head = {}, 0
        self.read()

    def read(self):
        """Reads the new entries. Returns the orders that are in the ledger twice."""
        doubled, seq = 0, self.head
        for row in self.cluster.sql(NEWER.format(self.head)).splitlines():
            number, order, kind, line, lines = row.split(",")
            seq = int(number)
            if kind == "sold" and line == lines:
                doubled += order in self.sold
                self.sold[order] = seq
        self.head, self.digest = seq, self.cluster.sql(DIGEST.format(seq))
        return doubled

    def check(self, sales, report):
        """Returns how many of these sales are not in the ledger, and how many orders are in it twice."""
        if self.cluster.sql(DIGEST.format(self.head)) != self.digest:
            report.wrong(f"the first {self.head} entries of the ledger have changed")
        doubled = self.read()
        lost = [(order, seq) for _, order, seq in sales if self.sold.get(order) != seq]
        for order, seq in lost[:5]:
            report.wrong(f"order {order} was acknowledged as entry {seq}; the ledger has {self.sold.get(order)}")
        if doubled:
            report.wrong(f"{doubled} orders are in the ledger twice")
        return len(lost), doubled


def check_all(mode, cluster, acks, bookstored, report):
    """Runs check_ledger.py and the program's audit on the whole ledger. If `acks` is given, every order must be settled."""
    checker = Path(__file__).with_name("check_ledger.py")
    # The URL has one host, because an old psql cannot choose between hosts.
    leader = cluster.leader()
    url = f"postgres://postgres@{leader.host}:{leader.postgres}/{cluster.url().rpartition('/')[2].split('?')[0]}"
    environment = {**os.environ, "PATH": f"{cluster.parts.postgres}:{os.environ['PATH']}"}
    done = subprocess.run([sys.executable, checker, url, *acks, *(["--settled"] if acks else [])],
                          capture_output=True, text=True, env=environment)
    print(f"{mode}: " + "\n  ".join(done.stdout.strip().splitlines()))
    if done.returncode:
        report.wrong(f"{mode}: check_ledger.py ended with {done.returncode}: {done.stderr.strip()}")
    code, said = audit(bookstored, cluster.url())
    print(f"{mode}: audit: {said}")
    if code:
        report.wrong(f"{mode}: the audit ended with {code}")
