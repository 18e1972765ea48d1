"""The optimizer of an elementwise rule: a kernel where there is one for the tensors at hand, else the rule itself."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from steepest.compiler.program import Program, program
from steepest.compiler.rule import Rule
from steepest.torch.gpu import is_capturing, keeps_numbers, takes_scaling
from steepest.torch.internals import are_operations_replaced, function_modes, modes, never_traced
from steepest.torch.optimizers.base import Group, RuleOptimizer
from steepest.torch.state.arrays import State, check_alike, check_gradient, check_saved, complete, outlasting
from steepest.torch.state.captured import Graphs, not_fused, not_warm
from steepest.torch.state.snapshot import Snapshot
from steepest.torch.stepping import sparse
from steepest.torch.stepping.batch import Gradients, Places
from steepest.torch.stepping.plan import Dense, Plan, Watched, make
from steepest.torch.stepping.scaling import UNSCALED, Scaling, gradients_of
from steepest.torch.stepping.stepped_parameter import SteppedParameter, is_sparse
from steepest.torch.stepping.tensors import step_in_place

MOST_PLANS = 4
"""Of one parameter group: where the parameters that have a gradient change from step to step, each set has its own."""


class ElementwiseOptimizer(RuleOptimizer):
    """Base of the optimizers of elementwise rules."""

    takes_sparse: ClassVar[bool] = False
    """Whether a sparse gradient steps the slices that it has, as torch does for a few optimizers."""
    chooses_rule: ClassVar[str] = ""
    """The option of a group by which `_rule_of` chooses."""

    def _step_groups(self) -> None:
        if (modes() or function_modes()) and are_operations_replaced():
            for group in self.param_groups:
                self._step_by_operations(group)
            return
        values = self._snapshot.values(self.state)
        if values is None:
            self._plans.clear()
            self._snapshot = Snapshot(self.state)
            values = self._snapshot.values(self.state)
        for index, group in enumerate(self.param_groups):
            found = self._fitting(index, group, values)
            if found is None:
                found = self._plan_anew(index, group)
                values = self._snapshot.values(self.state)
            plan, gradients = found
            if plan.is_one_batch:
                plan.batches[0].run(gradients[0], group)
            elif plan.is_on_device:
                self._step_on_device(plan, gradients, index)
            else:
                self._step_parts(plan, gradients, group)
            plan.was_run = True

    def _step_on_device(self, plan: Plan, gradients: list[Gradients], index: int) -> None:
        """Step where kernels are launched: what a GradScaler says is read there, if all of the group is."""
        group, self._counts_here = self.param_groups[index], False
        if is_capturing():
            self._graphs = self._graphs or Graphs()
            self._graphs.add(type(self).__name__, index, group, [b.step for b in plan.batches], plan.switches)
        elif self._graphs:
            self._follow()
        scaling = Scaling(getattr(self, "found_inf", None), getattr(self, "grad_scale", None))
        self._found_inf = scaling.found_inf
        if scaling and (not plan.takes_scaling or (plan.new and not plan.was_run)):
            if scaling.leaves_out():
                self._forget_new(plan, index)
                return
            scaling.unscale(gradients_of(group))
            found = plan.gradients(group, self._snapshot.values(self.state) or ())
            assert found is not None, "values of gradients do not matter to a plan"
            gradients, scaling = found, UNSCALED
        self._step_parts(plan, gradients, group, scaling)
        if scaling:
            scaling.unscale(gradients_of(group))

    def _forget_new(self, plan: Plan, index: int) -> None:
        """Where a first step is left out, what it would have made is not there yet."""
        if plan.was_run:
            return
        parameters = self.param_groups[index]["params"]
        for place, names in plan.new.items():
            for name in names:
                self.state[parameters[place]].pop(name, None)
        self._plans.pop(index, None)

    def _step_parts(self, plan: Plan, gradients: list[Gradients], group: Group, scaling: Scaling = UNSCALED) -> None:
        if (plan.unfused or plan.sparse) and is_capturing():
            raise not_fused(type(self).__name__)
        dense = [self._checked(plan, group, watched) for watched in plan.unfused]
        slices = [self._checked(plan, group, watched) for watched in plan.sparse]
        slices = [(stepped, sparse.checked(g)) for stepped, g in slices]
        gradients, dense, slices = plan.apart(group, self.state, gradients, dense, slices)
        for batch, found in zip(plan.batches, gradients, strict=True):
            if batch.is_on_device:
                batch.run_scaled(found, group, scaling)
            else:
                batch.run(found, group)
        for stepped, g in dense:
            self._step_on_tensors(plan.program, group, stepped, g)
        for stepped, g in slices:
            self._step_sparse(plan.program, group, stepped, g)
        for watched in (*plan.unfused, *plan.sparse):
            watched.uninitialized = frozenset()

    def _step_by_operations(self, group: Group) -> None:
        """The rule on tensors for all of a group, where torch records or pretends its operations."""
        lines = program(self._rule_of(group), group)
        ready = [p for p in group["params"] if p.grad is not None]
        for p in ready:
            self._check_gradient(p, p.grad, group)
        for p in ready:
            stepped = SteppedParameter(
                p, *self._stateful(lines, p, group), by_shard=not group.get("differentiable", False)
            )
            g = stepped.gradient()
            self._step_on_tensors(lines, group, stepped, g.to_dense() if is_sparse(g) else g)

    def _fitting(self, index: int, group: Group, values: Any) -> tuple[Plan, list[Gradients]] | None:
        """A plan that still holds, the last one first: models whose parts take turns have several."""
        plans = self._plans.get(index, [])
        for position, plan in enumerate(plans):
            gradients = plan.gradients(group, values)
            if gradients is not None:
                if position:
                    plans.insert(0, plans.pop(position))
                return plan, gradients
        return None

    def _checked(self, plan: Plan, group: Group, watched: Watched) -> Dense:
        """A parameter that no kernel walks and its gradient, after everything that could be wrong was looked at."""
        p: Tensor = group["params"][watched.place]
        assert p.grad is not None
        self._check_gradient(p, p.grad, group)
        state, uninitialized = self._stateful(plan.program, p, group)
        by_shard = not group.get("differentiable", False)
        stepped = SteppedParameter(p, state, uninitialized | watched.uninitialized, watched.place, by_shard)
        g = stepped.gradient()
        if stepped.by_shard:  # which may only now be divided as its parameter is
            check_alike(stepped.p, g, type(self).__name__)
        return stepped, g

    def _plan_anew(self, index: int, group: Group) -> tuple[Plan, list[Gradients]]:
        lines = program(self._rule_of(group), group)
        for p in group["params"]:  # all of them before any state is made
            if p.grad is not None:
                self._check_gradient(p, p.grad, group)
                if is_capturing() and not self._is_warm(lines, p, group):
                    raise not_warm(type(self).__name__)
        with outlasting():
            plan = make(lines, group, lambda p: self._stateful(lines, p, group), self._look_again, self.chooses_rule)
        gradients = plan.gradients(group, self._snapshot.values(self.state) or ())
        assert gradients is not None, "a plan fits the group that it was just made for"
        others = [other for other in self._plans.get(index, []) if other.was_run]
        self._plans[index] = [plan, *others[: MOST_PLANS - 1]]
        return plan, gradients

    def _is_warm(self, lines: Program, p: Tensor, group: Group) -> bool:
        """Whether all state of a parameter is there, and where it belongs."""
        state, numbers = self.state.get(p, {}), [*(["step"] if lines.rule.counts else []), *lines.scalar_states]
        if not all(isinstance(state.get(name), Tensor) for name in (*numbers, *lines.kept)):
            return False
        return not keeps_numbers(group, p) or all(state[name].device == p.device for name in numbers)

    def _look_again(self) -> Places:
        """Where the states are now; plans whose states are elsewhere than they were are gone."""
        before, self._snapshot = self._snapshot, Snapshot(self.state)
        if not before.begins(self._snapshot):
            self._plans.clear()
        return self._snapshot.places()

    def _rule_of(self, group: Group) -> Rule:
        """The rule that steps a group; another one with the same state, where an option of the group says so."""
        return self.rule

    def _stateful(self, lines: Program, p: Tensor, group: Group) -> tuple[State, frozenset[str]]:
        if not lines.kept and not lines.rule.counts:
            return {}, frozenset()  # torch keeps no state where there is none to keep
        return self.state[p], complete(lines, p, self.state[p], numbers_there=keeps_numbers(group, p))

    @property
    @never_traced
    def _step_supports_amp_scaling(self) -> bool:
        """GradScaler asks whether steps are left out on the device, as those of torch's fused optimizers."""
        groups = self.param_groups
        return all(group.get("fused") for group in groups) and all(
            takes_scaling(p.device) for group in groups for p in group["params"]
        )

    def _step_on_tensors(self, lines: Program, group: Group, stepped: SteppedParameter, g: Tensor) -> None:
        """The rule itself on tensors: for what no kernel may walk, and for gradients through the step."""
        given = {name: stepped.state[name] for name in lines.kept if name not in stepped.uninitialized}
        with torch.set_grad_enabled(bool(group.get("differentiable", False))):
            step_in_place(lines.rule, stepped.p, g, stepped.state, given, group)
        stepped.was_written()

    def _step_sparse(self, lines: Program, group: Group, stepped: SteppedParameter, g: Tensor) -> None:
        sparse.step(lines, stepped, g, group)

    def _check_gradient(self, p: Tensor, g: Tensor, group: Group) -> None:
        check_gradient(p, g, type(self).__name__, sparse=self.takes_sparse)

    def _check_state(self, saved: dict[str, Any], group: Group, p: Tensor, which: str) -> None:
        check_saved(self.rule, saved, group, p, which)

    @never_traced
    def add_param_group(self, param_group: Group) -> None:
        """Add a parameter group, as torch.optim.Optimizer does."""
        super().add_param_group(param_group)
        self._plans.clear()

    def _forget(self) -> None:
        super()._forget()
        self._plans: dict[int, list[Plan]] = {}
        self._snapshot = Snapshot({})
