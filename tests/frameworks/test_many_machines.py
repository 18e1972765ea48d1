"""Studies on a Ray cluster of several nodes, which are all on this machine and listen on 127.0.0.1 alone."""

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray")

import psutil

from steepest.workbench import compare
from steepest.workbench.errors import WorkbenchError
from steepest.workbench.executors.on_ray import OnRay
from steepest.workbench.executors.ray_connection import RayConnection
from steepest.workbench.model.machines import RayCluster
from steepest.workbench.store.record import Record
from support.ray_nodes import Nodes
from support.study import FAST, SLOW, intact, launch, results, runs_in, wait_for, write_task
from support.watching import Log

pytestmark = [pytest.mark.usefixtures("without_report"), pytest.mark.timeout(900)]
ARGUMENTS: dict[str, Any] = {"optimizers": ["sgd", "adam"], "budget": "trials=3", "seeds": 2, "controls": False}
ARGUMENTS["stacked"] = False  # on a busy machine the study of one process would train runs at once, with other digits
KILLS = int(os.environ.get("STEEPEST_KILLS", "3"))
NOTICED = 10.0
"""Seconds after which a killed node is known to be lost at the latest."""


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a slow task, and beside it, in `whole`, the study that one process made of it without a break."""
    folder = tmp_path_factory.mktemp("slow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("steepest.workbench.study.reports._write", lambda *_, **__: None)
        compare(f"{write_task(folder, SLOW)}:task", out=folder / "whole", **ARGUMENTS)
    return folder


def nodes_of(folder: Path) -> list[str]:
    """The machine of each run, in the order in which they ended."""
    with Record(folder) as record:
        return record.runs()["node"].to_list()


class Disturbs(Log):
    """Does something when so many runs have ended."""

    def __init__(self, after: int, deed: Callable[[], None]) -> None:
        super().__init__()
        self.after, self.deed = after, deed

    def ended(self, *what: Any) -> None:
        super().ended(*what)
        if len(self.of("ended")) == self.after:
            self.deed()


def test_two_nodes_give_the_numbers_and_the_events_of_one_process(cluster: Nodes, tmp_path: Path) -> None:
    task = f"{write_task(tmp_path, FAST)}:task"
    alone, spread = Log(), Log()
    compare(task, out=tmp_path / "alone", watcher=alone, **ARGUMENTS)
    compare(task, out=tmp_path / "spread", watcher=spread, ray=cluster.address, **ARGUMENTS)
    assert results(tmp_path / "spread").equals(results(tmp_path / "alone"))
    for kind in ("started", "evaluated", "ended", "close"):
        assert spread.of(kind) == alone.of(kind)
    assert spread.of("begin") == [(2,)]
    assert set(nodes_of(tmp_path / "spread")) == {"first", "second"}
    assert set(nodes_of(tmp_path / "alone")) == {""}


def test_every_process_of_the_cluster_listens_on_loopback_alone(cluster: Nodes) -> None:
    me = psutil.Process()
    ports = [port for one in [me, *me.children(recursive=True)] for port in one.net_connections(kind="inet")]
    listens = {port.laddr.ip.removeprefix("::ffff:") for port in ports if port.status == psutil.CONN_LISTEN}
    assert listens == {"127.0.0.1"}


def test_a_node_that_is_killed_is_noticed_and_every_run_is_made_once(
    cluster: Nodes, slow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed, noticed, out = [0.0], [0.0], tmp_path / "study"

    def kill() -> None:
        killed[0] = time.monotonic()
        cluster.kill("second")

    lose = OnRay._lose

    def notice(executor: Any, slot: Any, error: Exception) -> None:
        noticed[0] = noticed[0] or time.monotonic()
        lose(executor, slot, error)

    monkeypatch.setattr(OnRay, "_lose", notice)
    log = Disturbs(8, lambda: threading.Timer(0.05, kill).start())
    compare(f"{slow / 'slow.py'}:task", out=out, watcher=log, ray=cluster.address, **ARGUMENTS)
    assert results(out).equals(results(slow / "whole"))
    assert len(set(log.of("ended"))) == len(log.of("ended")) == runs_in(slow / "whole")
    assert 0 < noticed[0] - killed[0] < NOTICED
    assert set(nodes_of(out)[-6:]) == {"first"}


def test_a_node_that_joins_is_used(cluster: Nodes, slow: Path, tmp_path: Path) -> None:
    out = tmp_path / "study"
    log = Disturbs(2, lambda: cluster.add("third"))
    compare(f"{slow / 'slow.py'}:task", out=out, watcher=log, ray=cluster.address, **ARGUMENTS)
    assert results(out).equals(results(slow / "whole"))
    assert set(nodes_of(out)[:2]) == {"first"}
    assert "third" in nodes_of(out)


def workers_of_ray() -> list[psutil.Process]:
    """The processes in which runs are made."""
    return [one for one in psutil.Process().children(recursive=True) if "ray::RunMaker" in " ".join(one.cmdline())]


def kill_a_worker(cluster: Nodes, process: Any, chance: random.Random) -> None:
    if workers := workers_of_ray():
        chance.choice(workers).kill()


def kill_the_driver(cluster: Nodes, process: Any, chance: random.Random) -> None:
    process.kill()


def kill_a_node(cluster: Nodes, process: Any, chance: random.Random) -> None:
    name = next(iter(cluster.nodes))
    cluster.kill(name)
    cluster.add(f"{name}'")


def ask_it_to_stop(cluster: Nodes, process: Any, chance: random.Random) -> None:
    process.send_signal(signal.SIGTERM)


DISTURBANCES = (kill_the_driver, kill_a_worker, kill_a_node, ask_it_to_stop)


def test_a_study_that_is_disturbed_at_random_has_the_runs_of_an_undisturbed_one(
    cluster: Nodes, slow: Path, tmp_path: Path
) -> None:
    """STEEPEST_KILLS is the number of disturbances in all: 3, or 30 for the full test."""
    chance, left, study, whole = random.Random(KILLS), KILLS, 0, runs_in(slow / "whole")
    while left:
        study, out = study + 1, tmp_path / f"study-{study}"
        while left and runs_in(out) < whole:
            process = launch(slow, out, "--ray", cluster.address)
            wait_for(process, out, min(whole, runs_in(out) + chance.randint(1, 6)))
            time.sleep(chance.uniform(0, 0.3))
            deed = DISTURBANCES[left % len(DISTURBANCES)]
            deed(cluster, process, chance)
            left -= 1
            _, errors = process.communicate(timeout=600)
            assert process.returncode in (0, 130, -signal.SIGKILL, -signal.SIGTERM), errors
            assert intact(out)
        compare(f"{slow / 'slow.py'}:task", out=out, ray=cluster.address, **ARGUMENTS)
        assert results(out).equals(results(slow / "whole"))
        with Record(out) as record:
            assert record.connection.execute("SELECT count(*) FROM interrupted").fetchone() == (0,)


OWN_CLUSTER = """
import sys, threading, time
import psutil
from steepest.workbench import compare
from steepest.workbench.errors import WorkbenchError
from steepest.workbench.study import reports

reports._write = lambda *_, **__: None
listens = set()

def look():
    while True:
        for one in [psutil.Process(), *psutil.Process().children(recursive=True)]:
            try:
                for port in one.net_connections(kind="inet"):
                    if port.status == psutil.CONN_LISTEN:
                        listens.add(port.laddr.ip.removeprefix("::ffff:"))
            except psutil.Error:
                pass
        time.sleep(0.2)

threading.Thread(target=look, daemon=True).start()
found = compare(sys.argv[1], ["sgd"], None, 1, rates=[0.1], controls=False, out=sys.argv[2], ray="local", workers=1)
print(sorted(listens), found.runs["status"].to_list(), len(set(found.runs["node"]) - {""}))
print([one.name() for one in psutil.Process().children(recursive=True) if one.status() != "zombie"])
"""


def test_a_cluster_of_its_own_listens_on_loopback_and_is_stopped(tmp_path: Path) -> None:
    import subprocess

    task = f"{write_task(tmp_path, FAST)}:task"
    command = [sys.executable, "-c", OWN_CLUSTER, task, str(tmp_path / "study")]
    environment = {**os.environ, "HOME": str(tmp_path)}  # into which Ray writes a token
    environment.pop("RAY_ADDRESS", None)
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ["['127.0.0.1'] ['trained', 'trained', 'trained'] 1", "[]"]


@pytest.fixture
def joins_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Join a cluster; a driver that is connected would stay with its own."""
    import ray

    ray.shutdown()
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    yield lambda address: RayConnection(RayCluster(address), None, None).leave()
    ray.shutdown()


SECONDS = 40.0
"""The limits of the probe, and what it takes to import Ray on a busy machine."""


def test_addresses_without_a_cluster(cluster: Nodes, joins_anew: Callable[[str], None]) -> None:
    begun = time.monotonic()
    with pytest.raises(WorkbenchError, match=r"127\.0\.0\.1:1 cannot be joined: nothing can be reached there"):
        joins_anew("127.0.0.1:1")
    with pytest.raises(WorkbenchError, match=r"cannot be joined: what listens there is not the head"):
        joins_anew(f"127.0.0.1:{cluster.cluster.head_node.node_manager_port}")
    assert time.monotonic() - begun < SECONDS
    joins_anew(cluster.address)
    joins_anew("auto")


def test_a_cluster_of_another_version(
    cluster: Nodes, joins_anew: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ray.__version__", "2.49.0")
    with pytest.raises(WorkbenchError, match=r"cannot be joined \(Version mismatch: .*Ray: 2\.49\.0.*same versions"):
        joins_anew(cluster.address)
