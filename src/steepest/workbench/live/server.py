"""Serves the live page on this machine alone, read-only, from a thread of its own."""

from __future__ import annotations

import socket
import threading
import time
import warnings
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from steepest.workbench.live.growing_report import GrowingReport
from steepest.workbench.live.progress import FINISHED, STOPPED, Progress
from steepest.workbench.progress.loggers.logger import digest
from steepest.workbench.progress.watcher import Watcher
from steepest.workbench.report.page import library

if TYPE_CHECKING:
    from steepest.workbench.analysis.results import Results
    from steepest.workbench.model.key import Key
    from steepest.workbench.model.plan import Plan

ADDRESS = "127.0.0.1"
HOSTS = [ADDRESS, "localhost"]
"""What a browser may have asked for: under any other name, a page of the internet points here to read the report."""
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'unsafe-inline'; img-src data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",  # Vega compiles expressions
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
WATCHED = 5.0
"""A page that has asked within so many seconds is open."""
LINGER = 10.0
"""Seconds that an open page has at the end to fetch the final report."""


class LivePage(Watcher):
    """Keeps how far the study is, and serves the page until the study ends.

    Args:
        folder: Of the study.
        task: Its name.
    """

    def __init__(self, folder: Path, task: str) -> None:
        self.progress = Progress(task)
        self.report = GrowingReport(folder, self.progress)
        self.asked_at, self.given = -1e9, -1
        self.folder, self.address = folder, ""
        self.server: uvicorn.Server | None = None
        self.thread: threading.Thread | None = None

    def start(self, tell: Callable[[str], None]) -> None:
        """Begin to serve, and tell the address; a warning where that cannot be."""
        try:
            bound = _bound(_usual_port(self.folder))
        except OSError as error:
            warnings.warn(f"There is no live page: {error}.  The study goes on without it.", stacklevel=3)
            return
        config = uvicorn.Config(
            self._application(), log_level="critical", access_log=False, lifespan="off", ws="none", http="h11",
            timeout_graceful_shutdown=1,
        )  # fmt: skip
        server = uvicorn.Server(config)
        self.thread = threading.Thread(target=server.run, args=([bound],), name="steepest-live", daemon=True)
        self.thread.start()
        self.server = server
        self.address = f"http://{ADDRESS}:{bound.getsockname()[1]}"
        tell(self.address)

    def _application(self) -> Starlette:
        routes = [
            Route("/", self._page),
            Route("/report", self._page),
            Route("/state", self._state),
            Route("/vega.js", self._library),
        ]
        hosts = Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False)
        return Starlette(routes=routes, middleware=[hosts])

    def _page(self, request: Request) -> Response:
        self.given, content = self.report.ask()
        return Response(content, media_type="text/html", headers=HEADERS)

    def _state(self, request: Request) -> Response:
        self.asked_at = time.monotonic()
        return JSONResponse(self.progress.as_data() | {"report": self.report.ask()[0]}, headers=HEADERS)

    def _library(self, request: Request) -> Response:
        return Response(_library(), media_type="text/javascript", headers=HEADERS)

    def begin(self, plan: Plan, runs: int, done: int, workers: int = 1) -> None:
        """Pass it on."""
        self.progress.begin(plan, runs, done, workers)

    def started(self, key: Key, steps: int, worker: int = 0) -> None:
        """Pass it on."""
        self.progress.started(key, steps, worker)

    def at_step(self, step: int, worker: int = 0) -> None:
        """Pass it on."""
        self.progress.at_step(step, worker)

    def evaluated(self, key: Key, step: int, value: float, worker: int = 0) -> None:
        """Pass it on."""
        self.progress.evaluated(key, step, value, worker)

    def ended(self, key: Key, status: str, value: float | None, higher_is_better: bool) -> None:
        """Pass it on."""
        self.progress.ended(key, status, value, higher_is_better)

    def result(self, results: Results, folder: Path, verdict: list[str], warnings: list[str]) -> None:
        """The next report is the last."""
        self.progress.end(FINISHED)

    def close(self) -> None:
        """Give an open page the last report, and end."""
        if self.server is None or self.thread is None:
            return
        if self.progress.status != FINISHED:
            self.progress.end(STOPPED)
        limit = time.monotonic() + LINGER
        while self._is_behind() and time.monotonic() < limit:
            time.sleep(0.1)
        self.server.should_exit = True
        self.thread.join(LINGER)

    def _is_behind(self) -> bool:
        """Whether a page is open that does not have the last report."""
        return time.monotonic() - self.asked_at < WATCHED and self.given != self.progress.changes


@lru_cache(maxsize=1)
def _library() -> str:
    return library()


def _usual_port(folder: Path) -> int:
    """The same for each run of a study, so that an open page finds it when it continues; of the private ports."""
    return 49152 + int(digest(str(folder.resolve())), 16) % 16384


def _bound(port: int) -> socket.socket:
    """A socket at this port of this machine, or at any that is free."""
    try:
        return socket.create_server((ADDRESS, port))
    except OSError:
        return socket.create_server((ADDRESS, 0))
