"""The faults. Each is a generator: it injects the fault, yields its duration in seconds, and repairs it.

Afterwards the cluster recovers by itself: Patroni starts, rewinds and promotes servers.
"""

import os
import random
import signal
from contextlib import contextmanager

from failover_cluster import HEALTHY_S, OWNER, TTL_S
from failover_parts import wait_for

STANDBYS_LOST_S = 75.0
# Longer than the TTL of the leader's key, so that another node takes it.
EXPIRED_S = TTL_S + 15.0
FAULTS, NEEDS_PROXY, NEEDS_POOLER, NEEDS_NETWORK = {}, set(), set(), set()


def fault(name):
    def add(function):
        FAULTS[name] = contextmanager(function)
        return function
    return add


@fault("postgres killed")
def kill_postgres(cluster, _):
    os.kill(cluster.postmaster(cluster.leader()), signal.SIGKILL)
    yield 10.0


@fault("patroni killed")
def kill_patroni(cluster, _):
    """PostgreSQL continues without Patroni, while another node is promoted."""
    node = cluster.leader()
    node.patroni.kill()
    yield EXPIRED_S
    node.patroni.start()


@fault("both killed")
def kill_both(cluster, _):
    node = cluster.leader()
    kill_node(cluster, node)
    yield EXPIRED_S
    node.patroni.start()


@fault("postgres stopped")
def stop_postgres(cluster, _):
    node = cluster.leader()
    cluster.signal_postgres(node, signal.SIGSTOP)
    yield EXPIRED_S
    cluster.signal_postgres(node, signal.SIGCONT)


@fault("patroni stopped")
def stop_patroni(cluster, _):
    node = cluster.leader()
    node.patroni.signal(signal.SIGSTOP)
    yield EXPIRED_S
    node.patroni.signal(signal.SIGCONT)


@fault("both stopped")
def stop_both(cluster, _):
    """The whole node continues as if it were the primary, as after the pause of a virtual machine."""
    node = cluster.leader()
    node.patroni.signal(signal.SIGSTOP)
    cluster.signal_postgres(node, signal.SIGSTOP)
    yield EXPIRED_S
    cluster.signal_postgres(node, signal.SIGCONT)
    node.patroni.signal(signal.SIGCONT)


@fault("switchover")
def switch_over(cluster, _):
    leader = cluster.leader()
    candidate = cluster.synchronous_standby()
    body = {"leader": leader.name, "candidate": candidate.name}
    status, why = cluster.api("/switchover", node=leader, body=body, limit_s=HEALTHY_S)
    if status not in (200, 202):
        raise OSError(f"Patroni refused the switchover: {status} {why}")
    yield 5.0


@fault("rogue promotion")
def promote(cluster, _):
    """An administrator promotes a standby by hand while the leader continues. Patroni demotes it again."""
    node = random.choice(cluster.standbys())
    cluster.sql("SELECT pg_promote()", node, "postgres")
    yield 10.0


@fault("etcd node killed")
def kill_etcd(cluster, _):
    node = cluster.etcd_leader()
    node.etcd.kill()
    yield 15.0
    node.etcd.start()


@fault("etcd majority lost")
def kill_etcd_majority(cluster, _):
    lost = random.sample(cluster.nodes, 2)
    for node in lost:
        node.etcd.kill()
    yield EXPIRED_S
    for node in lost:
        node.etcd.start()
    wait_for("etcd has a leader", cluster.has_etcd, HEALTHY_S)


@fault("synchronous standby lost")
def lose_synchronous_standby(cluster, _):
    node = cluster.synchronous_standby()
    kill_node(cluster, node)
    yield 20.0
    node.patroni.start()


@fault("all standbys lost")
def lose_standbys(cluster, _):
    lost = cluster.standbys()
    for node in lost:
        kill_node(cluster, node)
    yield STANDBYS_LOST_S
    for node in lost:
        node.patroni.start()


@fault("backend killed")
def kill_backend(cluster, _):
    """PostgreSQL ends all its connections and recovers."""
    own = f"SELECT pid FROM pg_stat_activity WHERE usename = '{OWNER}' ORDER BY random() LIMIT 1"
    os.kill(int(cluster.sql(own)), signal.SIGKILL)
    yield 5.0


@fault("proxy killed")
def kill_proxy(cluster, services):
    """The catalogs use a proxy for the time of this fault."""
    yield from kill_between(cluster, services, cluster.start_proxy(), cluster.proxy_url())


@fault("pooler killed")
def kill_pooler(cluster, services):
    """The catalogs use a pooler in transaction mode over the proxy for the time of this fault."""
    cluster.start_proxy()
    yield from kill_between(cluster, services, cluster.start_pooler(), cluster.pooler_url())


def kill_between(cluster, services, process, url):
    wait_for("sales are possible", lambda: cluster.answers(url))
    services.move(url)
    process.kill()
    yield 5.0
    process.start()
    services.wait_until_ready()
    services.move(cluster.url())


NEEDS_PROXY |= {"proxy killed", "pooler killed"}
NEEDS_POOLER.add("pooler killed")


@fault("network cut")
def cut_network(cluster, _):
    """Cuts the network between the leader and the standbys, etcd included. The shop still reaches all nodes."""
    leader = cluster.leader()
    cluster.network.cut(leader.index, [node.index for node in cluster.nodes if node is not leader])
    yield EXPIRED_S
    cluster.network.heal(leader.index)


NEEDS_NETWORK.add("network cut")


def kill_node(cluster, node):
    """Kills Patroni before PostgreSQL, because Patroni would start PostgreSQL again."""
    node.patroni.kill()
    cluster.signal_postgres(node, signal.SIGKILL)


@contextmanager
def lose_commits(cluster, sell):
    """An asynchronous failover that loses the sales during `sell`: replication to the standbys is stopped meanwhile."""
    node = cluster.leader()
    senders = cluster.sql("SELECT pid FROM pg_stat_replication").split()
    for sender in senders:
        os.kill(int(sender), signal.SIGSTOP)
    sell()
    kill_node(cluster, node)
    yield node
    node.patroni.start()


def possible(parts):
    """The faults that can be injected on this machine, and the reason for each other one."""
    lacks = {}
    if not parts.haproxy:
        lacks |= dict.fromkeys(NEEDS_PROXY, "HAProxy is not installed (apt-get install haproxy)")
    if not parts.pgbouncer:
        lacks |= dict.fromkeys(NEEDS_POOLER, "pgbouncer is not installed (apt-get install pgbouncer)")
    if not parts.has_network:
        why = "network namespaces need root, unshare, nsenter, ip and iptables"
        lacks |= dict.fromkeys(NEEDS_NETWORK, why)
    return [name for name in FAULTS if name not in lacks], lacks
