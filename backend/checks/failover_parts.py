"""The programs that a cluster needs, the accounts and networks that they run in, and their processes."""

import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

INSIDE = "FAILOVER_INSIDE"
MARKER_S, POLL_S = 60.0, 0.1
ACCOUNT = "postgres"


class Missing(Exception):
    """A program that the run needs is not installed."""


class Stuck(Exception):
    """The cluster did not reach the state that a step waits for."""


def wait_for(what, condition, limit_s=MARKER_S):
    """Polls until the condition holds, and returns its value."""
    ends_at = time.monotonic() + limit_s
    while not (value := condition()):
        if time.monotonic() > ends_at:
            raise Stuck(f"{what}: not within {limit_s:.0f} s")
        time.sleep(POLL_S)
    return value


def postgres_folder():
    """The folder of PostgreSQL's programs: from PATH, else the newest version of Debian's folders."""
    on_path = [Path(folder) for folder in os.environ.get("PATH", "").split(":")]
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    programs = ["initdb", "postgres", "pg_basebackup", "pg_rewind", "psql"]
    return next((path for path in on_path + debian if all((path / name).exists() for name in programs)), None)


class Parts:
    """The paths of the programs. `patroni` is a folder with Patroni's programs, for example of a virtual environment."""

    def __init__(self, patroni=None):
        self.postgres = postgres_folder()
        self.patroni = shutil.which("patroni", path=f"{patroni}/bin:{patroni}" if patroni else None)
        self.etcd, self.haproxy, self.pgbouncer = shutil.which("etcd"), find("haproxy"), find("pgbouncer")
        self.account = pwd.getpwnam(ACCOUNT) if os.geteuid() == 0 and has_account() else None
        self.has_network = bool(self.account and all(map(find, ("unshare", "nsenter", "ip", "iptables"))))

    def check(self):
        """Raises Missing with the programs to install."""
        lacks = {
            "PostgreSQL 13 or later (apt-get install postgresql)": self.postgres,
            "etcd (apt-get install etcd-server)": self.etcd,
            "Patroni 4 (python3 -m venv DIR && DIR/bin/pip install 'patroni[etcd3]' psycopg2-binary; --patroni DIR)":
                self.patroni,
            f"an account {ACCOUNT!r}: PostgreSQL does not run as root": os.geteuid() or self.account,
        }
        missing = [what for what, found in lacks.items() if not found]
        if missing:
            raise Missing("not installed: " + "; ".join(missing))
        done = subprocess.run([*self.as_account(), self.patroni, "--version"], capture_output=True, text=True)
        if done.returncode:
            raise Missing(f"{self.patroni} does not run as {ACCOUNT}: {done.stderr.strip()[-300:]}")
        if int(re.search(r"(\d+)\.", done.stdout)[1]) < 4:
            raise Missing(f"{done.stdout.strip()} has no quorum mode; Patroni 4 has")

    def as_account(self):
        """The command prefix that runs a program as the ordinary account."""
        if not self.account:
            return []
        return ["setpriv", f"--reuid={self.account.pw_uid}", f"--regid={self.account.pw_gid}", "--clear-groups"]

    def enter_network(self):
        """Runs this program again in new namespaces. Returns True in that process, False where it is not possible."""
        if self.has_network and INSIDE not in os.environ:
            os.environ[INSIDE] = "1"
            own = ["unshare", "--net", "--pid", "--mount-proc", "--fork", "--kill-child", "--"]
            # The shell is the init process, which reaps orphaned processes.
            os.execvp(own[0], [*own, "sh", "-c", '"$@"; exit $?', "sh", sys.executable, *sys.argv])
        return INSIDE in os.environ

    def versions(self):
        programs = {"postgres": self.postgres / "postgres", "patroni": self.patroni, "etcd": self.etcd}
        lines = (subprocess.run([path, "--version"], capture_output=True, text=True).stdout for path in programs.values())
        return "; ".join(line.strip().splitlines()[0] for line in lines)


def find(program):
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")


def has_account():
    return any(entry.pw_name == ACCOUNT for entry in pwd.getpwall())


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return done.stdout


class Network:
    """A bridge, and a namespace for each of three nodes. Without them all nodes are on loopback."""

    def __init__(self, is_real):
        self.holders, self.is_real = [], is_real
        if not is_real:
            return
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "br0", "type", "bridge")
        run("ip", "address", "add", "10.77.0.254/24", "dev", "br0")
        run("ip", "link", "set", "br0", "up")
        for index in (1, 2, 3):
            holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
            self.holders.append(holder)
            own = os.readlink("/proc/self/ns/net")
            wait_for("a namespace", lambda: os.readlink(f"/proc/{holder.pid}/ns/net") != own)
            run("ip", "link", "add", f"node{index}", "type", "veth", "peer", "name", "eth0", "netns", holder.pid)
            run("ip", "link", "set", f"node{index}", "master", "br0", "up")
            self.inside(index, "ip", "link", "set", "lo", "up")
            self.inside(index, "ip", "address", "add", f"{self.host(index)}/24", "dev", "eth0")
            self.inside(index, "ip", "link", "set", "eth0", "up")

    def host(self, index):
        return f"10.77.0.{index}" if self.is_real else "127.0.0.1"

    def enter(self, index):
        """The command prefix that runs a program in a node's network."""
        return ["nsenter", f"--net=/proc/{self.holders[index - 1].pid}/ns/net"] if self.is_real else []

    def inside(self, index, *command):
        return run(*self.enter(index), *command)

    def cut(self, index, others):
        """Drops all packets between a node and the others, without an error to the sender."""
        for other in others:
            for chain, side in (("INPUT", "-s"), ("OUTPUT", "-d")):
                self.inside(index, find("iptables"), "-A", chain, side, self.host(other), "-j", "DROP")

    def heal(self, index):
        self.inside(index, find("iptables"), "-F")

    def close(self):
        for holder in self.holders:
            holder.kill()
            holder.wait()


class Process:
    """A program that can be killed, stopped and started again. Its output is appended to a file."""

    def __init__(self, command, log, environment=None):
        self.command, self.log, self.environment = command, log, environment
        self.process = None
        self.start()

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env={**os.environ, **(self.environment or {})}, cwd=self.log.parent)

    @property
    def pid(self):
        return self.process.pid

    def runs(self):
        return self.process.poll() is None

    def signal(self, number):
        if self.runs():
            self.process.send_signal(number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait()


def family(pid):
    """A process and its descendants, the oldest first."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(fields[1])
    found = [pid] if pid in parents else []
    for parent in found:
        found += [child for child, of in parents.items() if of == parent]
    return found


def signal_all(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass
