"""Contract checks of messages: malformed ones, hosts, origins, media types, hops, and what every operation documents."""

import json
import re

from contract_runner import check
from contract_shapes import equal, expect, ok, refused

SERVICES = ["frontend", "catalog", "order"]
HOST = b"Host: localhost\r\n"
GET = b"GET /livez HTTP/1.1\r\n"
# A name, the bytes after which the service closes the connection, the status, and whether the answer has a problem body.
MALFORMED = [
    ("no host", GET + b"\r\n", 400, True),
    ("two hosts", GET + HOST + HOST + b"\r\n", 400, True),
    ("an invalid host", GET + b"Host: a b\r\n\r\n", 400, True),
    ("an empty host", GET + b"Host:\r\n\r\n", 400, True),
    ("gzip, chunked", GET + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, False),
    ("gzip", GET + HOST + b"Transfer-Encoding: gzip\r\n\r\n", 400, False),
    ("a long target", b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414, False),
    ("a long field", GET + HOST + b"a: " + b"x" * 300_000 + b"\r\n\r\n", 431, False),
    ("many fields", GET + HOST + b"a: b\r\n" * 150 + b"\r\n", 431, False),
    ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, False),
    ("HTTP/9.9", b"GET / HTTP/9.9\r\n" + HOST + b"\r\n", 400, False),
    ("garbage", b"\0\0\0\r\n\r\n", 400, False),
]
CHANGES = [("frontend", "POST", "/buy?buyNum=1"), ("frontend", "PUT", "/stock/1"), ("catalog", "PUT", "/update/1"),
           ("catalog", "POST", "/sales"), ("order", "POST", "/buy/1"), ("order", "GET", "/buy/1"),
           ("order", "POST", "/orders")]
FOREIGN = [[("Origin", "http://evil.test")], [("Origin", "null")], [("Origin", "http://localhost:1")],
           [("Sec-Fetch-Site", "cross-site")], [("Sec-Fetch-Site", "same-site")]]
ALWAYS, CHANGING = {"400", "415", "421", "429", "508"}, {"403", "408", "413"}


def statuses(received):
    """Returns the status of each answer in a stream of bytes."""
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", received)]


@check(cases=MALFORMED)
def a_malformed_message_gets_an_error_status_after_the_answers_to_earlier_requests(w, case):
    _, message, status, has_problem = case
    for service in w.services.values():
        for before in (b"", GET + HOST + b"\r\n"):
            received = service.exchange(before + message)
            equal(statuses(received), [200] * bool(before) + [status], f"statuses of {service.name}")
            last = received.rpartition(b"HTTP/1.1 ")[2]
            expect(b"connection: close" in last.lower(), f"the connection stays open: {last[:300]}")
            expect((b"invalid-request" in last) == has_problem, last[-300:])


@check
def a_truncated_head_gets_400_when_the_client_closes_its_side(w):
    for service in w.services.values():
        equal(statuses(service.exchange(GET + b"Host: loc", shutdown=True)), [400], "statuses")


@check
def http_1_0_needs_no_host(w):
    for service in w.services.values():
        equal(statuses(service.exchange(b"GET /livez HTTP/1.0\r\n\r\n")), [200], "statuses")


@check
def a_client_that_closes_its_side_after_its_purchase_gets_the_answer(w):
    body = b'{"item":4}'
    head = b"POST /buy HTTP/1.1\r\n" + HOST + f"Content-Length: {len(body)}\r\n\r\n".encode()
    equal(statuses(w.frontend.exchange(head + body, shutdown=True)), [200], "statuses")


@check(cases=SERVICES)
def a_service_on_loopback_answers_to_the_names_of_loopback(w, name):
    service = w.services[name]
    for host in ("localhost", "LocalHost:1", "127.0.0.1:80", "[::1]:9"):
        ok(service.get("/livez", headers=[("Host", host)]))
    for host in ("evil.test", "192.0.2.1", "localhost.evil.test"):
        refused(service.get("/livez", headers=[("Host", host)]), "misdirected")
        refused(service.get("/openapi.json", headers=[("Host", host)]), "misdirected")
    absolute = service.exchange(b"GET http://evil.test/livez HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
    equal(statuses(absolute), [421], "status of an absolute target")
    connect = service.exchange(b"CONNECT evil.test:80 HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n")
    equal(statuses(connect), [405], "status of CONNECT")


@check(cases=CHANGES)
def a_page_of_another_origin_changes_nothing(w, case):
    name, method, path = case
    service, stock = w.services[name], w.stock(1)
    own = ("Origin", f"http://{service.host}:{service.port}")
    for fields in [*FOREIGN, [own, ("Sec-Fetch-Site", "cross-site")], [own, ("Origin", "http://evil.test")]]:
        refused(service.request(method, path, headers=fields, token=True), "forbidden-origin")
    equal(w.stock(1), stock, "stock")
    for fields in ([own], [("Sec-Fetch-Site", "same-origin")], [("Sec-Fetch-Site", "none")]):
        answer = service.request(method, path, headers=fields, token=True)
        expect(answer.status != 403, answer)


@check
def a_page_of_another_origin_may_read(w):
    for fields in FOREIGN:
        ok(w.frontend.get("/topics", headers=fields))


@check(cases=[("frontend", "POST", "/buy?buyNum=1"), ("frontend", "PUT", "/stock/1"), ("order", "POST", "/buy/1"),
              ("order", "GET", "/buy/1")])
def a_change_of_another_media_type_is_refused_even_if_it_is_empty(w, case):
    name, method, path = case
    stock = w.stock(1)
    for fields in ([("Content-Type", "text/plain")], [("Content-Type", "")],
                   [("Content-Type", "application/json"), ("Content-Type", "text/plain")]):
        answer = w.services[name].request(method, path, headers=fields, token=True)
        refused(answer, "unsupported-media-type")
    equal(w.stock(1), stock, "stock")


@check
def a_compressed_body_is_refused(w):
    head, stock = w.head(), w.stock(1)
    refused(w.buy(1, headers=[("Content-Encoding", "gzip")]), "unsupported-media-type")
    equal((w.head(), w.stock(1)), (head, stock), "head and stock")
    ok(w.buy(1, headers=[("Content-Encoding", "identity")]))


@check
def two_lines_of_if_none_match_are_one_list(w):
    tag = ok(w.frontend.get("/search?item=2")).headers["ETag"]
    answer = w.frontend.get("/search?item=2", headers=[("If-None-Match", '"0"'), ("If-None-Match", tag)])
    equal(answer.status, 304, "status")


@check(cases=SERVICES)
def a_request_through_more_than_three_services_is_a_loop(w, name):
    service = w.services[name]
    ok(service.get("/livez", headers=[("Bookstore-Hops", "3")]))
    refused(service.get("/livez", headers=[("Bookstore-Hops", "4")]), "loop-detected")
    refused(service.get("/livez", headers=[("Bookstore-Hops", "x")]), "invalid-request")


@check(cases=SERVICES)
def a_clients_request_id_is_repeated(w, name):
    for path in ("/livez", "/nothing"):
        answer = w.services[name].get(path, headers=[("X-Request-Id", "check-1")])
        equal(answer.headers["X-Request-Id"], "check-1", "id")
    for invalid in ("", "a b", "x" * 129):
        answer = w.services[name].get("/livez", headers=[("X-Request-Id", invalid)])
        expect(answer.headers["X-Request-Id"] != invalid, f"the id {invalid!r} was kept")


@check(cases=SERVICES)
def every_operation_documents_its_refusals(w, name):
    document = ok(w.services[name].get("/openapi.json")).json
    changes = {(method, path.partition("?")[0].replace("/1", "/{item}")) for _, method, path in CHANGES}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            # The rate limit does not count the requests of a monitor.
            always = ALWAYS - {"429"} if path in ("/livez", "/readyz") else ALWAYS
            expected = always | (CHANGING if (method.upper(), path) in changes else set())
            lacking = expected - set(operation["responses"])
            expect(not lacking, f"{method} {path} lacks {json.dumps(sorted(lacking))}")
