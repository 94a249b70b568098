"""A plain HTTP client for the contract checks: one connection per request, no retries.

Every answer is also checked against the rules that apply to all answers (`Watch`).
"""

import http.client
import json
import re
import socket
from urllib.parse import urlsplit

from contract_shapes import CODES, equal, expect, holds_null, is_problem

TIMEOUT_S = 10
HEALTH = {"/livez", "/readyz", "/metrics", "/openapi.json"}


class Answer:
    """A complete response and its request."""

    def __init__(self, method, path, response):
        self.method, self.path, self.route = method, path, path.partition("?")[0]
        self.status, self.headers, self.body = response.status, response.headers, response.read()
        self.media_type = self.headers.get("Content-Type", "").partition(";")[0]

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def document(self):
        """The parsed body if it is declared as JSON and valid, else None."""
        try:
            return self.json if self.media_type.endswith("json") else None
        except ValueError:
            return None

    @property
    def code(self):
        return self.document.get("code") if isinstance(self.document, dict) else None

    @property
    def is_readiness(self):
        """Whether the answer is the document of a service that is not ready, which has no problem body."""
        return self.route == "/readyz" and self.status == 503

    @property
    def replayed(self):
        return self.headers.get("Idempotency-Replayed") == "true"

    @property
    def seq(self):
        return int(self.headers["Bookstore-Seq"])

    def __str__(self):
        return f"{self.status} {self.body[:300]!r}"


class Watch:
    """The rules for all answers, and the answers that violated them."""

    RULES = {
        "every answer read from the store carries Bookstore-Seq": lambda seen: (
            seen.status not in (200, 304, 409, 412, 422) or seen.route in HEALTH
            or re.fullmatch(r"\d+", seen.headers.get("Bookstore-Seq", ""))),
        "every failure is problem+json with type, title, status, code and detail": lambda seen: (
            seen.status < 400 or seen.method == "HEAD" or seen.is_readiness
            or (seen.media_type == "application/problem+json" and is_problem(seen.document, seen.status))),
        "every code has its status": lambda seen: (
            seen.status < 400 or seen.method == "HEAD" or seen.is_readiness or CODES.get(seen.code) == seen.status),
        "every success is JSON": lambda seen: (
            seen.status != 200 or seen.method == "HEAD" or seen.route in HEALTH
            or (seen.media_type == "application/json" and seen.document is not None)),
        "no field is null": lambda seen: (
            seen.document is None or seen.route in HEALTH or not holds_null(seen.document)),
        "a 401 names the authentication scheme": lambda seen: (
            seen.status != 401 or seen.headers.get("WWW-Authenticate", "").startswith("Bearer")),
        "a 429 and a 503 carry Retry-After": lambda seen: (
            seen.status not in (429, 503) or seen.headers.get("Retry-After")),
        "every answer has one unique id": lambda seen: (
            len(seen.headers.get_all("X-Request-Id", [])) == 1
            and re.fullmatch(r"[!-~]{1,128}", seen.headers["X-Request-Id"])),
        "every answer forbids content sniffing": lambda seen: (
            seen.headers.get("X-Content-Type-Options") == "nosniff"),
    }

    def __init__(self):
        self.broken = {rule: [] for rule in self.RULES}
        self.seqs = set()

    def check(self, answer):
        if "Bookstore-Seq" in answer.headers:
            self.seqs.add(answer.seq)
        for rule, holds in self.RULES.items():
            if not holds(answer):
                self.broken[rule].append(f"{answer.method} {answer.path[:80]} → {answer} {dict(answer.headers)}")

    def report(self, rule):
        expect(not self.broken[rule], f"{len(self.broken[rule])} times, first:", *self.broken[rule][:1])


class Service:
    """One service and its address."""

    def __init__(self, name, url, token, watch):
        self.name, self.token, self.watch = name, token, watch
        parts = urlsplit(url)
        self.host, self.port = parts.hostname, parts.port or 80

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, body=None, **options):
        return self.request("POST", path, body=body, **options)

    def put(self, path, body=None, **options):
        return self.request("PUT", path, body=body, **options)

    def request(self, method, path, **options):
        """Sends a request on a new connection and returns the answer; see `send` for the options."""
        connection = self.send(method, path, **options)
        try:
            answer = Answer(method, path, connection.getresponse())
        finally:
            connection.close()
        self.watch.check(answer)
        return answer

    def send(self, method, path, body=None, headers=(), key=None, token=None, content_type="application/json",
             chunked=False):
        """Sends a request. A dict or list is sent as JSON; `token=True` is the shopkeeper's token."""
        fields = list(headers)
        has_host = any(name == "Host" for name, _ in fields)
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        body = body.encode() if isinstance(body, str) else body
        if body is not None and content_type:
            fields.append(("Content-Type", content_type))
        if key is not None:
            fields.append(("Idempotency-Key", key))
        if token is not None:
            fields.append(("Authorization", f"Bearer {self.token if token is True else token}"))
        if not chunked and (body is not None or method in ("POST", "PUT")):
            fields.append(("Content-Length", str(len(body or b""))))
        if chunked:
            fields.append(("Transfer-Encoding", "chunked"))
        connection = http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT_S)
        connection.putrequest(method, path, skip_host=has_host, skip_accept_encoding=True)
        for name, value in fields:
            connection.putheader(name, value)
        pieces = [body[at:at + 1000] for at in range(0, len(body), 1000)] if chunked else body
        connection.endheaders(pieces, encode_chunked=chunked)
        return connection

    def exchange(self, message, shutdown=False, timeout=TIMEOUT_S):
        """Sends bytes, then ends the sending side if `shutdown`; returns all that is received until the service closes."""
        with socket.create_connection((self.host, self.port), timeout) as connection:
            connection.sendall(message)
            if shutdown:
                connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def bytes_after_head(self, path):
        """Returns the bytes after the header of an answer to HEAD, which http.client does not read."""
        with socket.create_connection((self.host, self.port), TIMEOUT_S) as connection:
            connection.sendall(f"HEAD {path} HTTP/1.1\r\nHost: {self.host}\r\nConnection: close\r\n\r\n".encode())
            received = b"".join(iter(lambda: connection.recv(65536), b""))
        return received.partition(b"\r\n\r\n")[2]

    def events(self, path, **options):
        return Events(self.send("GET", path, **options))


class Events:
    """A stream of server-sent events (HTML standard, section 9.2)."""

    def __init__(self, connection):
        self.connection = connection
        self.response = connection.getresponse()
        self.status = self.response.status
        if self.status == 200:
            equal(self.response.headers.get("Content-Type", "").partition(";")[0], "text/event-stream", "media type")

    def __enter__(self):
        equal(self.status, 200, "status of the stream")
        return self

    def __exit__(self, *_):
        self.response.close()
        self.connection.close()

    def next(self):
        """Returns the next event as (name, id or None, parsed data), or ("comment", None, None)."""
        name, identity, data = "message", None, []
        while True:
            line = self.response.readline()
            expect(line, "the stream ended")
            line = line.decode().rstrip("\r\n")
            if line.startswith(":"):
                return "comment", None, None
            if not line:
                if data:
                    return name, identity, json.loads("\n".join(data))
                name, identity = "message", None
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            name = value if field == "event" else name
            identity = value if field == "id" else identity
            data += [value] if field == "data" else []

    def expect(self, wanted):
        """Reads up to the next event that is not a comment. It must have that name; returns its id and data."""
        name = "comment"
        while name == "comment":
            name, identity, data = self.next()
        equal(name, wanted, "event")
        return identity, data

    def until(self, name, seq):
        """Returns all events of that name up to the one whose `seq` reaches the given one, as (id, data)."""
        events = [self.expect(name)]
        while events[-1][1]["seq"] < seq:
            events.append(self.expect(name))
        return events
