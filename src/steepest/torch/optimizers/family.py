"""torch.optim's classes, and those of our other rules: what some of them have beside their rule."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from steepest import rules
from steepest.compiler.program import Program
from steepest.compiler.rule import Rule, read
from steepest.torch.internals import never_traced
from steepest.torch.optimizers import options
from steepest.torch.optimizers.base import Group
from steepest.torch.optimizers.make import optimizer
from steepest.torch.state.arrays import State, new_number, outlasting
from steepest.torch.stepping.stepped_parameter import SteppedParameter, is_sparse


class SGD(optimizer(rules.sgd)):
    """SGD, also along sparse gradients."""

    takes_sparse = True

    def _check_gradient(self, p: Tensor, g: Tensor, group: Group) -> None:
        super()._check_gradient(p, g, group)
        _refuse_decay(g, group)

    def _step_sparse(self, lines: Program, group: Group, stepped: SteppedParameter, g: Tensor) -> None:
        if group["momentum"]:  # moves every slice that ever had a gradient, so nothing is left to skip
            self._step_on_tensors(lines, group, stepped, g.to_dense())
        else:
            super()._step_sparse(lines, group, stepped, g)


class Adagrad(optimizer(rules.adagrad)):
    """Adagrad, whose state torch makes when the optimizer is made, so that processes can share it."""

    takes_sparse = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for group in self.param_groups:
            for p in group["params"]:
                self._start(p, group["initial_accumulator_value"])

    def _start(self, p: Tensor, start: float) -> None:
        start = complex(start, start) if p.is_complex() else float(start)  # type: ignore[assignment]
        with outlasting():
            self.state[p].setdefault("step", new_number(0.0))
            self.state[p]["sum"] = torch.full_like(p, start, memory_format=torch.preserve_format)

    def share_memory(self) -> None:
        """Move every sum of squares into shared memory."""
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["sum"].share_memory_()

    def _check_gradient(self, p: Tensor, g: Tensor, group: Group) -> None:
        super()._check_gradient(p, g, group)
        _refuse_decay(g, group)
        if is_sparse(g) and "sum" not in self.state[p]:  # the slices that rest start there too
            self._start(p, group["initial_accumulator_value"])


class AdamW(optimizer(rules.adamw)):
    """Adam with decoupled weight decay; torch says so in its parameter groups too."""

    also: ClassVar[dict[str, Any]] = {"decoupled_weight_decay": True}
    chooses_rule = "decoupled_weight_decay"

    def _rule_of(self, group: Group) -> Rule:
        return self.rule if group["decoupled_weight_decay"] else read(rules.adam)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "defaults" not in state:  # a checkpoint, perhaps of Adam, not a copy: as torch has it
            for group in self.param_groups:
                group["decoupled_weight_decay"] = True


class SparseAdam(optimizer(rules.sparse_adam)):
    """Adam for sparse gradients alone, lazily."""

    takes_sparse = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for kind, wrong in (("Sparse", "is_sparse"), ("Complex", "is_complex")):
            found = [[i, j] for i, group in enumerate(self.param_groups) for j, p in enumerate(group["params"])
                     if (p.is_sparse if wrong == "is_sparse" else p.is_complex())]  # fmt: skip
            if found:
                demand = (
                    "requires dense parameter tensors" if kind == "Sparse" else "does not support complex parameters"
                )
                raise ValueError(f"{kind} params at indices {found}: SparseAdam {demand}")

    def _check_gradient(self, p: Tensor, g: Tensor, group: Group) -> None:
        if not is_sparse(g):
            raise RuntimeError("SparseAdam does not support dense gradients, please consider Adam instead")
        super()._check_gradient(p, g, group)

    @never_traced
    def state_dict(self) -> dict[str, Any]:
        """As torch.optim.SparseAdam writes it, whose step counts are integers."""
        found = super().state_dict()
        states: Mapping[Any, State] = found["state"]
        found["state"] = {key: _with_whole_step(state) for key, state in states.items()}
        return found


class Adafactor(optimizer(rules.adafactor)):
    """Adafactor, whose first epsilon is the parameter's own unless it is given."""

    def _resolved(self, group: Mapping[str, Any], p: Tensor) -> Mapping[str, Any]:
        eps1, eps2 = group["eps"]
        return {**group, "eps": (torch.finfo(p.dtype).eps if eps1 is None else eps1, eps2)}


class Muon(optimizer(rules.muon)):
    """Muon, for matrices; for tensors of more dimensions where `beyond_matrices` says how to see them as such."""

    @never_traced
    def add_param_group(self, param_group: Group) -> None:
        """Add a parameter group of matrices.

        Raises ValueError for other tensors.
        """
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        wanted = 2 if self._with_own(group)["beyond_matrices"] is None else None
        for p in group["params"]:
            if p.ndim != wanted and (wanted == 2 or p.ndim < 2):
                del self.param_groups[-1]
                raise ValueError(
                    f"Muon only supports 2D parameters whereas we found a parameter with size: {p.size()}. "
                    "Step it with AdamW; or, for more dimensions, give beyond_matrices='flatten' (all but the first "
                    "are one, as for convolutions) or 'batch' (the last two are a matrix)."
                )


def _with_whole_step(state: Any) -> Any:
    """A parameter's state with its step count as an integer; what is none is kept as it is."""
    is_counted = isinstance(state, dict) and state.get("step") is not None
    return state | {"step": int(state["step"])} if is_counted else state


def _refuse_decay(g: Tensor, group: Group) -> None:
    if is_sparse(g) and group["weight_decay"] != 0:
        raise RuntimeError(
            "weight_decay option is not compatible with sparse gradients: it would move every slice. "
            "Set weight_decay=0 for this group, or make the layer dense."
        )


def family() -> dict[str, type[Any]]:
    """Every rule's class by its name: those above, and what the rule alone makes of the others."""
    own = {cls.rule.name: cls for cls in (SGD, Adagrad, AdamW, SparseAdam, Adafactor, Muon)}
    classes = [own.get(name) or optimizer(getattr(rules, name)) for name in rules.__all__]
    for cls in classes:
        cls.__module__, cls.__qualname__ = "steepest.torch", cls.__name__
        if "__init__" in vars(cls):
            options.with_init_signature(cls.signature, cls.__init__)
    return {cls.__name__: cls for cls in classes}
