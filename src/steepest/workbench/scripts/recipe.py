"""A script and how its runs are judged, in a form that another machine can make them from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from steepest.workbench.scripts.command import ScriptCommand
from steepest.workbench.scripts.pattern import Pattern


@dataclass(frozen=True)
class ScriptRecipe:
    """What the runs of a script are made from.

    Args:
        command: The script, with places for what is searched.
        metric: The one that decides.
        higher_is_better: Its direction.
        pattern: Finds metrics in what it prints; its `steepest.report` is heard with any.
        timeout: Seconds after which a run is ended.
        from_script: What the script itself gives to the arguments that are set from outside; None where it was not
            asked yet.
    """

    command: ScriptCommand
    metric: str
    higher_is_better: bool
    pattern: Pattern | None = None
    timeout: float = math.inf
    from_script: Mapping[str, Any] | None = None

    @property
    def looked_for(self) -> Pattern:
        """By which values are found in what it prints."""
        return self.pattern or Pattern.of_name(self.metric)
