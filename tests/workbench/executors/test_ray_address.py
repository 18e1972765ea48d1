"""Where no cluster can be joined, it is said in seconds: Ray itself asks for nine minutes."""

import os
import socket
import sys
import time
from pathlib import Path

import pytest

from steepest.workbench.errors import UsageError, WorkbenchError
from steepest.workbench.executors import ray_connection
from steepest.workbench.executors.ray_address import check_answers
from steepest.workbench.executors.ray_connection import RayConnection
from steepest.workbench.model.machines import RayCluster

SERVICES = """
def canonicalize_bootstrap_address(given):
    if given == "auto":
        raise ConnectionError("Could not find any running Ray instance.")
    return given
"""
RAY = """
from ray import exceptions
init = shutdown = lambda *address, **given: None
"""
ERRORS = """
class RayError(Exception):
    pass
"""
ASKED = {
    "answers": "",
    "refuses": "import ray.exceptions; raise ray.exceptions.RayError('RPC error:  rpc_code: 12')",
    "is silent": "import sys, time; time.sleep(60)",
    "wants a token": "import ray.exceptions; raise ray.exceptions.RayError('RPC error: InvalidAuthToken: missing')",
}


@pytest.fixture
def head(tmp_path, monkeypatch):
    """Ray, as far as it is asked whether the head of a cluster is there."""
    folder = tmp_path / "ray"
    (folder / "_private").mkdir(parents=True)
    (folder / "__init__.py").write_text(RAY)
    (folder / "exceptions.py").write_text(ERRORS)
    (folder / "_private" / "services.py").write_text(SERVICES)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)

    def does(what):
        waits = "import sys\nsys.modules['__main__'].PATIENCE = 1.0\n"
        (folder / "_raylet.py").write_text(f"{waits}def GcsClient(address):\n    {ASKED[what] or 'pass'}\n")

    does("answers")
    return does


@pytest.fixture
def port():
    """One of this machine, on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def free_port():
    """One on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_a_head_that_answers(head, port):
    check_answers(f"127.0.0.1:{port}")


@pytest.mark.parametrize("how", ["refuses", "is silent"])
def test_another_program_listens_there(head, port, how):
    head(how)
    said = {"refuses": "RPC error: rpc_code: 12", "is silent": "no answer within 1 seconds"}[how]
    with pytest.raises(WorkbenchError, match=rf"127.0.0.1:{port} cannot be joined: .*not the head .*{said}.*is 6379"):
        check_answers(f"127.0.0.1:{port}")


def test_the_head_wants_a_token(head, port):
    head("wants a token")
    with pytest.raises(WorkbenchError, match=r"its head asks for a token \(RPC error: InvalidAuthToken.*RAY_AUTH_MODE"):
        check_answers(f"127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("joins", "said"), [("os.abort()", "Ray ended the process"), ("time.sleep(60)", "no answer within 1 seconds")]
)
@pytest.mark.usefixtures("head")
def test_this_machine_is_not_of_the_cluster(port, tmp_path, joins, said):
    """Ray ends the process that joins from there, without an exception."""
    begins = "import os, sys, time\nsys.modules['__main__'].JOINS = 1.0"
    init = f"def init(address, **given):\n    {joins}\n"
    (tmp_path / "ray" / "__init__.py").write_text(f"{begins}\n{RAY}{init}")
    with pytest.raises(WorkbenchError, match=rf"not one of its machines \({said}.*`ray start --address 127.*:{port}`"):
        check_answers(f"127.0.0.1:{port}")


@pytest.mark.usefixtures("head")
def test_nobody_listens_there():
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(
        WorkbenchError, match=rf"{address} cannot be joined: nothing can be reached.*Connection refused"
    ):
        check_answers(address)


@pytest.mark.usefixtures("head")
def test_a_name_that_nobody_knows():
    with pytest.raises(WorkbenchError, match=r"no\.such\.invalid:6379 cannot be joined: no machine of that name"):
        check_answers("no.such.invalid:6379")


@pytest.mark.usefixtures("head")
def test_this_machine_is_of_no_cluster():
    with pytest.raises(WorkbenchError, match=r"No Ray cluster runs on this machine.*ray start --head.*--ray local"):
        check_answers("auto")


@pytest.mark.usefixtures("head")
def test_the_address_of_the_environment(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{(port := free_port())}")
    with pytest.raises(WorkbenchError, match=f"127.0.0.1:{port} cannot be joined"):
        check_answers("auto")
    monkeypatch.setenv("RAY_ADDRESS", "ray://head:10001")
    with pytest.raises(UsageError, match="--ray auto takes RAY_ADDRESS from the environment: ray://head:10001"):
        check_answers("auto")


def test_where_nobody_can_tell_ray_is_asked(head, tmp_path, monkeypatch):
    (tmp_path / "ray" / "_private" / "services.py").write_text("")  # a private name of Ray is gone
    check_answers(f"127.0.0.1:{free_port()}")
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    check_answers(f"127.0.0.1:{free_port()}")


def test_it_is_asked_before_ray(head, monkeypatch):
    class Ray:
        @staticmethod
        def is_initialized():
            return False

        @staticmethod
        def init(**given):
            raise AssertionError("it would wait for nine minutes")

    monkeypatch.setattr(ray_connection.importlib, "import_module", lambda name: Ray)
    begun = time.monotonic()
    with pytest.raises(WorkbenchError, match="cannot be joined: nothing can be reached there"):
        RayConnection(RayCluster(f"127.0.0.1:{free_port()}"), None, Path())
    assert time.monotonic() - begun < 60
