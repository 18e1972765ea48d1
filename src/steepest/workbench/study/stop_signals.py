"""Ctrl-C and SIGTERM: the first asks for a stop between two steps, the second is obeyed at once."""

import signal
import threading
from types import FrameType
from typing import Any


class Stop:
    """Within this context the first signal is only noted; after it the previous handlers are back."""

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.noted = False
        self.previous: dict[int, Any] = {}

    def __enter__(self) -> "Stop":
        if threading.current_thread() is threading.main_thread():  # Python delivers signals to no other
            self.previous = {number: signal.signal(number, self._note) for number in self.SIGNALS}
        return self

    def __exit__(self, *error: object) -> None:
        self._give_back()

    def wanted(self) -> bool:
        """Whether a signal has come."""
        return self.noted

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.noted = True
        self._give_back()

    def _give_back(self) -> None:
        for number, handler in self.previous.items():
            signal.signal(number, handler)
        self.previous = {}
