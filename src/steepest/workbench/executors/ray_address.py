"""Whether the head of a Ray cluster answers at an address, found out in seconds and said in a sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from steepest.workbench.errors import UsageError, WorkbenchError
from steepest.workbench.executors.ray_probe import (
    ANSWERS,
    NO_CLUSTER,
    NO_HEAD,
    NO_TOKEN,
    NOT_A_NODE,
    UNKNOWN_NAME,
    UNREACHABLE,
)
from steepest.workbench.model.machines import AUTO, check_address

PROBE = Path(__file__).with_name("ray_probe.py")
GIVEN_BY_RAY = "RAY_ADDRESS"
"""The variable that Ray reads where it is to find the cluster itself."""
_LONGEST = 120.0
"""Seconds for the probe, which takes 3: 1 to import Ray, 1 to join."""
_TO_START = "start one with `ray start --head --port 6379`"
_WHY = {
    UNKNOWN_NAME: "no machine of that name is known here ({said}); give the address that `ray start --head` printed",
    UNREACHABLE: "nothing can be reached there ({said}); look with `ray status` on the head whether it runs and which "
    f"port it has, whether a firewall is between, or {_TO_START}",
    NO_HEAD: "what listens there is not the head of a cluster ({said}); its port is 6379 unless it was started with "
    "another, while 8265 is the dashboard and 10001 the server of Ray Client",
    NO_TOKEN: "its head asks for a token ({said}); copy ~/.ray/auth_token from the head to this machine, and set "
    "RAY_AUTH_MODE=token",
    NOT_A_NODE: "its head answers, but this machine is not one of its machines ({said}); type `ray start --address "
    "{asked}` here first, or begin the study on a machine of the cluster",
}


def check_answers(address: str) -> None:
    """Find out before Ray is asked that there is no cluster, as Ray asks for nine minutes.

    Raises:
        UsageError: RAY_ADDRESS cannot be used.
        WorkbenchError: Nothing answers there as the head of a cluster.
    """
    named = _named(address)
    asked, word, said = _probed(named)
    if word == NO_CLUSTER:
        raise WorkbenchError(
            f"No Ray cluster runs on this machine, which --ray {address} asks for; {_TO_START}, join one with "
            "`ray start --address HOST:6379`, or give --ray local, which starts one for this study."
        )
    if word in _WHY:
        raise WorkbenchError(f"The Ray cluster {asked} cannot be joined: {_WHY[word].format(said=said, asked=asked)}.")


def _named(address: str) -> str:
    """The address that Ray would take."""
    if address != AUTO or not (from_outside := os.environ.get(GIVEN_BY_RAY)):
        return address
    try:
        check_address(from_outside)
    except UsageError as error:
        raise UsageError(f"--ray {AUTO} takes {GIVEN_BY_RAY} from the environment: {error}") from None
    return from_outside


def _probed(address: str) -> tuple[str, str, str]:
    """What was asked, how it went, and what was said; it went well where nobody can tell: Ray will say it."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", str(PROBE), address],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=_LONGEST,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return address, ANSWERS, ""
    *before, last = done.stdout.splitlines() or [ANSWERS]
    word, _, said = last.partition(" ")
    return next(iter(before), address), word, said
