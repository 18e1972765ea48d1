"""Asks the head of a Ray cluster whether it is there: a program of its own, since Ray itself asks for nine minutes.

It prints the address that it asks, and a word that says how it went with what was said behind it.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module

ANSWERS, NO_CLUSTER, UNKNOWN_NAME, UNREACHABLE, NO_HEAD = "answers", "none", "unknown", "unreachable", "other"
NOT_A_NODE, NO_TOKEN = "outside", "token"
PATIENCE = 10.0
"""Seconds for a connection, and as many for the head's answer: it takes 0.01 s."""
JOINS = 30.0
"""Seconds to join, which takes 1; on a machine that is none of the cluster Ray ends the whole process after 10."""


def asked(given: str) -> str:
    """How it went with `auto` or HOST:PORT."""
    services, raylet = import_module("ray._private.services"), import_module("ray._raylet")
    try:
        address = services.canonicalize_bootstrap_address(given)
    except ConnectionError:
        return NO_CLUSTER
    print(address, flush=True)
    host, _, port = address.rpartition(":")
    with _in_time(UNREACHABLE, PATIENCE):
        try:
            socket.create_connection((host.strip("[]"), int(port)), PATIENCE).close()
        except socket.gaierror as error:
            return f"{UNKNOWN_NAME} {error.strerror}"
        except OSError as error:
            return f"{UNREACHABLE} {error.strerror or error}"
    ray = import_module("ray")
    with _in_time(NO_HEAD, PATIENCE):
        try:
            raylet.GcsClient(address=address)
        except ray.exceptions.RayError as error:
            said = " ".join(str(error).split())[:300]
            return f"{NO_TOKEN if 'token' in said.lower() else NO_HEAD} {said}"
    print(f"{NOT_A_NODE} Ray ended the process that tried", flush=True)
    with _in_time(NOT_A_NODE, JOINS), suppress(Exception):  # who joins after this is told it
        ray.init(address, log_to_driver=False, configure_logging=False)
        ray.shutdown()
    return ANSWERS


@contextmanager
def _in_time(word: str, seconds: float) -> Iterator[None]:
    """End this process where something takes too long: neither Ray nor a look-up of a name can be interrupted."""

    def end() -> None:
        print(f"{word} no answer within {seconds:g} seconds", flush=True)
        os._exit(0)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


if __name__ == "__main__":
    print(asked(sys.argv[1]), flush=True)
    os._exit(0)  # threads of Ray's may wait for minutes
