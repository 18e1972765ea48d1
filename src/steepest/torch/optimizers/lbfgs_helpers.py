"""What programs call of torch.optim.LBFGS beside `step`: own line searches and solvers are written with it."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from steepest.torch.optimizers.scheduled import ScheduledOptimizer
from steepest.torch.optimizers.vector import Function, flat_gradient, length


class Helpers(ScheduledOptimizer):
    """All parameters as one vector, under torch's names."""

    _maximize = False

    @property
    def _params(self) -> list[Tensor]:
        """The parameters; the state of all lies with the first."""
        return self.param_groups[0]["params"]

    @property
    def _sign(self) -> int:
        return -1 if self.param_groups[0].get("maximize", self._maximize) else 1

    def _numel(self) -> int:
        """Elements of the vector; a complex one is two."""
        return length(self._params)

    def _gather_flat_grad(self) -> Tensor:
        """The gradient, negative where the function is maximized."""
        return flat_gradient(self._params, self._sign)

    def _add_grad(self, t: Any, direction: Tensor) -> None:
        """Go t lengths of a direction."""
        with torch.no_grad():
            Function(lambda: None, self._params).move(t, direction)

    def _clone_param(self) -> list[Tensor]:
        """Where the parameters are."""
        return [p.clone(memory_format=torch.contiguous_format) for p in self._params]

    @torch.no_grad()
    def _set_param(self, params_data: Sequence[Tensor]) -> None:
        """Put the parameters there."""
        for p, data in zip(self._params, params_data, strict=True):
            p.copy_(data)

    def _directional_evaluate(self, closure: Callable[[], Any], x: Sequence[Tensor], t: Any, d: Tensor) -> Any:
        """Loss and gradient at t lengths of d from here; then the parameters are put to x."""
        self._add_grad(t, d)
        loss = self._sign * float(closure())
        gradient = self._gather_flat_grad()
        self._set_param(x)
        return loss, gradient
