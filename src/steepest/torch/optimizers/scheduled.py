"""An optimizer whose hyperparameters may be schedules."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor

from steepest.hyperparameters.arguments import bind
from steepest.hyperparameters.values import in_python
from steepest.torch.gpu import is_capturing
from steepest.torch.internals import QuickOptimizer, never_traced
from steepest.torch.optimizers.options import refuse_unknown
from steepest.torch.state import schedules as scheduled
from steepest.torch.state.captured import Graphs, schedule_in_tensor
from steepest.torch.state.checkpoint import without_numpy
from steepest.torch.state.schedules import GroupSchedules

Group = dict[str, Any]


class ScheduledOptimizer(QuickOptimizer):
    """Keeps the schedules of the groups, and sets what they say before each step."""

    _by_group: dict[int, GroupSchedules]
    """The schedules of each group by the identity of its dictionary, which they hold."""

    signature: ClassVar[inspect.Signature]

    unknown: ClassVar[dict[str, Any]] = {}
    """Arguments of torch's class of this name that have no effect here, with the only value that is taken."""

    _graphs: Graphs | None = None
    """The steps that CUDA graphs hold, once there are any."""

    _found_inf: Tensor | None = None
    """What a GradScaler said of the last step that was taken on a device: not 0 if it was left out there."""

    _counts_steps: bool = False
    """Whether the state of the parameters says how often they were stepped."""

    _counts_here: bool = True
    """Whether all steps are taken when they are asked for: none was queued on a device."""

    def _bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments of a constructor by name, as Python's own numbers; what is not known is refused (TypeError)."""
        called = type(self).__name__
        arguments = bind(called, self.signature, args, kwargs)
        refuse_unknown(called, self.unknown, arguments)
        params = arguments.pop("params")
        return {"params": params, **{name: in_python(value) for name, value in arguments.items()}}

    @property
    def schedules(self) -> list[dict[str, Any]]:
        """The schedules of each parameter group, by the names of hyperparameters."""
        if not self._by_group:
            return [{} for _ in self.param_groups]
        return [self._of(group).schedules() for group in self.param_groups]

    def _of(self, group: Group) -> GroupSchedules:
        """The schedules of a group, which a program may have put into the list itself."""
        found = self._by_group.get(id(group))
        if found is None or found.group is not group:
            found = self._keep(GroupSchedules.of(group))
        return found

    def _keep(self, found: GroupSchedules) -> GroupSchedules:
        self._by_group[id(found.group)] = found
        if found and not self._counts_steps:
            found.keep_step()
        return found

    def _find_schedules(self) -> None:
        """Look for schedules in all groups; none is kept for a group that is gone."""
        self._by_group = {}
        for group in self.param_groups:
            self._find_schedules_of(group)

    def _find_schedules_of(self, group: Group) -> None:
        if found := GroupSchedules.of(group):
            self._keep(found)

    def _set_scheduled(self) -> None:
        if len(self._by_group) > len(self.param_groups):  # a group is gone
            self._find_schedules()
        if self._graphs or not self._counts_here:
            self._before_graphs()
        for group in self.param_groups:
            self._of(group).set_values(type(self).__name__)

    def _count_scheduled(self) -> None:
        if not self._counts_here and (is_capturing() or (self._found_inf is not None and bool(self._found_inf))):
            return  # a graph counts by itself; a step that was left out does not count
        for group in self.param_groups:
            self._of(group).count()
        if self._graphs:
            self._set_clocks()

    def _before_graphs(self) -> None:
        """While a graph is captured, see that the schedules can go on in it; else go on where graphs have come to."""
        if not is_capturing():
            self._take_clocks()
            return
        for group in self.param_groups:
            for name in self._of(group).schedules():
                if isinstance(group[name], Tensor):
                    raise schedule_in_tensor(type(self).__name__, name)

    def _take_clocks(self) -> None:
        clocks = self._graphs.clocks() if self._graphs else {}
        for index, clock in clocks.items():
            self._of(self.param_groups[index]).go_to(clock)

    def _set_clocks(self) -> None:
        for index, group in enumerate(self.param_groups):
            if self._graphs and self._by_group and self._of(group):
                self._graphs.set_clock(index, self._of(group).clock.step)

    def _follow(self) -> None:
        """Have graphs that hold steps read the hyperparameters of now."""
        if self._graphs and not is_capturing():
            self._graphs.follow(type(self).__name__, self.param_groups)

    @never_traced
    def state_dict(self) -> dict[str, Any]:
        """State and hyperparameters as torch.optim writes them; schedules belong to the program, their step is kept."""
        if self._graphs:
            self._follow()
            self._take_clocks()
        found = without_numpy(super().state_dict())
        if self._by_group:
            groups = zip(self.param_groups, found["param_groups"], strict=True)
            found["param_groups"] = [self._saved(*pair) for pair in groups]
        return found

    def _saved(self, group: Group, saved: Group) -> Group:
        plain = scheduled.unsaved(saved)
        if self._of(group):
            self._of(group).save(plain, self._states(group))
        return plain

    def _states(self, group: Group) -> list[Mapping[str, Any]]:
        return [self.state[p] for p in group["params"] if p in self.state]

    def _found_schedules(self) -> list[GroupSchedules | None]:
        return [self._by_group.get(id(group)) for group in self.param_groups]

    def _resume_schedules(self, schedules: Sequence[GroupSchedules | None], saved_groups: Sequence[Group]) -> None:
        """Go on with these schedules, one for each group, in the groups that were loaded since."""
        scheduled.without_steps(self.param_groups)
        self._by_group = {}
        for group, saved, found in zip(self.param_groups, saved_groups, schedules, strict=True):
            if found:
                resumed = found.for_group(group)
                resumed.resume(saved, self._states(group))
                self._keep(resumed)

    def __getstate__(self) -> dict[str, Any]:
        """As torch's, with the schedules of groups whose numbers are tensors, which do not know them."""
        schedules = [self._of(group).sources() for group in self.param_groups] if self._by_group else []
        return {**super().__getstate__(), "schedules": schedules}

    def __setstate__(self, state: dict[str, Any]) -> None:
        schedules = state.get("schedules", [])
        super().__setstate__({name: value for name, value in state.items() if name != "schedules"})
        self._find_schedules()
        for group, sources in zip(self.param_groups, schedules, strict=False):
            if sources:
                clock = next(source.clock for source in sources.values())
                self._keep(GroupSchedules(group, sources, clock)).write()
