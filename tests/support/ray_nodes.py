"""A Ray cluster of several nodes on this machine, which listens on 127.0.0.1 alone."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module  # Ray is in another environment than the one that types are checked in
from typing import Any

from steepest.workbench.executors.ray_connection import LOOPBACK_ONLY

QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0", LOOPBACK_ONLY[0]: LOOPBACK_ONLY[1]}
"""In the environment before Ray is imported."""
PATIENT = {"RAY_agent_register_timeout_ms": "300000", "RAY_raylet_start_wait_time_s": "300"}
"""A raylet ends itself when its agent takes longer than 15 s to start: it did on a machine with 30 busy processes."""
os.environ |= QUIET | PATIENT
MEMORY = 100_000_000
"""Bytes of a node's object store."""


class Nodes:
    """The nodes of a cluster, by name."""

    def __init__(self) -> None:
        head = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": MEMORY, "node_name": "first"}
        self.cluster: Any = import_module("ray.cluster_utils").Cluster(initialize_head=True, head_node_args=head)
        self.nodes: dict[str, Any] = {}

    @property
    def address(self) -> str:
        """What `--ray` is given."""
        return self.cluster.address

    def add(self, name: str, **has: Any) -> None:
        """Have another node join, with one processor."""
        has = {"num_cpus": 1, "object_store_memory": MEMORY} | has
        self.nodes[name] = self.cluster.add_node(node_name=name, **has)

    def kill(self, name: str) -> None:
        """Kill the processes of a node."""
        self.cluster.remove_node(self.nodes.pop(name), allow_graceful=False)


@contextmanager
def nodes(*names: str) -> Iterator[Nodes]:
    """A cluster of the node `first` and these, which is stopped at the end."""
    found = Nodes()
    try:
        for name in names:
            found.add(name)
        yield found
    finally:
        import_module("ray").shutdown()
        found.cluster.shutdown()
