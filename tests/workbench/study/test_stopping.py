"""A study that is stopped by a signal, or killed, continues where it was."""

import os
import signal
import textwrap
import time
from pathlib import Path

import pytest

from steepest.workbench import compare
from steepest.workbench.store.record import Record
from support.study import OPTIONS, PATIENCE, SLOW, intact, launch, results, wait_for

pytestmark = pytest.mark.timeout(900)  # processes that may have to wait for a busy machine


def go_on(undisturbed: Path, out: Path) -> None:
    """In this process, to what an undisturbed study has."""
    compare(f"{undisturbed / 'slow.py'}:task", ["sgd", "adam"], "trials=3", 2, out=out, controls=False)
    assert results(out).equals(results(undisturbed / "whole"))


def stop_by(number: signal.Signals, undisturbed: Path, out: Path) -> None:
    """Send a signal in the search: what was run is kept, and the command that goes on is said."""
    process = launch(undisturbed, out)
    wait_for(process, out, 8)
    process.send_signal(number)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert f"steepest compare {undisturbed / 'slow.py'}:task {' '.join(OPTIONS)} --out {out}" in errors
    assert "Traceback" not in errors
    assert intact(out)
    with Record(out) as record:
        assert "finalists" not in set(record.runs()["phase"])
        assert record._frame("SELECT phase, optimizer, rate, settings, seed FROM interrupted").height == 1


def test_ctrl_c_saves_and_the_same_command_goes_on(undisturbed: Path, tmp_path: Path) -> None:
    out = tmp_path / "study"
    stop_by(signal.SIGINT, undisturbed, out)
    process = launch(undisturbed, out, report=True)
    output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    assert "report" in output
    assert (out / "report.html").exists()
    assert results(out).equals(results(undisturbed / "whole"))


@pytest.mark.usefixtures("without_figures")
def test_a_termination_saves_and_the_study_goes_on(undisturbed: Path, tmp_path: Path) -> None:
    out = tmp_path / "study"
    stop_by(signal.SIGTERM, undisturbed, out)
    go_on(undisturbed, out)


@pytest.mark.usefixtures("without_figures")
def test_a_killed_process_loses_at_most_the_run_under_way(undisturbed: Path, tmp_path: Path) -> None:
    out = tmp_path / "study"
    for runs in (2, 9):
        process = launch(undisturbed, out)
        wait_for(process, out, runs)
        process.kill()
        process.communicate()
        assert intact(out)
        with Record(out) as record:
            assert record.runs().height >= runs
    go_on(undisturbed, out)


def test_the_second_signal_aborts_at_once(tmp_path: Path) -> None:
    stuck = textwrap.dedent(SLOW).replace("time.sleep(0.001)", "time.sleep(stuck())")
    stuck += textwrap.dedent(f"""
        from pathlib import Path
        calls = []

        def stuck():
            calls.append(0)
            if len(calls) <= 300:
                return 0
            Path({str(tmp_path / "in_the_step")!r}).touch()
            return 60
    """)
    (tmp_path / "slow.py").write_text(stuck, encoding="utf-8")
    process = launch(tmp_path, tmp_path / "study")
    limit = time.monotonic() + PATIENCE
    while not (tmp_path / "in_the_step").exists() and time.monotonic() < limit:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "at once" in errors
