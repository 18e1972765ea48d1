"""Who is told how a study gets on: a line in the terminal, another program that reads JSON.

A new watcher is a file in this folder, and a line in `watcher_of_command`; loggers have a folder of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from steepest.workbench.progress.json_events import JsonEvents
    from steepest.workbench.progress.watcher import Watcher


def watcher_of_command(console: Console, events: JsonEvents | None, quiet: bool) -> Watcher:
    """Whom the command line tells.

    Args:
        console: The terminal.
        events: The writer of JSON, where the user asked for JSON.
        quiet: Whether nothing is shown.
    """
    from steepest.workbench.progress.plain import PlainLines
    from steepest.workbench.progress.terminal import ProgressLine
    from steepest.workbench.progress.watcher import Watchers

    if events is not None:
        return Watchers([events])
    if quiet:
        return Watchers([])
    return ProgressLine(console) if console.is_terminal else PlainLines(console.file)
