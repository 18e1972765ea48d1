"""A Ray cluster of several nodes on this machine, which listens on 127.0.0.1 alone."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from steepest.workbench.executors.ray_connection import LOOPBACK_ONLY

QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0", LOOPBACK_ONLY[0]: LOOPBACK_ONLY[1]}
"""In the environment before Ray is imported."""
os.environ |= QUIET
MEMORY = 100_000_000
"""Bytes of a node's object store."""


class Nodes:
    """The nodes of a cluster, by name."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": MEMORY, "node_name": "first"}
        self.cluster = Cluster(initialize_head=True, head_node_args=head)
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
    import ray

    found = Nodes()
    try:
        for name in names:
            found.add(name)
        yield found
    finally:
        ray.shutdown()
        found.cluster.shutdown()
