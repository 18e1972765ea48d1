"""A run of a script: what it reports and prints is heard, and nothing of it is left when it has ended."""

import math
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from steepest.workbench.errors import UsageError
from steepest.workbench.scripts.pattern import Pattern
from steepest.workbench.scripts.process import ENDED, FAILED, STOPPED, TIMED_OUT, Script


@pytest.fixture
def script(tmp_path):
    def made(text, **options):
        (tmp_path / "train.py").write_text(textwrap.dedent(text))
        return Script([sys.executable, str(tmp_path / "train.py")], tmp_path / "run", **options)

    return made


def said(ending):
    """Its reports, without their times."""
    return [(one.step, one.metrics) for one in ending.reports]


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
    ).run(reported=lambda report: bool(told.append((report.step, report.metrics))))
    expected = [(10, {"val_loss": 0.1, "accuracy": 0.5}), (20, {"val_loss": 0.05, "accuracy": 0.5})]
    assert (ending.status, ending.code, said(ending)) == (ENDED, 0, expected)
    assert 0 < ending.reports[0].seconds <= ending.reports[1].seconds <= ending.seconds + 1
    assert told == expected
    assert ending.last_lines == ("begins", "ends")
    assert (tmp_path / "run" / "output.txt").read_text() == "begins\nends\n"


LINE = r"step (?P<step>\d+): loss (?P<loss>\S+) val (?P<val_loss>\S+)"


def test_a_pattern_finds_values_in_what_it_prints(script):
    printed = """
        print("step 5: loss 0.5, val 0.75")
        print("nothing here")
        print("step 6: loss nan, val what?")
        """
    ending = script(printed, pattern=Pattern(LINE)).run()
    (first, values), (second, others) = said(ending)
    assert (first, values) == (5, {"loss": 0.5, "val_loss": 0.75})
    assert second == 6
    assert math.isnan(others["loss"])
    assert math.isnan(others["val_loss"])


def test_without_a_step_lines_are_counted(script):
    ending = script("for x in (3, 2, 1): print('loss:', x)", pattern=Pattern(r"loss: (?P<loss>\d)")).run()
    assert said(ending) == [(1, {"loss": 3.0}), (2, {"loss": 2.0}), (3, {"loss": 1.0})]


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
    ending = script(text).run(reported=lambda report: report.metrics["loss"] >= 3)
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


def test_only_the_first_of_several_processes_is_heard(script):
    text = """
        import os, subprocess, sys
        code = "import steepest; steepest.report(1, loss=0.5)"
        for rank in "0123":
            subprocess.run([sys.executable, "-c", code], env={**os.environ, "RANK": rank}, check=True)
        """
    assert said(script(text).run()) == [(1, {"loss": 0.5})]


def test_what_is_printed_counts_until_the_script_reports_itself(script):
    text = """
        import steepest
        print("val_loss: 9")
        steepest.report(10, val_loss=0.5)
        print("val_loss: 8")
        """
    assert said(script(text, pattern=Pattern.of_name("val_loss")).run()) == [(10, {"val_loss": 0.5})]
    assert len(said(script(text, pattern=Pattern(r"val_loss: (?P<val_loss>\d)")).run())) == 3


IN_A_SESSION_OF_ITS_OWN = WITH_A_CHILD.replace('time.sleep(60)"]', 'time.sleep(60)"], start_new_session=True')


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="only Linux tells the environment of a process")
def test_what_it_starts_in_another_session_is_ended_too(script):
    ending = script(IN_A_SESSION_OF_ITS_OWN.format(seconds=60), timeout=2).run()
    assert ending.status == TIMED_OUT
    assert not is_alive(int(ending.last_lines[0]))


KILLED = """
import sys
from pathlib import Path
from steepest.workbench.scripts.process import Script
Script([sys.executable, "train.py"], Path("run")).run()
"""


def test_what_runs_when_the_waiting_process_is_killed(tmp_path):
    (tmp_path / "train.py").write_text(textwrap.dedent(WITH_A_CHILD.format(seconds=60)))
    waiting = subprocess.Popen([sys.executable, "-c", KILLED], cwd=tmp_path)
    output = tmp_path / "run" / "output.txt"
    limit = time.monotonic() + 60
    while time.monotonic() < limit and not (output.exists() and output.read_text().strip()):
        time.sleep(0.05)
    waiting.kill()
    waiting.wait()
    assert not is_alive(int(output.read_text()))


def test_colours_and_bars_hide_no_number(script):
    ending = script(
        r"""
        import sys
        for epoch in (1, 2):
            for step in range(3):
                sys.stderr.write(f"\rEpoch {epoch}: {step}|\x1b[34m##\x1b[0m| [00:00<00:01, loss=\x1b[1m{step}\x1b[0m]")
            print(f"\n\x1b[32mepoch {epoch}\x1b[0m \x1b[1mval_loss\x1b[0m: \x1b[31m0.{epoch}\x1b[0m\x1b[K", flush=True)
        print("\x1b]0;a title\x07the\x08 end")
        """,
        pattern=Pattern.of_name("val_loss"),
    ).run()
    assert said(ending) == [(1, {"val_loss": 0.1}), (2, {"val_loss": 0.2})]
    assert ending.last_lines[-2:] == ("epoch 2 val_loss: 0.2", "the end")


def test_a_script_that_prints_much_is_heard_to_its_end(script, tmp_path, monkeypatch):
    monkeypatch.setattr("steepest.workbench.scripts.heard.MOST_KEPT", 1_000_000)
    ending = script(
        """
        import sys
        sys.stdout.write("x" * 3_000_000)
        for step in range(100_000):
            print("step", step)
        print("\\nval_loss 0.5")
        """,
        pattern=Pattern.of_name("val_loss"),
    ).run()
    assert said(ending) == [(1, {"val_loss": 0.5})]
    assert ending.last_lines[-3] == "step 99999"
    assert max(map(len, ending.last_lines)) <= 2000
    kept = (tmp_path / "run" / "output.txt").read_text()
    assert len(kept) < 1_200_000
    assert kept.endswith("the rest was not kept]\n")


def test_what_it_printed_can_be_read_while_it_hangs(script, tmp_path):
    output = tmp_path / "run" / "output.txt"
    hangs = "import time\nfor x in range(5): print(x, flush=True)\ntime.sleep(60)"
    ending = script(hangs, timeout=30).run(stop=lambda: output.exists() and output.read_text().endswith("4\n"))
    assert ending.status == STOPPED
