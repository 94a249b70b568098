#!/usr/bin/env python3
"""Tests in a real browser (Debian's `chromium`) whether a web page can buy in a shop on loopback.

    backend/checks/browser.py --bookstored target/debug/bookstored [--chromium chromium]

A page of another site tries to buy in every way that needs no permission of the shop: forms, `fetch`, `sendBeacon`, an
image, a frame; and as after DNS rebinding, where the shop has the host name of the page. Between the browser and
the shop a relay records the requests and the answers. As a control the same attempts run against a shop
that allows the page's origin and host, where a purchase shows that the attempt works. Exits with 1 if a page
bought anything in the shop that does not allow it, or nothing in the one that does.
"""

import argparse
import json
import re
import socket
import subprocess
import tempfile
import threading
import urllib.request
from pathlib import Path

SITE = "evil.test"
BOOK = '{"item":1,"quantity":1}'
# The service, and a script in which URL is its address as the page sees it.
ATTEMPTS = {
    "form post": ("frontend", "submit('post', URL + '/buy?buyNum=1', 'text/plain')"),
    "form post, URL-encoded": ("frontend", "submit('post', URL + '/buy?buyNum=1', 'application/x-www-form-urlencoded')"),
    "fetch no-cors, text/plain": ("frontend", f"fetch(URL + '/buy', {{method: 'POST', mode: 'no-cors', body: '{BOOK}'}})"),
    "fetch no-cors, no body": ("frontend", "fetch(URL + '/buy?buyNum=1', {method: 'POST', mode: 'no-cors'})"),
    "fetch cors, JSON": ("frontend", "fetch(URL + '/buy', {method: 'POST', headers: {'content-type': 'application/json'},"
                         f" body: '{BOOK}'}})"),
    "sendBeacon": ("frontend", "navigator.sendBeacon(URL + '/buy?buyNum=1')"),
    "sendBeacon, text/plain": ("frontend", f"navigator.sendBeacon(URL + '/buy', '{BOOK}')"),
    "image": ("order", "add('img', {src: URL + '/buy/1'})"),
    "script": ("order", "add('script', {src: URL + '/buy/1'})"),
    "frame": ("order", "add('iframe', {src: URL + '/buy/1'})"),
    "form get": ("order", "submit('get', URL + '/buy/1', 'text/plain')"),
    "fetch no-cors at the order service": ("order", "fetch(URL + '/buy/1', {method: 'POST', mode: 'no-cors'})"),
    "DNS rebinding, fetch": ("frontend", "fetch('/buy', {method: 'POST', headers: {'content-type': 'application/json'},"
                             f" body: '{BOOK}'}})"),
    "DNS rebinding, read": ("frontend", "fetch('/search?item=1')"),
    "DNS rebinding, image": ("order", "add('img', {src: '/buy/1'})"),
}
PAGE = """<!doctype html><script>
const URL = "%s";
function add(tag, fields) { document.documentElement.append(Object.assign(document.createElement(tag), fields)); }
function submit(method, action, enctype) {
  add('iframe', {name: 'target'});
  add('form', {method, action, enctype, target: 'target'});
  document.querySelector('form').submit();
}
%s
</script>"""


class Relay(threading.Thread):
    """Serves the page at `/page`, and forwards everything else to the service unchanged."""

    def __init__(self, service=None):
        super().__init__(daemon=True)
        self.listener, self.service = socket.create_server(("127.0.0.1", 0)), service
        self.port, self.page, self.seen = self.listener.getsockname()[1], "", []
        self.start()

    def run(self):
        while True:
            client = self.listener.accept()[0]
            threading.Thread(target=self.serve, args=[client], daemon=True).start()

    def serve(self, client):
        with client:
            request = client.recv(65536)
            if not request:
                return
            if request.startswith(b"GET /page "):
                head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\ncontent-length: "
                client.sendall(f"{head}{len(self.page)}\r\n\r\n{self.page}".encode())
                return
            if request.startswith(b"GET /favicon.ico"):
                return
            length = re.search(rb"(?i)content-length: (\d+)", request)
            head, _, body = request.partition(b"\r\n\r\n")
            while length and len(body) < int(length[1]):
                body += client.recv(65536)
            with socket.create_connection(("127.0.0.1", self.service)) as shop:
                # Each connection carries one request.
                shop.sendall(re.sub(rb"(?i)\r\nconnection: [^\r]*", b"", head) + b"\r\nconnection: close\r\n\r\n" + body)
                answer = b""
                while received := shop.recv(65536):
                    answer += received
            field = lambda name: (re.search(rf"(?i)\r\n{name}: ([^\r]*)".encode(), head) or [b"", b"-"])[1].decode()
            self.seen.append(f"{head.split(b' HTTP')[0].decode()} host={field('host').split(':')[0]} "
                             f"sec-fetch-site={field('sec-fetch-site')} -> {answer.split(b' ', 2)[1].decode()}")
            client.sendall(answer)


def start(bookstored, folder, *flags):
    command = [bookstored, "all", "--store", f"csv:{folder}"]
    for listen in ("--listen", "--catalog-listen", "--order-listen"):
        command += [listen, "127.0.0.1:0"]
    shop = subprocess.Popen([*command, *flags], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    ports = {}
    for line in (shop.stdout.readline() for _ in range(3)):
        ports[line.split()[1]] = int(line.rsplit(":", 1)[1])
    return shop, ports


def stock(ports):
    with urllib.request.urlopen(f"http://127.0.0.1:{ports['frontend']}/search?item=1") as answer:
        return json.load(answer)["stock"]


def attempt(chromium, site, ports, service, script):
    """Runs the script in a page; returns the number of bought copies, and the requests that the relay recorded."""
    relay = Relay(ports[service])
    # After rebinding, the page's own address leads to the shop.
    page = site if "URL" in script else relay
    page.page = PAGE % (f"http://127.0.0.1:{relay.port}", script)
    before = stock(ports)
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run([chromium, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}",
                        f"--host-resolver-rules=MAP {SITE} 127.0.0.1", "--virtual-time-budget=2000", "--dump-dom",
                        f"http://{SITE}:{page.port}/page"], capture_output=True, timeout=60, check=True)
    return before - stock(ports), relay.seen


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bookstored", required=True)
    parser.add_argument("--chromium", default="chromium")
    arguments = parser.parse_args()
    bought, site = {}, Relay()
    origin = f"http://{SITE}:{site.port}"
    with tempfile.TemporaryDirectory() as folder:
        for name, flags in [("closed", []), ("open", ["--allowed-host", SITE, "--allowed-origin", origin])]:
            shop, ports = start(arguments.bookstored, Path(folder) / name, *flags)
            try:
                for title, (service, script) in ATTEMPTS.items():
                    bought[name, title], seen = attempt(arguments.chromium, site, ports, service, script)
                    print(f"{name:6} | {title:34} | bought {bought[name, title]} | {'; '.join(seen) or 'nothing sent'}",
                          flush=True)
            finally:
                shop.terminate()
                shop.wait()
    closed = [title for (name, title), copies in bought.items() if name == "closed" and copies]
    opened = [title for (name, title), copies in bought.items() if name == "open" and copies]
    print(f"bought in the closed shop: {closed or 'nothing'}; in the open one: {opened or 'nothing'}")
    return 1 if closed or not opened else 0


if __name__ == "__main__":
    raise SystemExit(main())
