#!/usr/bin/env python3
"""Checks the OpenAPI documents of running services with tools that share no code with them.

    openapi.py --bookstored PROGRAM [--cases N] [--seed N] [--only SERVICE]

Starts the three services on a fresh store. For each document: openapi-spec-validator, the linter redocly, then schemathesis
with at least N cases (default 2,000) of all its checks and phases. Last a client that openapi-python-client generates from the
front-end's document makes a purchase. Prints a line for each tool, and the whole output of a tool that fails. For a tool that
is not installed, it prints the command that installs it.
Exit: 0 all passed, 1 something failed, 2 wrong usage, 3 a tool is missing and nothing failed.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from shutil import which

from services import ENVIRONMENT, TOKEN, Services

HERE = Path(__file__).parent
TOOLS = {
    "openapi-spec-validator": "pip install openapi-spec-validator",
    "redocly": "npm install --global @redocly/cli",
    "st": "pip install schemathesis",
    "openapi-python-client": "pip install openapi-python-client",
}
SERVICE_TOKEN = "a-token-between-services"
FIELDS = {"Authorization": f"Bearer {TOKEN}", "Bookstore-Service-Token": SERVICE_TOKEN}
CASES = re.compile(r"([\d,]+) generated")
# Number of cases of one operation per run of schemathesis; the script stops at the first run that fails.
CASES_OF_OPERATION = 150


class Report:
    def __init__(self):
        self.failed, self.missing = [], set()

    def run(self, what, command, **options):
        """Runs a tool. Returns its output, or None if it is missing or fails."""
        tool = Path(command[0]).name
        if which(command[0]) is None:
            if tool not in self.missing:
                print(f"--   {what}: {tool} is not installed: {TOOLS[tool]}", flush=True)
            self.missing.add(tool)
            return None
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
        if done.returncode != 0:
            print(f"{done.stdout}\nFAIL {what}: {tool} ended with {done.returncode}", flush=True)
            self.failed.append(what)
            return None
        return done.stdout

    def check(self, what, command, **options):
        if self.run(what, command, **options) is not None:
            print(f"ok   {what}: {Path(command[0]).name}", flush=True)


def schemathesis(report, name, url, document, wanted, seed, folder):
    """Runs schemathesis until it has generated enough cases."""
    made = 0
    paths = json.loads(document.read_text())["paths"]
    operations = sum(method in ("get", "put", "post", "delete") for path in paths.values() for method in path)
    size = max(1, min(CASES_OF_OPERATION, wanted // operations))
    while made < wanted:
        command = ["st", "--config-file", str(HERE / "openapi.toml"), "run", str(document), "--url", url, "--checks", "all",
                   "--seed", str(seed), "--max-examples", str(size)]
        command += [part for name, value in FIELDS.items() for part in ("--header", f"{name}: {value}")]
        output = report.run(f"{name}: seed {seed}", command, cwd=folder, env={**os.environ, "PYTHONPATH": str(HERE)})
        if output is None:
            return
        cases = [int(number.replace(",", "")) for number in CASES.findall(output)]
        made, seed = made + sum(cases[:1]), seed + 1
        print(f"     {name}: {made} cases", flush=True)
        if not cases:
            print(f"{output}\nFAIL {name}: no number of cases", flush=True)
            return report.failed.append(name)
    print(f"ok   {name}: st, {made} cases", flush=True)


def purchase(report, url, document, folder):
    """Buys a book with a client that is generated from the document."""
    command = ["openapi-python-client", "generate", "--path", str(document), "--output-path", str(folder / "client"),
               "--overwrite", "--fail-on-warning"]
    if report.run("generated client", command, cwd=folder) is None:
        return
    script = [sys.executable, str(HERE / "openapi_purchase.py"), str(folder / "client"), url, TOKEN]
    report.check("generated client", script)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--bookstored", required=True)
    arguments.add_argument("--cases", type=int, default=2_000)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--only", default="")
    options = arguments.parse_args()
    report = Report()
    ENVIRONMENT["BOOKSTORE_SERVICE_TOKEN"] = SERVICE_TOKEN
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        with Services(options.bookstored, f"csv:{folder}/store") as services:
            for name, url in services.urls.items():
                if options.only not in name:
                    continue
                document = folder / f"{name}.json"
                with urllib.request.urlopen(urllib.request.Request(f"{url}/openapi.json", headers=FIELDS), timeout=10) as answer:
                    document.write_bytes(answer.read())
                report.check(name, ["openapi-spec-validator", str(document)])
                report.check(name, ["redocly", "lint", "--extends=recommended", str(document)])
                if name == "frontend":
                    purchase(report, url, document, folder)
                schemathesis(report, name, url, document, options.cases, options.seed, folder)
    return 1 if report.failed else 3 if report.missing else 0


if __name__ == "__main__":
    sys.exit(main())
