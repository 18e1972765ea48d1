"""Ctrl-C and SIGTERM: the first one asks the study to stop between two steps, the second one ends it at once."""

import signal
import threading
from types import FrameType
from typing import Any


class StopSignals:
    """Within this context the first signal is only recorded.  Then the handlers from before are back."""

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.received = False
        self.previous: dict[int, Any] = {}

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():  # Python delivers signals to no other
            self.previous = {number: signal.signal(number, self._receive) for number in self.SIGNALS}
        return self

    def __exit__(self, *error: object) -> None:
        self._restore_handlers()

    def requested(self) -> bool:
        """Whether a signal has come."""
        return self.received

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.received = True
        self._restore_handlers()

    def _restore_handlers(self) -> None:
        for number, handler in self.previous.items():
            signal.signal(number, handler)
        self.previous = {}
