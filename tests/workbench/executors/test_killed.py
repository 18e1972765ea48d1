"""A study that is killed, stopped, loses a worker or fills the disk, at random moments: nothing lost, nothing twice.

STEEPEST_KILLS is the number of disturbances in all.  Without it the suite makes 3, and with `--exhaustive` 6;
`STEEPEST_KILLS=50` is the full test.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from steepest.workbench import compare
from steepest.workbench.store.record import Record
from support.study import PATIENCE, intact, launch, results, runs_in

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for workers in /proc"),
    pytest.mark.timeout(900),  # processes that may have to wait for a busy machine
]

KILLS = int(os.environ.get("STEEPEST_KILLS", "6"))
IN_A_STUDY = 3
EXHAUSTIVE = [] if "STEEPEST_KILLS" in os.environ else [pytest.mark.exhaustive]
STUDIES = [0, *(pytest.param(study, marks=EXHAUSTIVE) for study in range(1, -(-KILLS // IN_A_STUDY)))]
WORKERS = ("--workers", "2")


def workers_of(pid: int) -> list[int]:
    """The processes that a driver has started to train for it."""
    try:
        children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return [child for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def wait_a_random_time(process: subprocess.Popen[str], out: Path, chance: random.Random) -> None:
    """Until some more runs have ended, or the study has, and then a moment within the next one."""
    wanted, limit = runs_in(out) + chance.randint(0, 6), time.monotonic() + PATIENCE
    while process.poll() is None and runs_in(out) < wanted and time.monotonic() < limit:
        time.sleep(0.01)
    time.sleep(chance.uniform(0, 0.15))


def kill_the_driver(process: subprocess.Popen[str], chance: random.Random) -> None:
    workers = workers_of(process.pid)
    process.kill()
    process.communicate(timeout=PATIENCE)
    limit = time.monotonic() + 20
    while any(Path(f"/proc/{worker}").exists() for worker in workers) and time.monotonic() < limit:
        time.sleep(0.02)
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)  # no worker trains on


def kill_a_worker(process: subprocess.Popen[str], chance: random.Random) -> None:
    if workers := workers_of(process.pid):
        os.kill(chance.choice(workers), signal.SIGKILL)
    _, errors = process.communicate(timeout=PATIENCE)
    # On a busy machine it is killed before it has begun, which is what a task does that cannot be imported.
    assert process.returncode == 0 or "A worker ended before it could begin" in errors, errors


def ask_it_to_stop(process: subprocess.Popen[str], chance: random.Random) -> None:
    process.send_signal(chance.choice([signal.SIGTERM, signal.SIGINT]))
    _, errors = process.communicate(timeout=PATIENCE)
    if process.returncode not in (0, 130):  # Python itself was still starting, before there was a handler
        assert process.returncode in (-signal.SIGTERM, -signal.SIGINT) or "KeyboardInterrupt" in errors, errors


DISTURBANCES = (kill_the_driver, ask_it_to_stop, kill_a_worker)


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize("study", STUDIES)
def test_a_disturbed_study_has_the_runs_of_an_undisturbed_one(undisturbed: Path, tmp_path: Path, study: int) -> None:
    chance, out = random.Random(study), tmp_path / "study"
    for turn in range(IN_A_STUDY):
        options = WORKERS if chance.random() < 0.7 else ()
        process = launch(undisturbed, out, *options)
        wait_a_random_time(process, out, chance)
        DISTURBANCES[turn](process, chance)
        assert not (out / "study.db").exists() or intact(out)
    compare(f"{undisturbed / 'slow.py'}:task", ["sgd", "adam"], "trials=3", 2, out=out, controls=False)
    assert results(out).equals(results(undisturbed / "whole"))
    with Record(out) as record:
        assert record.connection.execute("SELECT count(*) FROM interrupted").fetchone() == (0,)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for little more than an empty record."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", place], capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {made.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def test_a_full_disk_loses_nothing(undisturbed: Path, small_disk: Path) -> None:
    """The runs that fitted are kept.  With room again, first for the record and then for the report, it continues."""
    out, kept = small_disk / "study", 0
    for size in ("200k", "900k"):
        subprocess.run(["mount", "-o", f"remount,size={size}", small_disk], check=True)
        process = launch(undisturbed, out, report=True)
        _, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 1, errors
        assert "Make room" in errors
        assert "Traceback" not in errors
        assert intact(out)
        assert runs_in(out) > kept
        kept = runs_in(out)
    subprocess.run(["mount", "-o", "remount,size=50m", small_disk], check=True)
    process = launch(undisturbed, out, report=True)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    assert results(out).equals(results(undisturbed / "whole"))
