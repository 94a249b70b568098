"""A failover to a standby that lacks commits: catalogs must detect and log it, and every cache and client must resync."""

import http.client
import re
import threading
from urllib.parse import urlsplit

from failover_faults import lose_commits
from failover_parts import wait_for
from failover_shop import Window, audit

SALES_MIN, NOTICED_S = 100, 180.0
# The log message of the catalog, with both ends of the ledger.
NAMED = re.compile(r"the history of the store was replaced.*known=(\S+).*found=(\S+)")


class Events:
    """One event stream, read by its own thread until it ends."""

    def __init__(self, url):
        parts = urlsplit(url)
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
        self.connection.request("GET", "/events")
        self.stream, self.lines = self.connection.getresponse(), []
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        try:
            for line in self.stream:
                self.lines.append(line.decode().strip())
        except (OSError, ValueError, http.client.HTTPException):
            pass

    def resynchronized(self):
        """Whether all changes after the first resync have ids of the new history. None without a resync."""
        lines = list(self.lines)
        if "event: resync" not in lines:
            return None
        after = lines[lines.index("event: resync"):]
        ids = [line.removeprefix("id: ") for line in after if line.startswith("id: ")]
        return all("." in number for number in ids)


def lose_and_check(cluster, services, shoppers, checker, report, bookstored):
    """Loses commits once, and checks catalogs, front-ends, clients and the ledger."""
    run = shoppers.run
    wait_for("the first sales", lambda: len(run.sold_at) > SALES_MIN)
    checker.check(list(run.sold_at), report)
    old = services.fetch("catalog-1", "/livez")[1]["store"]
    streams = [Events(services.urls[name]) for name in ("frontend-1", "frontend-2")]
    window = Window(run)
    begun = len(run.sold_at)
    enough = lambda: len(run.sold_at) >= begun + SALES_MIN  # noqa: E731
    with lose_commits(cluster, lambda: wait_for("sales that will be lost", enough)):
        last = len(run.sold_at)
        new = wait_for("a store with another id", lambda: new_store(services, old), NOTICED_S)
        wait_for("sales afterwards", lambda: len(run.sold_at) > last + SALES_MIN, NOTICED_S)
    cluster.wait_until_healthy()
    services.wait_until_ready()
    ids = {name: services.fetch(name, "/livez")[1].get("store") for name in services.names}
    if set(ids.values()) != {new}:
        report.wrong(f"async: the services have the stores {ids}, expected {new}")
    named = NAMED.findall(services.log_of_catalogs())
    if not named:
        report.wrong("async: no catalog names both ends of the ledger")
    if not all(wait_for("a resync of each event stream", lambda: all(
            stream.resynchronized() is not None for stream in streams), NOTICED_S)
               and stream.resynchronized() for stream in streams):
        report.wrong("async: an event stream has ids of the lost history after its resync")
    positions = {services.head(name) for name in ("frontend-1", "frontend-2")}
    if not all("." in position for position in positions):
        report.wrong(f"async: the front-ends answer from {positions}, which is the lost history")
    # The ledger is read again: lost sales must not be in it, and all sales acknowledged afterwards must.
    sales = window.sales()
    checker.forget()
    lost = [(order, seq) for _, order, seq in sales if checker.sold.get(order) != seq]
    report.add("commits lost", "async", window, len(sales), len(lost), 0)
    print(f"async: {len(lost)} acknowledged sales were lost, as expected; ends of the ledger, known and found: "
          f"{', '.join(f'{known} and {found}' for known, found in named)}; store {old} is now {new}")
    if not lost:
        report.wrong("async: nothing was lost, so the run proves nothing")
    missing = [order for order, _ in lost if order in {order for _, order, _ in sales[-SALES_MIN // 2:]}]
    if missing:
        report.wrong(f"async: {len(missing)} orders of the new history are lost")
    code, said = audit(bookstored, cluster.url())
    if code or "replaced" not in said:
        report.wrong(f"async: the audit does not say that the history was replaced: {said}")


def new_store(services, old):
    """The store id that both catalogs have if it differs from the old one, else None."""
    answers = [services.fetch(name, "/livez")[1] or {} for name in services.names[:2]]
    found = {answer.get("store") for answer in answers}
    return found.pop() if len(found) == 1 and old not in found and None not in found else None
