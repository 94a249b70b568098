"""Contract checks of `/livez` and `/readyz`."""

import time
from datetime import datetime, timezone

from contract_runner import check
from contract_shapes import TIME, UUID, equal, expect, ok
from services import START_S

DEPENDENCIES = {"frontend": ["catalog", "order"], "order": ["catalog"], "catalog": []}
# The fields that the contract names; the services add counts of their activity.
LIVENESS = {"status", "service", "version", "at", "store", "head", "state"}
ACTIVITY = {"uptime_s", "requests", "p50_us", "p99_us"}


def until_ready(service, **options):
    """Returns the document of a service that becomes ready."""
    ends_at = time.monotonic() + START_S
    while (answer := service.get("/readyz", **options)).status != 200:
        expect(time.monotonic() < ends_at, f"not ready: {answer}")
        time.sleep(0.05)
    return answer.json


@check(cases=DEPENDENCIES)
def a_service_reports_that_it_is_live(w, name):
    live = ok(w.services[name].get("/livez")).json
    equal((live["status"], live["service"]), ("ok", name), "status and service")
    expect(TIME.fullmatch(live["at"]), f"time {live['at']!r}")
    skew = datetime.now(timezone.utc) - datetime.fromisoformat(live["at"])
    expect(abs(skew.total_seconds()) < 60, f"time {live['at']!r}")
    expect(set(live) <= LIVENESS | ACTIVITY, f"fields {sorted(live)}")
    equal(live.get("state"), "ok" if name == "catalog" else None, "state")
    if name == "catalog":
        expect(UUID.fullmatch(live["store"]) and live["head"] == w.head(), live)


@check(cases=DEPENDENCIES)
def a_ready_service_reports_its_dependencies(w, name):
    ready = until_ready(w.services[name])
    expect({"status", "service", "head", "neighbours", "degraded"} <= set(ready) and "missing" not in ready, ready)
    equal((ready["status"], ready["service"], ready["degraded"]), ("ready", name, []), "status, service and degraded")
    equal([neighbour["service"] for neighbour in ready["neighbours"]], DEPENDENCIES[name], "neighbours")
    for neighbour in ready["neighbours"]:
        other = w.services[neighbour["service"]]
        equal(neighbour["url"], f"http://{other.host}:{other.port}", "address")
        expect({"url", "service", "version", "head"} <= set(neighbour), neighbour)


@check
def all_services_report_the_same_store(w):
    for service in w.services.values():
        until_ready(service)
    ok(w.buy(4))
    stores = {ok(service.get("/livez")).json["store"] for service in w.services.values()}
    equal(len(stores), 1, f"stores {stores}")
