"""Steps that went into CUDA graphs.  A replay runs no Python: here stands what it follows, and what is said where not.

A graph follows gradients and parameters where they lie, numbers that are tensors, schedules, and other numbers as soon
as somebody asks the optimizer for anything (`zero_grad`, a scheduler of ours, `state_dict`).  It does not follow
options that choose other lines of the rule, new groups, and parameters that had no gradient.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from steepest.kernels.backend import PreparedStep

Group = Mapping[str, Any]

AGAIN = "Capture the graph again."


class Graphs:
    """Which steps of one optimizer graphs hold."""

    def __init__(self) -> None:
        self._held: list[_Held] = []

    def __bool__(self) -> bool:
        return bool(self._held)

    def add(
        self, called: str, index: int, group: Group, steps: Sequence[PreparedStep], switches: Callable[[Group], Any]
    ) -> None:
        """Note that a group's step goes into a graph.

        index: of the group.  switches: picks the options that choose lines.
        """
        for p in group["params"]:
            if p.grad is None and p.requires_grad and p.is_leaf:
                _tell_when_stepped(p, called)
        self._held = [held for held in self._held if held.index != index or held.steps != [*steps]]
        self._held.append(_Held(index, [*steps], switches, switches(group)))

    def follow(self, called: str, groups: Sequence[Group]) -> None:
        """Have the graphs read the hyperparameters of now, or say that they cannot."""
        for held in self._held:
            if held.index < len(groups):
                held.follow(called, groups[held.index])

    def clocks(self) -> dict[int, int]:
        """How many steps the schedules of each group have seen that go on in graphs; waits for the device."""
        found: dict[int, int] = {}
        for held in self._held:
            for clock in (step.clock() for step in held.steps):
                if clock is not None:
                    found[held.index] = max(clock, found.get(held.index, 0))
        return found

    def set_clock(self, index: int, clock: int) -> None:
        """Have the schedules of a group go on from here."""
        for held in self._held:
            if held.index == index:
                for step in held.steps:
                    step.set_clock(clock)


class _Held:
    """One step that a graph holds."""

    def __init__(self, index: int, steps: list[PreparedStep], switches: Callable[[Group], Any], switched: Any) -> None:
        self.index, self.steps = index, steps
        self._switches, self._switched = switches, switched
        self._has_warned = False

    def follow(self, called: str, group: Group) -> None:
        same = self._switches(group) == self._switched
        follows = [step.renew(group, group["maximize"]) for step in self.steps if same]
        if not (same and all(follows)) and not self._has_warned:
            self._has_warned = True
            warnings.warn(
                f"The options of group {self.index} of this {called} have changed since its step went into a graph, "
                f"which goes on with those that it was captured with. {AGAIN}",
                stacklevel=5,
            )


def tell_graphs(optimizer: Any) -> None:
    """Have graphs that hold steps of an optimizer read the hyperparameters of now; torch's own have none."""
    if getattr(optimizer, "_graphs", None):
        optimizer._follow()


def _tell_when_stepped(p: Tensor, called: str) -> None:
    def came(_: Tensor) -> None:
        handle.remove()
        warnings.warn(
            f"A parameter of shape {tuple(p.shape)} has its first gradient after a step of {called} went into a graph: "
            f"replays of the graph do not step it. {AGAIN}",
            stacklevel=2,
        )

    handle = p.register_post_accumulate_grad_hook(came)


def warn_of_group(called: str) -> None:
    """Say that a group came too late."""
    warnings.warn(
        f"A parameter group was added to this {called} after a step of it went into a graph: replays of the graph do "
        f"not step it. {AGAIN}",
        stacklevel=4,
    )


def not_warm(called: str) -> RuntimeError:
    """The error for a capture that would make state, so that every replay made it anew."""
    return RuntimeError(
        f"A step of {called} is captured into a graph before there is all of its state, so every replay would begin "
        "anew. Take one step on a side stream before the capture (`with torch.cuda.stream(torch.cuda.Stream()): ...`), "
        "and make the optimizer with capturable=True or fused=True if it counts steps."
    )


def not_fused(called: str) -> RuntimeError:
    """The error for a capture of what no kernel steps."""
    return RuntimeError(
        f"A step of {called} cannot go into a graph: some of its parameters are stepped by torch's operations with "
        "numbers that the processor reads. Such are sparse gradients, tensors that are not dense in memory or that "
        "share it, whole rules that count steps, `differentiable`, and all where Triton is missing."
    )


def schedule_in_tensor(called: str, name: str) -> RuntimeError:
    """The error for a schedule that is written into a tensor by the processor."""
    return RuntimeError(
        f"The schedule of {name!r} of this {called} is written into a tensor before each step, which a replay does not "
        f"do. Give {name} as the schedule itself instead of a tensor: it goes on inside the graph."
    )
