#!/usr/bin/env python3
"""Checks three running services against the contract, over HTTP only.

    contract.py --frontend URL --catalog URL --order URL --token TOKEN [--only WORDS]

The services must run on a fresh store with the four default books. Prints a line per check, `ok` or `FAIL` with the
reason, and the totals. Exit: 0 all passed, 1 some failed, 2 wrong usage or a service does not answer.

Not covered, because it needs faults inside the services: 429, 500, 507, a lost catalog (`event: source`) and a reader
of events that is too slow. The services' own tests cover them.
"""

import argparse
import sys

from contract_runner import World, run_checks

# Importing a module registers its checks; they run in this order.
import contract_frontend  # noqa: F401
import contract_buying  # noqa: F401
import contract_internal  # noqa: F401
import contract_ledger  # noqa: F401


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("frontend", "catalog", "order"):
        parser.add_argument(f"--{name}", required=True, metavar="URL")
    parser.add_argument("--token", required=True, help="the shopkeeper's token")
    parser.add_argument("--only", default="", metavar="WORDS", help="run the checks whose name contains these words")
    arguments = parser.parse_args()
    world = World(arguments.frontend, arguments.catalog, arguments.order, arguments.token)
    for service in world.services.values():
        try:
            service.get("/livez")
        except OSError as error:
            address = f"{service.host}:{service.port}"
            print(f"contract: the {service.name} service does not answer at {address}: {error}", file=sys.stderr)
            return 2
    passed, failed = run_checks(world, arguments.only)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
