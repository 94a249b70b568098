"""Contract checks of services that the checks start themselves: addresses of dependencies, clocks, the service token."""

import http.server
import json
import subprocess
import threading
import time
import uuid
from datetime import datetime, timezone

from contract_health import until_ready
from contract_http import Service
from contract_runner import check
from contract_shapes import equal, expect, ok, refused
from services import ENVIRONMENT, STOP_S

SERVICE_TOKEN = "a-service-token-for-checks"
WITH_TOKEN = ("Bookstore-Service-Token", SERVICE_TOKEN)
TOKEN_ROUTES = ["catalog GET /topics", "catalog GET /ledger", "catalog GET /feed", "catalog POST /sales",
                "catalog PUT /update/1", "catalog GET /metrics", "catalog GET /openapi.json", "catalog GET /nothing",
                "order GET /orders", "order POST /orders", "order GET /buy/1", "order POST /buy/1", "order GET /metrics"]
BAD_URLS = ["", "nonsense", "127.0.0.1:8081", "ftp://127.0.0.1:8081", "http://", "http://127.0.0.1:8081/shop",
            "http://127.0.0.1:8081?x=1", "http://127.0.0.1:8081#x", "http://127.0.0.1:8081,", ",http://127.0.0.1:8081"]


def not_ready(service, *words):
    """Returns `/readyz` of a service that is not ready; `what` and `why` of a missing dependency contain all the words."""
    answer = service.get("/readyz")
    equal((answer.status, answer.media_type), (503, "application/json"), f"status and media type of {answer}")
    document = answer.json
    equal(document["status"], "not-ready", "status")
    found = [f"{lack['what']} {lack['why']}" for lack in document["missing"]]
    expect(any(all(word in text for word in words) for text in found), f"{words} are not in {found}")
    return document


class Process:
    """A process with services that one check starts."""

    def __init__(self, w, *arguments):
        self.w, self.arguments, self.services = w, arguments, {}

    def __enter__(self):
        count = 3 if self.arguments[0] == "all" else 1
        command = [self.w.processes.bookstored, *self.arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                        env=ENVIRONMENT)
        for _ in range(count):
            words = self.process.stdout.readline().split()
            expect(len(words) == 3, f"{self.arguments} did not start")
            self.services[words[1]] = Service(words[1], words[2], self.w.frontend.token, self.w.watch)
            self.services[words[1]].url = words[2]
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def exit_code(w, *arguments):
    """Runs the program, which must refuse to start, and returns its code and message."""
    done = subprocess.run([w.processes.bookstored, *arguments], capture_output=True, text=True, env=ENVIRONMENT,
                          timeout=STOP_S)
    return done.returncode, done.stderr


class Fake:
    """A program that answers each GET with what `answer(path)` returns: status, media type, body."""

    def __init__(self, answer):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                status, media_type, body = answer(self.path)
                self.send_response(status)
                self.send_header("Content-Type", media_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            do_POST = do_PUT = do_GET

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


# --- Wirings ----------------------------------------------------------------------------------------------------------


@check
def a_service_without_its_dependencies_is_live_and_not_ready(w):
    nowhere = "http://127.0.0.1:1"
    with Process(w, "frontend", "--listen=127.0.0.1:0", f"--catalog-url={nowhere}", f"--order-url={nowhere}") as alone:
        service = alone.services["frontend"]
        live = ok(service.get("/livez")).json
        expect("store" not in live and "head" not in live, live)
        document = not_ready(service, "catalog", nowhere)
        equal((document["neighbours"], len(document["missing"])), ([], 2), "neighbours and missing")


@check(cases=["catalog order", "order order", "catalog frontend", "frontend frontend", "catalog catalog", "order catalog"])
def a_front_end_with_wrong_addresses_is_not_ready(w, case):
    first, second = (w.processes.urls[name] for name in case.split())
    if case == "catalog order":
        second = f"{second}, http://127.0.0.1:1"
    with Process(w, "frontend", "--listen=127.0.0.1:0", f"--catalog-url={first}", f"--order-url={second}") as wired:
        if case == "catalog order":
            ready = until_ready(wired.services["frontend"])
            expect("http://127.0.0.1:1" in ready["degraded"][0]["what"], ready)
        else:
            wrong = "order" if case.startswith("catalog") else "catalog"
            for _ in range(5):
                not_ready(wired.services["frontend"], wrong, "it is")


@check
def a_front_end_whose_order_service_has_another_store_is_not_ready(w):
    with Process(w, "all", "--listen=127.0.0.1:0", "--catalog-listen=127.0.0.1:0", "--order-listen=127.0.0.1:0",
                 f"--store=csv:{w.folder / f'other-{uuid.uuid4()}'}") as other:
        until_ready(other.services["frontend"])
        with Process(w, "frontend", "--listen=127.0.0.1:0", f"--catalog-url={w.processes.urls['catalog']}",
                     f"--order-url={other.services['order'].url}") as crossed:
            not_ready(crossed.services["frontend"], "order", "store")


@check
def a_service_whose_clock_is_an_hour_off_is_missing(w):
    store, ahead_s = str(uuid.uuid4()), [0]

    def livez(path):
        at = datetime.fromtimestamp(time.time() + ahead_s[0], timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        document = {"status": "ok", "service": "catalog", "version": "0.2.0", "at": at, "store": store, "head": 4}
        return (200, "application/json", json.dumps(document)) if path == "/livez" else (503, "text/plain", "")

    with Fake(livez) as fake, Process(w, "order", "--listen=127.0.0.1:0", f"--catalog-url={fake.url}") as order:
        service = order.services["order"]
        until_ready(service)
        for ahead_s[0] in (3600, -3600):
            for _ in range(3):
                service.get("/readyz")
            not_ready(service, "catalog", "clock")
        ahead_s[0] = 0
        until_ready(service)


@check(cases=[("text/html", "<html>Welcome</html>"), ("application/json", "<html>Welcome</html>"),
              ("application/json", '{"welcome":1}')])
def the_answers_of_another_program_reach_no_client(w, case):
    with Fake(lambda _: (200, *case)) as fake:
        urls = [f"--catalog-url={fake.url}", f"--order-url={fake.url}"]
        with Process(w, "frontend", "--listen=127.0.0.1:0", *urls) as wired:
            service = wired.services["frontend"]
            not_ready(service, "catalog", "does not answer like")
            for path in ("/topics", "/search?item=1", "/search?q=w", "/search?topic=t", f"/orders/{uuid.uuid4()}"):
                refused(service.get(path), "unavailable")
            refused(service.get("/ledger", token=True), "unavailable")
            refused(service.put("/stock/1", {"stock": 1}, token=True), "deadline-exceeded")
            refused(service.post("/buy", {"item": 1}), "deadline-exceeded")


@check(cases=BAD_URLS)
def an_address_that_can_never_work_is_wrong_usage(w, url):
    for arguments in (["order", f"--catalog-url={url}"], ["frontend", f"--order-url={url}"]):
        equal(exit_code(w, *arguments, "--listen=127.0.0.1:0")[0], 2, "exit code")


@check
def user_information_in_a_url_is_not_shown(w):
    url = f"http://someone:hidden@{w.processes.urls['catalog'].removeprefix('http://')}"
    with Process(w, "order", "--listen=127.0.0.1:0", f"--catalog-url={url}") as order:
        texts = [json.dumps(until_ready(order.services["order"]))]
    texts.append(exit_code(w, "order", "--listen=127.0.0.1:0", f"--catalog-url={url}/shop")[1])
    expect(not any("hidden" in text or "someone" in text for text in texts), texts)


# --- The service token ------------------------------------------------------------------------------------------------


def protected(w):
    file = w.folder / "service-token"
    file.write_text(f"{SERVICE_TOKEN}\n")
    return Process(w, "all", "--listen=127.0.0.1:0", "--catalog-listen=127.0.0.1:0", "--order-listen=127.0.0.1:0",
                   f"--store=csv:{w.folder / f'protected-{uuid.uuid4()}'}", f"--service-token-file={file}")


@check
def catalog_and_order_service_require_the_service_token(w):
    with protected(w) as shop:
        for request in TOKEN_ROUTES:
            name, method, path = request.split()
            for headers in ([], [("Bookstore-Service-Token", SERVICE_TOKEN[:-1])]):
                refused(shop.services[name].request(method, path, headers=headers), "unauthorized")
        catalog = shop.services["catalog"]
        ok(catalog.get("/topics", headers=[WITH_TOKEN]))
        refused(catalog.put("/update/1", {"stock": 5}, headers=[WITH_TOKEN]), "unauthorized")
        refused(catalog.put("/update/1", {"stock": 5}, token=True), "unauthorized")
        ok(catalog.put("/update/1", {"stock": 5}, headers=[WITH_TOKEN], token=True))
        front_end = shop.services["frontend"]
        until_ready(front_end)
        ok(front_end.post("/buy", {"item": 1}))
        ok(front_end.put("/stock/1", {"stock": 5}, token=True))


@check
def health_shows_addresses_only_with_the_service_token(w):
    with protected(w) as shop:
        for name in ("frontend", "order"):
            service, catalog = shop.services[name], shop.services["catalog"]
            ok(service.get("/livez"))
            expect("127.0.0.1" not in json.dumps(until_ready(service)), f"{name} shows addresses")
            ready = until_ready(service, headers=[WITH_TOKEN])
            equal(ready["neighbours"][0]["url"], catalog.url, "address")


@check(cases=["catalog --listen", "order --listen", "all --catalog-listen", "all --order-listen"])
def listening_beyond_loopback_without_a_token_must_be_allowed(w, case):
    name, flag = case.split()
    ports = {"--listen": "127.0.0.1:0"} if name != "all" else dict.fromkeys(
        ("--listen", "--catalog-listen", "--order-listen"), "127.0.0.1:0")
    ports[flag] = "0.0.0.0:0"
    store = [] if name == "order" else [f"--store=csv:{w.folder / f'open-{uuid.uuid4()}'}"]
    arguments = [name, *store, *(f"{flag}={address}" for flag, address in ports.items())]
    code, message = exit_code(w, *arguments)
    equal(code, 2, "exit code")
    expect("--service-token-file" in message and "--allow-unauthenticated" in message, message)
    with Process(w, *arguments, "--allow-unauthenticated") as allowed:
        ok(allowed.services["frontend" if name == "all" else name].get("/livez"))


# --- Rates and other flags --------------------------------------------------------------------------------------------


@check
def each_client_of_a_front_end_has_its_own_rate_limit(w):
    urls = [f"--catalog-url={w.processes.urls['catalog']}", f"--order-url={w.processes.urls['order']}"]
    with Process(w, "frontend", "--listen=127.0.0.1:0", *urls, "--rate-limit=2/s",
                 "--trusted-proxy=127.0.0.1,10.0.0.0/8") as limited:
        service = limited.services["frontend"]
        one, other = ([("X-Forwarded-For", address)] for address in ("198.51.100.1, 10.0.0.1", "198.51.100.2"))
        answers = [service.get("/topics", headers=one) for _ in range(20)]
        refused(next(answer for answer in answers if answer.status != 200), "too-many-requests")
        ok(service.get("/topics", headers=other))
        for _ in range(10):
            ok(service.get("/livez", headers=one))
            expect(service.get("/readyz", headers=one).status != 429, "/readyz counts")


@check(cases=["--rate-limit=100", "--rate-limit=0/s", "--trusted-proxy=10.0.0.0/33", "--allowed-host=http://shop.example",
              "--allowed-origin=shop.example", "--allowed-origin=https://shop.example/page"])
def a_bad_flag_is_wrong_usage(w, flag):
    equal(exit_code(w, "frontend", "--listen=127.0.0.1:0", flag)[0], 2, "exit code")


@check
def hosts_and_origins_can_be_allowed(w):
    store = f"--store=csv:{w.folder / f'allowed-{uuid.uuid4()}'}"
    with Process(w, "all", "--listen=127.0.0.1:0", "--catalog-listen=127.0.0.1:0", "--order-listen=127.0.0.1:0", store,
                 "--allowed-host=shop.example,other.example", "--allowed-origin=https://shop.example") as shop:
        for service in shop.services.values():
            for host in ("shop.example", "Other.example:8443", "localhost"):
                ok(service.get("/livez", headers=[("Host", host)]))
            refused(service.get("/livez", headers=[("Host", "evil.test")]), "misdirected")
        page = [("Origin", "https://shop.example"), ("Sec-Fetch-Site", "cross-site")]
        ok(shop.services["frontend"].post("/buy", {"item": 1}, headers=page))
        refused(shop.services["frontend"].post("/buy", {"item": 1}, headers=[("Origin", "http://shop.example")]),
                "forbidden-origin")
