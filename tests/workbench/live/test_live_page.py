"""The live page: what it answers, to whom, and that a study never depends on it."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("uvicorn", reason="needs uvicorn: pip install 'steepest[live]'")

from steepest.workbench import Comparison, Task, compare, live
from steepest.workbench.analysis.study_data import data_of
from steepest.workbench.analysis.summarize import summarize
from steepest.workbench.errors import WorkbenchError
from steepest.workbench.live import growing_report, server
from steepest.workbench.live.server import LivePage
from steepest.workbench.progress.watcher import Watcher
from steepest.workbench.report.page import page as report_page
from steepest.workbench.store.record import Record
from support.command import Done
from support.growing import Growing

Make = Callable[[int], Task]
PATIENCE = 120


@pytest.fixture
def growing(recorded: Comparison, tmp_path: Path) -> Growing:
    """The study that the report's tests read, as it grew."""
    return Growing(recorded.folder, tmp_path / "growing")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new report whenever there is one to draw; and nobody waits for a page that nobody closes."""
    monkeypatch.setattr(growing_report, "LONGEST_PAUSE", 0)
    monkeypatch.setattr(server, "LINGER", 0.2)


def ask(page: LivePage, path: str, method: str = "GET", host: str = "") -> tuple[int, dict[str, str], str]:
    address = page.address.removeprefix("http://")
    connection = http.client.HTTPConnection(address, timeout=PATIENCE)
    connection.request(method, path, headers={"Host": host or address})
    answer = connection.getresponse()
    found = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
    connection.close()
    return found


def state(page: LivePage) -> dict[str, object]:
    return json.loads(ask(page, "/state")[2])


NOTHING_NOW: dict[str, Any] = {"under_way": 0, "fraction": 0.0, "now": []}


def newest(page: LivePage) -> str:
    """The page, as soon as it shows all that has happened."""
    limit = time.monotonic() + PATIENCE
    while state(page)["report"] != page.progress.changes:
        assert time.monotonic() < limit, "the report is not drawn"
        time.sleep(0.05)
    return ask(page, "/")[2]


def test_every_state_of_a_study_has_a_report(growing: Growing) -> None:
    """After the first run, at every end of a phase, and one run later."""
    phases = [key.phase for key in growing.keys]
    ends = [place for place in range(1, len(phases)) if phases[place] != phases[place - 1]]
    for runs in sorted({1, len(phases), *(end + near for end in ends for near in (0, 1))}):
        growing.until(runs)
        with Record(growing.folder) as record:
            content = report_page(summarize(data_of(record)))
        assert growing.plan.metric or not content
        charts = json.loads(content.partition('id="charts">')[2].partition("</script>")[0])
        assert all(f'id="{name}"' in content for name in charts)  # a figure without a place breaks the others


def test_the_page_grows(growing: Growing) -> None:
    whole = len(growing.keys)
    with growing.page(0) as page:
        assert "The report begins here when the first run has ended." in ask(page, "/")[2]
        counts = {"runs": whole, "done": 0, "failed": 0, "report": page.progress.changes}
        assert state(page) == counts | {"is_last": False, "status": "running", "left": "", "note": ""} | NOTHING_NOW
        growing.grow(page, 5)
        assert "5 runs are done" in newest(page)
        growing.grow(page, whole - 1)
        content = newest(page)
        assert growing_report.RUNNING in content
        assert "The same command continues it" not in content
        assert 'id="sensitivity"' in content
        growing.until(whole, finished=True)
        growing.tell(page, whole - 1, whole)
        page.progress.end("finished")
        assert growing_report.RUNNING not in newest(page)
        assert state(page)["status"] == "finished"
        assert state(page)["is_last"]


def test_a_run_under_way_is_shown(growing: Growing) -> None:
    key = growing.keys[-1]
    with growing.page(3) as page:
        page.started(key, 40)
        page.at_step(17)
        page.evaluated(key, 20, float("nan"))
        [run] = now(page)
        assert run["run"].startswith(f"{key.phase}: {key.optimizer} at ")
        assert (run["step"], run["steps"]) == (20, 40)
        assert run["value"].endswith("is not finite")
        assert state(page)["fraction"] == 3.5 / len(growing.keys)
        growing.tell(page, len(growing.keys) - 1, len(growing.keys))
        assert now(page) == []


def now(page: LivePage) -> list[dict[str, Any]]:
    found: Any = state(page)["now"]
    return found


def test_all_runs_that_a_worker_trains_at_once_are_shown(growing: Growing) -> None:
    """A group has its steps together, and each of its runs its own value; the runs of other workers stand beside."""
    first, second, third, alone, again = growing.keys[-5:]
    with growing.page(3) as page:
        for key in (first, second, third):
            page.started(key, 40, 1)
        page.started(alone, 30, 0)
        page.at_step(10, 1)
        page.evaluated(second, 10, 0.25, 1)
        page.evaluated(alone, 15, 0.5, 0)
        shown = [(one["run"].partition(": ")[2], one["step"], one["steps"], one["value"]) for one in now(page)]
        assert shown == [
            (str(alone), 15, 30, f"{growing.plan.metric} 0.5"),
            (str(first), 10, 40, ""),
            (str(second), 10, 40, f"{growing.plan.metric} 0.25"),
            (str(third), 10, 40, ""),
        ]
        assert state(page)["under_way"] == 4
        page.ended(second, "trained", 0.25, False)
        assert [one["run"].partition(": ")[2] for one in now(page)] == [str(alone), str(first), str(third)]
        page.started(first, 40, 0)  # worker 1 was lost: one of its runs is made again elsewhere, and it has another
        page.started(again, 40, 1)
        assert [one["run"].partition(": ")[2] for one in now(page)] == [str(first), str(again)]


def test_of_a_thousand_runs_the_first_are_named(growing: Growing) -> None:
    with growing.page(3) as page:
        for place in range(1000):
            page.started(growing.keys[-1]._replace(seed=place), 40, place)
            page.at_step(20, place)
        assert len(now(page)) == 60
        assert state(page)["under_way"] == 1000


def test_a_study_that_continues_shows_what_it_has_at_once_at_the_same_address(growing: Growing) -> None:
    with growing.page(6) as page:
        first = page.address
        assert "6 runs are done" in newest(page)
    with growing.page(8) as page:
        assert page.address == first
        assert "8 runs are done" in newest(page)
        with growing.page(8) as second:  # while this port is taken
            assert second.address != first
            assert ask(second, "/")[0] == 200


def test_only_this_machine_under_its_own_name_may_read_and_nobody_may_write(growing: Growing) -> None:
    with growing.page(2) as page:
        port = page.address.rpartition(":")[2]
        for path in ("/", "/report", "/state", "/vega.js"):
            status, headers, _ = ask(page, path)
            assert status == 200
            assert "default-src 'none'" in headers["content-security-policy"]
            assert headers["cross-origin-resource-policy"] == "same-origin"
            assert "access-control-allow-origin" not in headers
            assert ask(page, path, host=f"localhost:{port}")[0] == 200
            for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "0.0.0.0", "www.localhost"):
                assert ask(page, path, host=host)[0] == 400, host
            for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
                assert ask(page, path, method)[0] == 405
        for path in ("/study.db", "/../study.db", "/%2e%2e/study.db", "/docs", "//evil.example"):
            assert ask(page, path)[0] == 404
        own = [one for one in _addresses_of_this_machine() if not one.startswith("127.")]
        for address in own:
            with pytest.raises(OSError, match=r".+"):
                socket.create_connection((address, int(port)), timeout=2).close()


def _addresses_of_this_machine() -> list[str]:
    try:
        return [str(one[4][0]) for one in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
    except OSError:
        return []


def test_the_page_loads_nothing_from_elsewhere(growing: Growing) -> None:
    with growing.page(len(growing.keys)) as page:
        content = newest(page)
    assert "<img src=x" not in content
    assert 'src="vega.js"' in content
    for attribute in ('src="http', 'href="http', "@import", "url("):
        assert attribute not in content


def test_a_report_that_cannot_be_drawn_keeps_the_page_and_says_so(
    growing: Growing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> str:
        raise ZeroDivisionError("an optimizer without runs")

    with growing.page(5) as page:
        newest(page)
        monkeypatch.setattr(growing_report.GrowingReport, "_drawn", fails)
        growing.grow(page, 7)
        assert "5 runs are done" in newest(page)
        assert state(page)["note"] == "the report could not be drawn (ZeroDivisionError: an optimizer without runs)"


def test_drawing_pauses(growing: Growing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growing_report, "LONGEST_PAUSE", 1000)
    monkeypatch.setattr(growing_report, "SHORTEST_PAUSE", 1000)
    with growing.page(5) as page:
        assert "5 runs are done" in newest(page)
        growing.grow(page, 9)
        time.sleep(0.2)
        assert "5 runs are done" in ask(page, "/")[2]
        page.progress.end("stopped")
        assert "9 runs are done" in newest(page)


def test_an_open_page_gets_the_last_report_before_the_study_ends(
    growing: Growing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "LINGER", PATIENCE)
    with growing.page(5) as page:
        newest(page)
        growing.grow(page, 8)
        state(page)
        closing = threading.Thread(target=page.close)
        closing.start()
        assert "8 runs are done" in newest(page)
        assert "The same command continues it." in ask(page, "/report")[2]
        closing.join(PATIENCE)
        assert not closing.is_alive()


def test_nothing_is_left_when_it_is_closed(growing: Growing) -> None:
    with growing.page(2) as page:
        assert ask(page, "/")[0] == 200
    assert "steepest-live" not in [thread.name for thread in threading.enumerate()]
    with pytest.raises(ConnectionRefusedError):
        ask(page, "/")


def test_compare_prints_the_address_and_ends_the_page(
    tiny: Make, tmp_path: Path, without_figures: None, capsys: pytest.CaptureFixture[str]
) -> None:
    answers: list[int] = []

    class Reader(Watcher):
        def live(self, address: str) -> None:
            self.port = int(address.rpartition(":")[2])

        def ended(self, *_: Any, **__: Any) -> None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
            connection.request("GET", "/state")
            answers.append(connection.getresponse().status)
            connection.close()

    options = {"optimizers": ["sgd"], "budget": "trials=2", "seeds": 1, "controls": False, "live": True}
    found = compare(tiny, **options, out=tmp_path / "study", watcher=Reader())
    assert set(answers) == {200}
    assert len(answers) == found.runs.height
    assert capsys.readouterr().out == ""
    compare(tiny, **options, out=tmp_path / "study")
    assert capsys.readouterr().out.startswith("The report as it grows: http://127.0.0.1:")
    compare(tiny, **options, out=tmp_path / "study", dry_run=True)
    assert capsys.readouterr().out == ""


def test_the_command_says_where_it_is(steepest: Callable[..., Done], growing: Growing, tmp_path: Path) -> None:
    (tmp_path / "my.py").write_text(TASK, encoding="utf-8")
    small = ["compare", "my.py:task", "--optimizers", "sgd", "--budget", "trials=1", "--seeds", "1", "--no-controls"]
    done = steepest(*small, "--live", "--json", "--out", "one")
    events = [json.loads(line) for line in done.out.splitlines()]
    assert events[0]["event"] == "live"
    assert events[0]["address"].startswith("http://127.0.0.1:")
    assert events[-1]["event"] == "result"
    done = steepest(*small, "--live", "--out", "one")
    assert "The report as it grows: http://127.0.0.1:" in done.err


TASK = """
import torch
from torch import nn
from steepest.workbench import Task
from steepest.workbench.task import Shuffled

def task(seed):
    torch.manual_seed(seed)
    x = torch.linspace(-1, 1, 32)[:, None]
    model = nn.Linear(1, 1)
    loss = lambda model, batch: ((model(batch[0]) - batch[0].sin()) ** 2).mean()
    evaluate = lambda model: {"val_loss": loss(model, [x]).item()}
    return Task(model, loss, Shuffled(x, size=16, seed=seed), evaluate, steps=12)
"""


def test_without_a_free_port_the_study_goes_on(
    tiny: Make, tmp_path: Path, without_figures: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object) -> None:
        raise OSError("no sockets here")

    monkeypatch.setattr(server.socket, "create_server", refuses)
    with pytest.warns(UserWarning, match="There is no live page: no sockets here"):
        found = compare(tiny, ["sgd"], "trials=2", 1, controls=False, live=True, out=tmp_path / "study")
    assert found.numbers.finished


def test_a_study_that_cannot_begin_leaves_no_page(tiny: Make, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(WorkbenchError, match="holds files that are not a study"):
        compare(tiny, ["sgd"], live=True, out=tmp_path)
    assert "steepest-live" not in [thread.name for thread in threading.enumerate()]


def test_a_missing_package_is_said_before_anything_runs(
    tiny: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "find_spec", lambda name: None)
    with pytest.raises(WorkbenchError, match=r"needs starlette, which is not .* pip install 'steepest\[live\]'"):
        compare(tiny, live=True, out=tmp_path / "study")
    assert not (tmp_path / "study").exists()
