"""A run of a script: what it reports and prints is heard, and nothing of it is left when it has ended."""

import math
import os
import sys
import textwrap
import time
from pathlib import Path

import pytest

from steepest.workbench.errors import UsageError
from steepest.workbench.scripts.process import ENDED, FAILED, STOPPED, TIMED_OUT, Script, compiled


@pytest.fixture
def script(tmp_path):
    def made(text, **options):
        (tmp_path / "train.py").write_text(textwrap.dedent(text))
        return Script([sys.executable, str(tmp_path / "train.py")], tmp_path / "run", **options)

    return made


def is_alive(pid):
    """Whether a process goes on running; to die takes it a moment."""
    for _ in range(100):
        if not _runs(pid):
            return False
        time.sleep(0.05)
    return True


def _runs(pid):
    """One that was killed stays as a zombie until somebody asks for its exit code."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_what_it_reports_and_prints(script, tmp_path):
    told = []
    ending = script(
        """
        import steepest
        print("begins")
        for step in (10, 20):
            steepest.report(step, val_loss=1 / step, accuracy=0.5)
        print("ends")
        """
    ).run(reported=lambda step, metrics: bool(told.append((step, metrics))))
    expected = [(10, {"val_loss": 0.1, "accuracy": 0.5}), (20, {"val_loss": 0.05, "accuracy": 0.5})]
    assert (ending.status, ending.code, ending.reports) == (ENDED, 0, expected)
    assert told == expected
    assert ending.last_lines == ("begins", "ends")
    assert (tmp_path / "run" / "output.txt").read_text() == "begins\nends\n"


def test_a_pattern_finds_values_in_what_it_prints(script):
    printed = """
        print("step 5: loss 0.5, val 0.75")
        print("nothing here")
        print("step 6: loss nan, val what?")
        """
    ending = script(printed, pattern=r"step (?P<step>\d+): loss (?P<loss>\S+) val (?P<val_loss>\S+)").run()
    (first, values), (second, others) = ending.reports
    assert (first, values) == (5, {"loss": 0.5, "val_loss": 0.75})
    assert second == 6
    assert math.isnan(others["loss"])
    assert math.isnan(others["val_loss"])


def test_without_a_step_lines_are_counted(script):
    ending = script("for x in (3, 2, 1): print('loss:', x)", pattern=r"loss: (?P<loss>\d)").run()
    assert ending.reports == [(1, {"loss": 3.0}), (2, {"loss": 2.0}), (3, {"loss": 1.0})]


def test_a_script_that_fails_says_its_last_lines(script):
    ending = script("for x in range(30): print(x)\nraise ValueError('the data are gone')").run()
    assert (ending.status, ending.code) == (FAILED, 1)
    assert ending.last_lines[-1] == "ValueError: the data are gone"
    assert len(ending.last_lines) == 20


WITH_A_CHILD = """
    import subprocess, sys, time
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    print(child.pid, flush=True)
    time.sleep({seconds})
"""


def test_after_its_time_the_whole_group_is_ended(script):
    begun = time.monotonic()
    ending = script(WITH_A_CHILD.format(seconds=60), timeout=2).run()
    assert ending.status == TIMED_OUT
    assert time.monotonic() - begun < 20
    assert not is_alive(int(ending.last_lines[0]))


def test_what_it_leaves_running_is_ended(script):
    ending = script(WITH_A_CHILD.format(seconds=0)).run()
    assert ending.status == ENDED
    assert not is_alive(int(ending.last_lines[0]))


def test_it_is_stopped_when_asked(script):
    asked = []
    ending = script(WITH_A_CHILD.format(seconds=60)).run(stop=lambda: asked.append(0) or len(asked) > 20)
    assert ending.status == STOPPED
    assert ending.code < 0


def test_a_script_that_does_not_listen_is_killed(script, monkeypatch):
    monkeypatch.setattr("steepest.workbench.scripts.process.GRACE", 0.5)
    deaf = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('on', flush=True)\ntime.sleep(60)"
    begun = time.monotonic()
    ending = script(deaf, timeout=1.5).run()
    assert (ending.status, ending.code) == (TIMED_OUT, -9)
    assert time.monotonic() - begun < 15


def test_a_report_can_end_it(script):
    text = """
        import steepest, time
        for step in range(1, 600):
            steepest.report(step, loss=float(step))
            time.sleep(0.1)
        """
    ending = script(text).run(reported=lambda step, metrics: metrics["loss"] >= 3)
    assert ending.status == STOPPED
    assert 3 <= len(ending.reports) < 500


def test_an_error_here_ends_it_too(script):
    ran = []

    def broken():
        ran.append(0)
        if len(ran) > 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        script(WITH_A_CHILD.format(seconds=60)).run(stop=broken)
    assert len(ran) == 21


def test_a_program_that_cannot_be_started(tmp_path):
    with pytest.raises(UsageError, match=r"no-such-program cannot be started: No such file"):
        Script(["no-such-program"], tmp_path / "run").run()
    (tmp_path / "train").write_text("echo")
    with pytest.raises(UsageError, match=r"cannot be started: Permission denied"):
        Script([str(tmp_path / "train")], tmp_path / "run").run()


@pytest.mark.parametrize(
    ("pattern", "said"),
    [("(", "is no regular expression"), (r"loss (\d+)", "names no metric"), ("(?P<step>1)", "names no metric")],
)
def test_a_pattern_that_cannot_be_used(pattern, said):
    with pytest.raises(UsageError, match=said):
        compiled(pattern)


def test_only_the_first_of_several_processes_is_heard(script):
    text = """
        import os, subprocess, sys
        code = "import steepest; steepest.report(1, loss=0.5)"
        for rank in "0123":
            subprocess.run([sys.executable, "-c", code], env={**os.environ, "RANK": rank}, check=True)
        """
    assert script(text).run().reports == [(1, {"loss": 0.5})]
