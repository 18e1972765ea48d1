"""The functional form of a rule: `init` and `update` on tensors, nothing written in place.

Gradients flow through the steps, to parameters, gradients and hyperparameters (meta-learning), and `torch.func.vmap`
runs a population of them at once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor

from steepest.compiler.rule import Rule, read
from steepest.hyperparameters.arguments import check_names
from steepest.hyperparameters.values import in_python
from steepest.torch.internals import map_tree
from steepest.torch.optimizers import demands
from steepest.torch.stepping.tensors import as_scalars, step

State = dict[str, Any]


@dataclass
class _Stepped:
    """One parameter and its state after a step: a leaf, where a tuple would be a branch."""

    p: Tensor
    state: State


class functional:  # noqa: N801 - called like a function, as torch.func's are
    """A rule as two functions of tensors, or of nested dicts, lists and tuples of them.

    Args:
        rule: `f(p, g, *state, step, *, hyperparameters)`, one of `steepest.rules` or your own.
        maximize: Step up the gradient.
        **hyperparameters: Other values than the rule's defaults; numbers, or tensors that require a gradient.

    Raises:
        TypeError: The rule has no hyperparameter of this name.
        ValueError: A hyperparameter is out of its range.

    Examples:
        >>> import torch, steepest
        >>> adam = steepest.functional(steepest.rules.adam, lr=0.1)
        >>> p = torch.ones(3)
        >>> p, state = adam.update(p, torch.ones(3), adam.init(p))
        >>> p
        tensor([0.9000, 0.9000, 0.9000])
    """

    def __init__(self, rule: Callable[..., Any], *, maximize: bool = False, **hyperparameters: Any) -> None:
        self.rule = read(rule)
        self.maximize = maximize
        self.hyperparameters = self._with(hyperparameters)

    def init(self, params: Any) -> Any:
        """Make the state before the first step: a dict in place of each tensor, which the first step fills.

        Args:
            params: The parameters: tensors, or nested dicts, lists and tuples of them.
        """
        return map_tree(lambda _: _no_steps(self.rule), params)

    def update(self, params: Any, grads: Any, state: Any, **hyperparameters: Any) -> tuple[Any, Any]:
        """Compute the parameters and the state after one step; nothing that is given is changed.

        Args:
            params: The parameters, as given to `init`.
            grads: Their gradients, of the same shapes; None for a parameter that is to stay.
            state: From `init`, or from the step before.
            **hyperparameters: Values for this step alone.

        Returns:
            The new parameters and the new state.
        """
        chosen = as_scalars(self.rule, self._with(hyperparameters) if hyperparameters else self.hyperparameters)

        def stepped(p: Tensor, g: Tensor | None, own: State) -> _Stepped:
            return (
                _Stepped(p, own) if g is None else _Stepped(*step(self.rule, p, g, own, chosen, maximize=self.maximize))
            )

        found = map_tree(stepped, params, grads, state)
        return map_tree(attrgetter("p"), found), map_tree(attrgetter("state"), found)

    def _with(self, changed: Mapping[str, Any]) -> dict[str, Any]:
        changed = {name: in_python(value) for name, value in changed.items()}
        known = {**getattr(self, "hyperparameters", self.rule.hyperparameters)}
        check_names(f"functional({self.rule.name})", changed, known)
        demands.check(self.rule, known | {name: v for name, v in changed.items() if not _has_tensor(v)})
        return known | dict(changed)

    def __repr__(self) -> str:
        chosen = {name: v for name, v in self.hyperparameters.items() if v is not self.rule.hyperparameters[name]}
        chosen |= {"maximize": True} if self.maximize else {}
        return f"functional({', '.join([self.rule.name, *(f'{name}={value!r}' for name, value in chosen.items())])})"


def _has_tensor(value: Any) -> bool:
    """Whether a value has a tensor: under `torch.func.vmap` it cannot be compared with a range."""
    return any(isinstance(one, Tensor) for one in (value if isinstance(value, tuple) else (value,)))


def _no_steps(rule: Rule) -> State:
    return {"step": torch.zeros((), dtype=torch.float64, device="cpu")} if rule.counts else {}
