#!/usr/bin/env python3
"""Evaluates every query of the dashboard and every alert rule in a real Prometheus that reads a shop under load.

    dashboard.py --bookstored PROGRAM [--seconds S]

Starts the three services on a CSV store, reads, buys and follows the events for S seconds (default 30), while Prometheus reads
the metrics every second. Then `promtool check metrics` must accept the metrics of each service, each query of
backend/deploy/grafana-dashboard.json must return data unless its panel's description says when it is empty, and no
alert rule may have an error. Needs prometheus and promtool (Debian: prometheus). Prints a line for each empty query and a summary.
Exit: 0 all of this holds, 1 something does not or a program is missing, 2 wrong usage.
"""

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from prometheus import DEPLOY, Prometheus
from services import Services

HERE = Path(__file__).resolve().parent
# Grafana replaces these variables before it sends a query.
VARIABLES = {"$__rate_interval": "10s", "$__interval": "10s", "$__range": "1m", "$instance": ".*"}


def read(url, seconds):
    """Searches and reads the topics repeatedly, with one reader of the event stream."""
    ends_at = time.monotonic() + seconds
    with urllib.request.urlopen(f"{url}/events", timeout=seconds + 10):
        while time.monotonic() < ends_at:
            for path in ("topics", "search?q=rpc", "search?item=2", "search?item=999"):
                with contextlib.suppress(urllib.error.HTTPError):
                    urllib.request.urlopen(f"{url}/{path}", timeout=10).read()
            time.sleep(0.01)


def queries():
    """Yields the dashboard's queries with the title and the description of their panel."""
    panels = json.loads((DEPLOY / "grafana-dashboard.json").read_text())["panels"]
    for panel in panels:
        for target in panel.get("targets", ()):
            query = target["expr"]
            for name, value in VARIABLES.items():
                query = query.replace(name, value)
            yield panel["title"], panel.get("description", ""), query


def check(services, prometheus):
    """Returns the failures."""
    failures = []
    for name, url in services.urls.items():
        with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
            lint = subprocess.run(["promtool", "check", "metrics"], input=answer.read(), capture_output=True)
        print(f"{'ok  ' if lint.returncode == 0 else 'FAIL'} {name}: promtool check metrics")
        if lint.returncode != 0:
            failures.append(lint.stderr.decode())
    count = 0
    for count, (title, description, query) in enumerate(queries(), 1):
        if prometheus.get("query", query=query)["result"]:
            continue
        print(f"--   {title}: no data; description: {description or 'none'}")
        if "empty" not in description.lower():
            failures.append(f"{title}: {query}")
    rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
    failures += [f"{rule['name']}: {rule.get('lastError')}" for rule in rules if rule["health"] != "ok"]
    print(f"{count} queries, {len(rules)} alert rules, {len(failures)} failures")
    return failures


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--bookstored", required=True, type=lambda path: str(Path(path).resolve()))
    arguments.add_argument("--seconds", type=float, default=30)
    options = arguments.parse_args()
    if missing := [program for program in ("prometheus", "promtool") if shutil.which(program) is None]:
        print(f"FAIL needs {' and '.join(missing)}")
        return 1
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as cleanup:
        services = cleanup.enter_context(Services(options.bookstored, f"csv:{folder}/store"))
        prometheus = Prometheus(Path(folder), [url.removeprefix("http://") for url in services.urls.values()])
        cleanup.callback(prometheus.stop)
        reader = threading.Thread(target=read, args=(services.urls["frontend"], options.seconds))
        reader.start()
        load = [HERE / "load.py", "--url", services.urls["frontend"], "--clients", "8", "--attempts", "100000000",
                "--seconds", str(options.seconds), "--item", "1,2,3,4", "--lines", "3", "--acks", f"{folder}/acks"]
        subprocess.run(load, check=True, stdout=subprocess.DEVNULL)
        failures = check(services, prometheus)
        reader.join()
    for failure in failures:
        print(f"FAIL {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
