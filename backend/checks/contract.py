#!/usr/bin/env python3
"""Holds three running services to the contract, from outside.

    contract.py --frontend URL --catalog URL --order URL --token TOKEN [--only WORDS]

The services must stand on a fresh store with the four default books. One line a check, `ok` or `FAIL` with the reason,
and a count at the end. Exit: 0 all passed, 1 some failed, 2 wrong usage or no service there.

What cannot be seen from outside is left to the services' own tests: 429, 500, 507, a lost catalog (`event: source`) and
a reader of events that is too slow.
"""

import argparse
import sys

from contract_kit import World, run_checks

# Importing a module enters its checks; they run in this order.
import contract_frontend  # noqa: F401
import contract_buying  # noqa: F401
import contract_inner  # noqa: F401
import contract_ledger  # noqa: F401


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("frontend", "catalog", "order"):
        parser.add_argument(f"--{name}", required=True, metavar="URL")
    parser.add_argument("--token", required=True, help="the shopkeeper's token")
    parser.add_argument("--only", default="", metavar="WORDS", help="run the checks whose name holds these words")
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
