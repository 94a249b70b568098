"""The three services as processes that can be killed and started again."""

import os
import signal
import subprocess
import time

START_S, STOP_S = 20.0, 20.0
TOKEN = "a-token-for-checks"
NAMES = ["catalog", "order", "frontend"]
ENVIRONMENT = {**os.environ, "BOOKSTORE_ADMIN_TOKEN": TOKEN, "BOOKSTORE_LOG": "error"}


class Services:
    """Catalog, order service and front-end over one store; each keeps its address when it restarts."""

    names, environment = NAMES, ENVIRONMENT

    def __init__(self, bookstored, store, *catalog_arguments):
        self.bookstored, self.processes, self.urls = bookstored, {}, {}
        self.catalog_arguments = ["--store", store, *catalog_arguments]
        for name in self.names:
            self.start(name)

    def arguments(self, name):
        """The command of a service and its arguments, without its address."""
        dependencies = [f"--{other}-url={self.urls[other]}" for other in NAMES[:NAMES.index(name)]]
        return [name, *(self.catalog_arguments if name == "catalog" else dependencies)]

    def errors(self, name):
        """The file or descriptor for a service's log."""
        return subprocess.DEVNULL

    def start(self, name):
        """Starts a service. A killed process releases its port and lock with a delay, so a failed start is retried."""
        address = self.urls.get(name, "http://127.0.0.1:0").removeprefix("http://")
        role, *arguments = self.arguments(name)
        command = [self.bookstored, role, "--listen", address, *arguments]
        ends_at = time.monotonic() + START_S
        while time.monotonic() < ends_at:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.errors(name), text=True,
                                       env=self.environment)
            words = process.stdout.readline().split()
            if len(words) == 3:
                self.processes[name], self.urls[name] = process, words[2]
                return
            process.wait()
            time.sleep(0.02)
        raise TimeoutError(f"the {name} service does not start")

    def kill(self, name):
        self.processes[name].kill()
        self.processes[name].wait()

    def stop(self):
        """Stops every service cleanly, the catalog last."""
        for name in reversed(self.names):
            self.processes[name].send_signal(signal.SIGTERM)
            code = self.processes[name].wait(STOP_S)
            if code != 0:
                raise OSError(f"the {name} service ended with {code}")

    def run(self, *arguments):
        """Runs another command of the program, which must succeed."""
        subprocess.run([self.bookstored, *arguments], check=True, capture_output=True, env=ENVIRONMENT, timeout=STOP_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes.values():
            process.kill()
            process.wait()
