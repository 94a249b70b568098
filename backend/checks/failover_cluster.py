"""Three PostgreSQL nodes under Patroni, three etcd and a proxy, in a temporary folder."""

import json
import os
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from failover_parts import Network, Process, Stuck, family, run, signal_all, wait_for

NODES = (1, 2, 3)
DATABASE, OWNER = "bookstore", "shop"
START_S, REJOIN_S, HEALTHY_S, ANSWER_S = 120.0, 60.0, 240.0, 3.0
TTL_S, LOOP_S, RETRY_S = 20, 2, 5
# docs/SEVERAL_MACHINES.md has these settings, with the reasons.
MODES = {
    "strict": {"synchronous_mode": True, "synchronous_mode_strict": True},
    "quorum": {"synchronous_mode": "quorum", "synchronous_mode_strict": True},
    "async": {"synchronous_mode": False, "synchronous_mode_strict": False},
}
SETTINGS = {
    "ttl": TTL_S,
    "loop_wait": LOOP_S,
    "retry_timeout": RETRY_S,
    "maximum_lag_on_failover": 1048576,
    "primary_start_timeout": 0,
    "failsafe_mode": True,
    "synchronous_node_count": 1,
    "postgresql": {
        "use_pg_rewind": True,
        "use_slots": True,
        "parameters": {
            "synchronous_commit": "on",
            "wal_log_hints": "on",
            "wal_keep_size": "128MB",
            "max_wal_size": "512MB",
            "max_slot_wal_keep_size": "1GB",
            "max_connections": 100,
            "shared_buffers": "64MB",
        },
    },
}
SYNCHRONOUS = ("sync_standby", "quorum_standby")


class Node:
    """A machine: etcd, Patroni and PostgreSQL, each with an address of its own."""

    def __init__(self, index, host, port):
        self.index, self.name, self.host = index, f"node{index}", host
        self.postgres, self.api, self.client, self.peer = (port + offset + index for offset in (0, 10, 20, 30))
        self.etcd = self.patroni = None


class Cluster:
    """The whole cluster. `mode` is a name in MODES."""

    def __init__(self, parts, folder, mode, port):
        self.parts, self.folder, self.mode, self.port = parts, folder, mode, port
        self.network = Network(parts.has_network)
        self.nodes = [Node(index, self.network.host(index), port) for index in NODES]
        self.proxy = self.pooler = None
        if parts.account:
            os.chown(folder, parts.account.pw_uid, parts.account.pw_gid)
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def start(self):
        for node in self.nodes:
            node.etcd = self.spawn(node, "etcd", self.etcd_command(node))
        wait_for("etcd has a leader", self.has_etcd, START_S)
        for node in self.nodes:
            node.patroni = self.spawn(node, "patroni", [self.parts.patroni, self.patroni_file(node)])
        wait_for("three members with a leader", self.is_healthy, START_S)
        for statement in (f"CREATE ROLE {OWNER} LOGIN", f"CREATE DATABASE {DATABASE} OWNER {OWNER}"):
            self.sql(statement, database="postgres")
        # A connection to a standby must find the database too.
        wait_for("the database on each node", lambda: all(map(self.has_database, self.nodes)), START_S)

    def has_database(self, node):
        return self.sql(f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'", node, "postgres") == "1"

    def spawn(self, node, program, command):
        environment = {"PATH": f"{self.parts.postgres}:{os.environ['PATH']}", "HOME": str(self.folder)}
        command = [*self.network.enter(node.index), *self.parts.as_account(), *map(str, command)]
        log = self.folder / f"{program}{node.index}.log"
        return Process(command, log, environment)

    def etcd_command(self, node):
        peers = ",".join(f"{other.name}=http://{other.host}:{other.peer}" for other in self.nodes)
        client, peer = f"http://{node.host}:{node.client}", f"http://{node.host}:{node.peer}"
        return [self.parts.etcd, "--name", node.name, "--data-dir", self.folder / f"etcd{node.index}",
                "--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer,
                "--initial-advertise-peer-urls", peer, "--initial-cluster", peers, "--initial-cluster-state", "new",
                # The timeouts are long, because the machine of a test is busy.
                "--heartbeat-interval", 250, "--election-timeout", 2500, "--log-level", "warn", "--logger", "zap"]

    def patroni_file(self, node):
        address = f"{node.host}:{node.postgres}"
        users = {"superuser": {"username": "postgres"}, "replication": {"username": "replicator"}}
        settings = {
            "scope": "bookstore", "name": node.name,
            "restapi": {"listen": f"{node.host}:{node.api}", "connect_address": f"{node.host}:{node.api}"},
            "etcd3": {"hosts": [f"{other.host}:{other.client}" for other in self.nodes]},
            "bootstrap": {"dcs": {**SETTINGS, **MODES[self.mode]},
                          "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, "data-checksums"]},
            # Without a fast checkpoint, a base backup takes minutes.
            "postgresql": {"basebackup": [{"checkpoint": "fast"}], "listen": address, "connect_address": address, "bin_dir": str(self.parts.postgres),
                           "data_dir": str(self.folder / f"data{node.index}"), "authentication": users,
                           "pgpass": str(self.folder / f"pgpass{node.index}"),
                           "parameters": {"unix_socket_directories": str(self.folder)},
                           "pg_hba": ["local all all trust", "host all all all trust",
                                      "host replication all all trust"]},
        }
        path = self.folder / f"patroni{node.index}.yml"
        # JSON is YAML too.
        path.write_text(json.dumps(settings, indent=1))
        path.chmod(0o644)
        return path

    # --- State ---

    def api(self, path, node=None, body=None, method=None, limit_s=ANSWER_S):
        """Sends a request to Patroni on `node`, else on any node. Returns status (0 without an answer) and parsed body."""
        for other in [node] if node else self.nodes:
            data = json.dumps(body).encode() if body is not None else None
            request = urllib.request.Request(f"http://{other.host}:{other.api}{path}", data,
                                             {"content-type": "application/json"}, method=method)
            try:
                with urllib.request.urlopen(request, timeout=limit_s) as answer:
                    text = answer.read().decode()
                    return answer.status, json.loads(text) if text[:1] in "{[" else text
            except urllib.error.HTTPError as error:
                return error.code, error.read().decode()
            except (OSError, ValueError):
                continue
        return 0, None

    def members(self, node=None):
        """Name → role of the leader, and of each standby that follows it, as one node sees them."""
        status, cluster = self.api("/cluster", node)
        members = cluster.get("members", []) if status == 200 and isinstance(cluster, dict) else []
        return {member["name"]: member["role"] for member in members
                if member["state"] == ("running" if member["role"] == "leader" else "streaming")}

    def leader(self):
        """Waits for the node that is the primary according to Patroni."""
        def find():
            roles = self.members()
            return next((node for node in self.nodes if roles.get(node.name) == "leader"), None)
        return wait_for("a leader", find, HEALTHY_S)

    def standbys(self):
        leader = self.leader()
        return [node for node in self.nodes if node is not leader]

    def synchronous_standby(self):
        def find():
            roles = self.members()
            return next((node for node in self.nodes if roles.get(node.name) in SYNCHRONOUS), None)
        return wait_for("a synchronous standby", find, HEALTHY_S) if self.mode != "async" else self.standbys()[0]

    def is_healthy(self):
        if not all(process.runs() for node in self.nodes for process in (node.etcd, node.patroni)):
            return False
        roles = self.members()
        # A node that was cut off reports an old state for a while.
        if any(self.members(node) != roles for node in self.nodes):
            return False
        has_synchronous = any(role in SYNCHRONOUS for role in roles.values())
        return len(roles) == len(NODES) and "leader" in roles.values() and has_synchronous == (self.mode != "async")

    def wait_until_healthy(self):
        """Waits for three members. A standby that does not follow is reinitialized, as an administrator would do: after a
        promotion by hand Patroni does not always notice that its timeline is ahead of the leader's.
        """
        try:
            wait_for("three members with a leader", self.is_healthy, REJOIN_S)
        except Stuck:
            members = self.members()
            for node in self.standbys():
                if node.name not in members:
                    self.reinitialize(node)
            wait_for("three members with a leader", self.is_healthy, HEALTHY_S)

    def has_etcd(self):
        for node in self.nodes:
            try:
                with urllib.request.urlopen(f"http://{node.host}:{node.client}/health", timeout=ANSWER_S) as answer:
                    return json.load(answer).get("health") == "true"
            except (OSError, ValueError):
                continue
        return False

    def etcd_leader(self):
        """The node whose etcd is the leader."""
        for node in self.nodes:
            try:
                url = f"http://{node.host}:{node.client}/v3/maintenance/status"
                with urllib.request.urlopen(urllib.request.Request(url, b"{}"), timeout=ANSWER_S) as answer:
                    status = json.load(answer)
                    if status.get("leader") == status["header"]["member_id"]:
                        return node
            except (OSError, ValueError, KeyError):
                continue
        raise Stuck("etcd has no leader")

    def reinitialize(self, node):
        """Makes Patroni copy a standby from the leader again."""
        status, why = self.api("/reinitialize", node, {"force": True}, limit_s=HEALTHY_S)
        if status != 200:
            raise Stuck(f"Patroni does not reinitialize {node.name}: {status} {why}")

    def set_mode(self, mode):
        """Changes the replication mode while the cluster runs."""
        self.mode = mode
        status, why = self.api("/config", body=MODES[mode], method="PATCH")
        if status != 200:
            raise Stuck(f"Patroni does not take the mode {mode}: {status} {why}")
        self.wait_until_healthy()

    # --- PostgreSQL ---

    def url(self):
        """The store's URL with all hosts."""
        hosts = ",".join(f"{node.host}:{node.postgres}" for node in self.nodes)
        return f"postgres://{OWNER}@{hosts}/{DATABASE}?target_session_attrs=read-write"

    def proxy_url(self):
        return f"postgres://{OWNER}@127.0.0.1:{self.port + 40}/{DATABASE}"

    def pooler_url(self):
        return f"postgres://{OWNER}@127.0.0.1:{self.port + 41}/{DATABASE}"

    def answers(self, url):
        """Whether a server behind this URL accepts writes."""
        try:
            return run(self.parts.postgres / "psql", "--no-psqlrc", "-Atqc", "SELECT pg_is_in_recovery()", url).strip() == "f"
        except OSError:
            return False

    def sql(self, statement, node=None, database=DATABASE):
        """Runs a statement as the superuser, on the leader unless a node is given."""
        node = node or self.leader()
        return run(self.parts.postgres / "psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align",
                   "--set=ON_ERROR_STOP=1", "--command", statement,
                   f"postgres://postgres@{node.host}:{node.postgres}/{database}?connect_timeout=5").strip()

    def postmaster(self, node):
        """The process id of a node's PostgreSQL."""
        return int((self.folder / f"data{node.index}" / "postmaster.pid").read_text().split()[0])

    def signal_postgres(self, node, number):
        signal_all(family(self.postmaster(node)), number)

    def start_proxy(self):
        """Starts a proxy to the node that is the primary according to Patroni's interface."""
        if self.proxy:
            return self.proxy
        servers = "".join(f" server {node.name} {node.host}:{node.postgres} check port {node.api}\n"
                          for node in self.nodes)
        settings = self.folder / "haproxy.cfg"
        settings.write_text(
            "defaults\n mode tcp\n timeout connect 2s\n timeout client 1h\n timeout server 1h\n"
            f"listen primary\n bind 127.0.0.1:{self.port + 40}\n option httpchk OPTIONS /primary\n"
            " http-check expect status 200\n"
            f" default-server inter 1s fall 2 rise 1 on-marked-down shutdown-sessions\n{servers}")
        command = [*self.parts.as_account(), self.parts.haproxy, "-db", "-f", settings]
        self.proxy = Process([str(word) for word in command], self.folder / "haproxy.log")
        return self.proxy

    def start_pooler(self):
        """Starts a pooler that gives each transaction another connection through the proxy."""
        if self.pooler:
            return self.pooler
        settings = self.folder / "pgbouncer.ini"
        settings.write_text(
            f"[databases]\n* = host=127.0.0.1 port={self.port + 40} user={OWNER}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self.port + 41}\nunix_socket_dir =\n"
            "auth_type = any\npool_mode = transaction\nserver_round_robin = 1\ndefault_pool_size = 20\n")
        command = [*self.parts.as_account(), self.parts.pgbouncer, settings]
        self.pooler = Process([str(word) for word in command], self.folder / "pgbouncer.log")
        return self.pooler

    def close(self):
        """Ends every process."""
        for node in self.nodes:
            for process in (node.patroni, node.etcd):
                if process:
                    process.kill()
            try:
                signal_all(family(self.postmaster(node)), signal.SIGKILL)
            except (OSError, ValueError, IndexError):
                pass
        for process in (self.pooler, self.proxy):
            if process:
                process.kill()
        self.network.close()

    def keep_logs(self, folder):
        """Copies the logs of all processes."""
        folder.mkdir(parents=True, exist_ok=True)
        for log in self.folder.glob("*.log"):
            shutil.copy(log, folder)
