"""All parameters as one real vector, for methods that need more of them than one element at a time."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from steepest.torch.layout import cells
from steepest.torch.sharded import divided, shard, whole

Closure = Callable[[], Any]


class Function:
    """A closure and its parameters as a function of one vector; a complex element is two real ones.

    sign: -1 for its negative, whose minimum is the maximum.
    """

    def __init__(self, closure: Closure, params: Sequence[Tensor], sign: int = 1) -> None:
        self.closure, self.params, self.sign = closure, params, sign
        self.evaluations = 0

    def __call__(self) -> tuple[Any, float, Tensor]:
        """What the closure returns here, that as a number, and the gradient: zero for parameters that have none."""
        with torch.enable_grad():
            returned = self.closure()
        if returned is None:
            raise TypeError("The closure returned None instead of the loss: end it with `return loss`.")
        loss = self.sign * float(whole(returned))
        self.evaluations += 1
        return returned, loss, flat_gradient(self.params, self.sign)

    def move(self, t: Any, d: Tensor) -> None:
        """Go t lengths of d."""
        offset = 0
        for p in self.params:
            part = d[offset : offset + cells(p)]
            whole_step = torch.view_as_complex(part.view(*p.shape, 2)) if p.is_complex() else part.view(p.shape)
            _real(shard(p)).add_(_real(shard(divided(whole_step, p))), alpha=t)
            offset += cells(p)

    def along(self, d: Tensor) -> Callable[[Any], tuple[float, Tensor]]:
        """t -> loss and gradient at t lengths of d from here; the parameters are put back whatever the closure does."""
        here = [p.clone() for p in self.params]

        def evaluate(t: Any) -> tuple[float, Tensor]:
            try:
                self.move(t, d)
                return self()[1:]
            finally:
                for p, x in zip(self.params, here, strict=True):
                    p.copy_(x)

        return evaluate


def length(params: Sequence[Tensor]) -> int:
    """Elements of the vector."""
    return sum(map(cells, params))


def dtype(params: Sequence[Tensor]) -> torch.dtype:
    """The dtype of the vector: the widest among the parameters."""
    return functools.reduce(torch.promote_types, (p.dtype.to_real() for p in params))


def flat_gradient(params: Sequence[Tensor], sign: int = 1) -> Tensor:
    """The gradients as one vector; zero for parameters that have none."""
    vector = torch.cat([_flat_gradient(p) for p in params])
    return vector if sign == 1 else -vector


def _flat_gradient(p: Tensor) -> Tensor:
    g = whole(torch.zeros_like(p) if p.grad is None else p.grad)
    return _real((g if g.layout is torch.strided else g.to_dense()).resolve_conj()).reshape(-1)


def _real(tensor: Tensor) -> Tensor:
    """The same memory as real numbers."""
    return torch.view_as_real(tensor.detach()) if tensor.is_complex() else tensor.detach()
