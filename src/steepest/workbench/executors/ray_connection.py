"""The connection of a study to a Ray cluster: joined or started, looked at, and left."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

from steepest.workbench.errors import UsageError, WorkbenchError
from steepest.workbench.executors.ray_address import check_answers
from steepest.workbench.executors.sent_sources import NOT_SENT, environments_in
from steepest.workbench.model.machines import LOCAL, RayCluster

LOOPBACK_ONLY = ("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
"""With this in the environment Ray listens on 127.0.0.1 alone.  Otherwise it listens on every interface, also for a
node that has the address 127.0.0.2 (seen with Ray 2.60)."""
_OBJECTS = 200_000_000
"""Bytes of the object store of a cluster of our own: outcomes have a few kB."""


class RayConnection:
    """This process in a cluster.

    Args:
        cluster: Which one.
        most: Runs at a time, where the user gave a number.
        folder: With the user's code, which is sent to the machines.

    Raises:
        UsageError: Ray would listen where it must not, or the folder is too large.
        WorkbenchError: The cluster cannot be joined.
    """

    def __init__(self, cluster: RayCluster, most: int | None, folder: Path | None) -> None:
        self.cluster, self.most = cluster, most
        if cluster.address == LOCAL:
            _listen_on_loopback_only()
        self.ray: Any = importlib.import_module("ray")
        self.is_ours = not self.ray.is_initialized()
        if self.is_ours:
            self._join(folder)
        self._places: dict[str, str] = {}

    def _join(self, folder: Path | None) -> None:
        environment = {} if folder is None else _environment(folder)
        joins: dict[str, Any] = {"log_to_driver": False, "configure_logging": False, "runtime_env": environment}
        if self.cluster.address == LOCAL:
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would tell its makers
            joins |= {"include_dashboard": False, "object_store_memory": _OBJECTS}
            if self.most is not None:
                joins["num_cpus"] = self.most * self.cluster.cpus_per_run
        else:
            check_answers(self.cluster.address)
        try:
            self.ray.init(address=self.cluster.address, **joins)
        except (ConnectionError, RuntimeError, ValueError, OSError, self.ray.exceptions.RayError) as error:
            said = " ".join(str(error).split())[:600]
            if "exceed" in said:
                raise UsageError(
                    f"{folder} is sent to the machines and is too large ({said}); name in a file .rayignore what a run "
                    "does not need, or begin the study in a folder that has the code alone."
                ) from None
            raise WorkbenchError(
                f"The Ray cluster {self.cluster.address!r} cannot be joined ({said}); see docs/many-machines.md: "
                "this machine must be one of the cluster, with the same versions of Python and Ray."
            ) from None

    def room(self) -> int:
        """How many runs the machines of the cluster make at a time, not more than the user gave."""
        nodes = [node for node in self.ray.nodes() if node["Alive"]]
        self._places |= {node["NodeID"]: _name(node) for node in nodes}
        has = [node["Resources"] for node in nodes]
        room = sum(self.cluster.runs_on(one.get("CPU", 0), one.get("GPU", 0)) for one in has)
        return room if self.most is None else self.most

    def place(self, node: str) -> str:
        """The name of a machine, by its id."""
        if node not in self._places:
            self.room()
        return self._places.get(node, node[:12])

    def is_alive(self, node: str) -> bool:
        """Whether the cluster still counts on a machine."""
        return any(one["NodeID"] == node and one["Alive"] for one in self.ray.nodes())

    def described(self) -> str:
        """What the machines have, for a sentence."""
        parts = [
            f"{_name(node)} with {node['Resources'].get('CPU', 0):g} CPUs and {node['Resources'].get('GPU', 0):g} GPUs"
            for node in self.ray.nodes()
            if node["Alive"]
        ]
        return "; ".join(parts) or "none"

    def actor(self, cls: type) -> Any:
        """An actor with what a run takes.  It is never begun again: its runs are made again by another."""
        takes = {"num_cpus": self.cluster.cpus_per_run, "num_gpus": self.cluster.gpus_per_run}
        return self.ray.remote(max_restarts=0, max_task_retries=0, max_concurrency=2, **takes)(cls).remote()

    def leave(self) -> None:
        """End what was started; a second call does nothing."""
        if self.is_ours and self.ray.is_initialized():
            self.ray.shutdown()


def check_installed(cluster: RayCluster) -> None:
    """Raise what to type (UsageError) where Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise UsageError(
            f"ray={cluster.address!r} needs Ray, which is not installed; type: pip install 'steepest[ray]'"
        )


def _listen_on_loopback_only() -> None:
    name, value = LOOPBACK_ONLY
    if "ray" in sys.modules and os.environ.get(name) != value:
        raise UsageError(
            "Ray was imported before, so ray='local' would listen on every interface of this machine; set "
            f"{name}={value} in the environment before the import, or give the address of a cluster."
        )
    os.environ[name] = value


def _environment(folder: Path) -> dict[str, Any]:
    return {"working_dir": str(folder), "excludes": [*NOT_SENT, *environments_in(folder)]}


def _name(node: dict[str, Any]) -> str:
    """What people call the machine: its address, unless it was given a name."""
    return str(node.get("NodeName") or node["NodeManagerAddress"])
