"""Runs on a cluster whose machines come, go and fall silent: every run is in the record once, with the same numbers."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from steepest.workbench import Task, compare, executors
from steepest.workbench.errors import UsageError, WorkbenchError
from steepest.workbench.executors import on_ray
from steepest.workbench.executors.on_ray import OnRay
from steepest.workbench.executors.ray_worker import RunMaker
from steepest.workbench.model.job import Job
from steepest.workbench.model.key import Key
from steepest.workbench.model.machines import RayCluster, ray_cluster
from steepest.workbench.store.record import Record
from support.pretended_ray import (
    ActorDiedError,
    ActorUnavailableError,
    Machines,
    RayError,
    RayTaskError,
    wait_for_lost_runs,
)
from support.study import FAST, results, small, write_task
from support.watching import Log

Make = Callable[[int], Task]
pytestmark = pytest.mark.usefixtures("without_figures")


@pytest.fixture(scope="module")
def alone(tiny: Make, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study of one process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("steepest.workbench.study.reports._write", lambda *_: None)
        return small(tiny, tmp_path_factory.mktemp("alone") / "study").folder


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Machines], None]]:
    """Have studies made on these machines."""
    monkeypatch.setattr(on_ray, "ROOM_EVERY", 0.0)

    def use(machines: Machines) -> None:
        made = OnRay(RayCluster("auto"), None, machines.as_connection())
        monkeypatch.setattr(executors, "start", lambda workers, cluster: made)

    yield use
    wait_for_lost_runs()


class Disturbs(Log):
    """Does something when so many runs have ended."""

    def __init__(self, **deeds: Callable[[], None]) -> None:
        super().__init__()
        self.deeds = {int(name.removeprefix("after_")): deed for name, deed in deeds.items()}

    def ended(self, key: Key, status: str, value: float | None, higher_is_better: bool) -> None:
        super().ended(key, status, value, higher_is_better)
        if deed := self.deeds.pop(len(self.of("ended")), None):
            deed()


def lose_all_of(machines: Machines, node: str, error: RayError) -> None:
    """What the actors of a machine were asked for fails."""
    for actor in machines.actors:
        if actor.node == node:
            actor.lose(error)


def runs(folder: Path) -> Any:
    with Record(folder) as record:
        return record.runs()


def test_two_machines_give_the_numbers_and_events_of_one_process(tiny: Make, tmp_path: Path, on: Any) -> None:
    alone, spread = Log(), Log()
    small(tiny, tmp_path / "alone", watcher=alone)
    on(machines := Machines("a", "b"))
    small(tiny, tmp_path / "spread", watcher=spread)
    assert results(tmp_path / "spread").equals(results(tmp_path / "alone"))
    for kind in ("started", "evaluated", "ended", "close"):
        assert spread.of(kind) == alone.of(kind)
    assert spread.of("begin") == [(2,)]
    assert set(runs(tmp_path / "spread")["node"]) == {"a", "b"}
    assert set(runs(tmp_path / "alone")["node"]) == {""}
    assert machines.left == 1
    assert all(actor.is_killed for actor in machines.actors)


def test_a_silent_machine_is_done_without_and_its_late_result_is_dropped(
    tiny: Make, alone: Path, tmp_path: Path, on: Any
) -> None:
    on(machines := Machines("a", "b"))

    def lose() -> None:
        machines.alive.remove("b")
        lose_all_of(machines, "b", ActorUnavailableError("may have run"))

    small(tiny, tmp_path / "study", watcher=(log := Disturbs(after_4=lose)))
    assert results(tmp_path / "study").equals(results(alone))
    assert len(log.of("ended")) == len(set(log.of("ended"))) == runs(tmp_path / "study").height
    assert "b" not in runs(tmp_path / "study")["node"][5:]
    assert sum(len(actor.made) for actor in machines.actors) <= runs(tmp_path / "study").height + 1


def test_a_machine_that_joins_is_used(tiny: Make, alone: Path, tmp_path: Path, on: Any) -> None:
    on(machines := Machines("a"))
    small(tiny, tmp_path / "study", watcher=Disturbs(after_4=lambda: machines.alive.append("b")))
    assert results(tmp_path / "study").equals(results(alone))
    assert set(runs(tmp_path / "study")["node"][:4]) == {"a"}
    assert "b" in runs(tmp_path / "study")["node"][4:]


def test_lost_machines_do_not_count_as_deaths_of_a_run(tiny: Make, alone: Path, tmp_path: Path, on: Any) -> None:
    on(machines := Machines("a", "b"))
    lost: list[str] = []

    def lose() -> None:
        name = machines.alive[-1]
        machines.alive[-1] = f"{name}'"
        lost.append(name)
        lose_all_of(machines, name, ActorDiedError("The actor is dead because its node has died."))

    small(tiny, tmp_path / "study", watcher=Disturbs(**{f"after_{k}": lose for k in range(4, 12)}))
    assert len(lost) == 8
    assert results(tmp_path / "study").equals(results(alone))


@pytest.mark.parametrize("error", [ActorDiedError("dead because its worker process has died"), RayTaskError("raised")])
def test_a_run_that_kills_its_workers_ends_the_study(
    tiny: Make, tmp_path: Path, on: Any, monkeypatch: pytest.MonkeyPatch, error: RayError
) -> None:
    on(machines := Machines("a", "b"))
    given = on_ray.RaySlot.give

    def give(slot: Any, job: Any, number: int) -> None:
        given(slot, job, number)
        if job.key.phase == "search":
            slot.actor.lose(error)

    monkeypatch.setattr(on_ray.RaySlot, "give", give)
    with pytest.raises(WorkbenchError, match=r"3 workers died while they trained sgd at .*perhaps for memory"):
        small(tiny, tmp_path / "study")
    assert runs(tmp_path / "study").height == 6
    assert machines.left == 1


def test_workers_that_cannot_begin_end_the_study(tiny: Make, tmp_path: Path, on: Any) -> None:
    on(machines := Machines("a"))
    made = machines.actor

    def actor(cls: type) -> Any:
        found = made(cls)
        found._answer = lambda name, arguments, answer: answer.set_exception(RayTaskError("No module named 'steepest'"))
        return found

    machines.actor = actor
    with pytest.raises(
        WorkbenchError, match=r"Workers end before they can begin .*No module named 'steepest'.*the same"
    ):
        small(tiny, tmp_path / "study")


def test_other_versions_are_refused(tiny: Make, tmp_path: Path, on: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    on(Machines("a"))
    real = on_ray.sources_in

    def elsewhere(folder: Path | None) -> Any:
        found = real(folder)
        return type(found)({**found.versions, "torch": "2.9.0"}, found.package, found.files)

    monkeypatch.setattr(on_ray, "sources_in", elsewhere)
    with pytest.raises(WorkbenchError, match=r"has torch 2\.\d+\.\d+ and this machine has 2\.9\.0.*install the same"):
        small(tiny, tmp_path / "study")


def test_an_edited_file_is_refused(tmp_path: Path, on: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_task(tmp_path, FAST)
    monkeypatch.chdir(tmp_path)
    on(Machines("a"))
    real = on_ray.sources_in

    def edited_after(folder: Path | None) -> Any:
        found = real(folder)
        assert list(found.files) == ["slow.py"]
        file.write_text(file.read_text() + "\n# edited\n")
        return found

    monkeypatch.setattr(on_ray, "sources_in", edited_after)
    with pytest.raises(WorkbenchError, match=r"slow\.py on .* is not the file of this machine"):
        small(f"{file}:task", tmp_path / "study")


def test_a_cluster_without_room_is_refused(tiny: Make, tmp_path: Path, on: Any) -> None:
    on(Machines())
    with pytest.raises(UsageError, match="No machine of the cluster has room for a run of 1 CPUs and 0 GPUs"):
        small(tiny, tmp_path / "study")


@pytest.mark.parametrize(
    ("cluster", "cpus", "gpus", "runs"),
    [
        (RayCluster("auto"), 8, 0, 8),
        (RayCluster("auto", 3), 8, 2, 2),
        (RayCluster("auto", 1, 1), 8, 2, 2),
        (RayCluster("auto", 1, 2), 8, 3, 1),
        (RayCluster("auto", 1, 0.25), 16, 2, 8),
        (RayCluster("auto", 1, 0.3), 16, 2, 6),  # three on each: a run is on one GPU
        (RayCluster("auto", 4, 0.25), 16, 2, 4),
        (RayCluster("auto", 1, 1), 8, 0, 0),
    ],
)
def test_room_of_a_machine(cluster: RayCluster, cpus: float, gpus: float, runs: int) -> None:
    assert cluster.runs_on(cpus, gpus) == runs


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("ray://head:10001", 1, 0.0), "Ray Client"),
        (("head", 1, 0.0), "'head' is no address of a Ray cluster; give HOST:PORT"),
        (("http://head:8265", 1, 0.0), "no address of a Ray cluster"),
        (("head:port", 1, 0.0), "no address of a Ray cluster"),
        (("head:0", 1, 0.0), "no address of a Ray cluster"),
        (("", 1, 0.0), "no address of a Ray cluster"),
        (("auto", 0, 0.0), "cpus_per_run=0"),
        (("auto", 1, 1.5), "gpus_per_run=1.5"),
        (("auto", 1, -1.0), "gpus_per_run=-1"),
        (("auto", 1, float("nan")), "gpus_per_run=nan"),
        ((None, 1, 1.0), "name the cluster with --ray"),
    ],
)
def test_clusters_that_cannot_be_used(given: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        ray_cluster(*given)


def test_without_ray_it_says_what_to_install(tiny: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"ray='auto' needs Ray.*pip install 'steepest\[ray\]'"):
        compare(tiny, ["sgd"], out=tmp_path / "study", ray="auto")
    assert not (tmp_path / "study").exists()


def test_a_look_that_was_asked_of_the_run_before_tells_nothing_of_this_one() -> None:
    """It would come with how many evaluations of the other run are known, and so many of this one would be lost."""
    maker = RunMaker()
    maker._begin(4)
    maker._evaluated(Job(Key("search", "sgd", 0.1, 0), 20), 10, 1.5)
    assert maker.look(3, told=1, stop=False, answer=None, wait=0.0) == (3, 0, [])
    assert maker.look(4, told=0, stop=False, answer=None, wait=0.0) == (4, 0, [(10, 1.5)])
    assert maker.look(5, told=0, stop=False, answer=None, wait=0.0) == (5, 0, [])
