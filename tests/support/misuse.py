"""Parameters, gradients, state and optimizers that anything may be done to between two steps; see `deeds.py`."""

import contextlib
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from steepest.compiler.branches import scalar_states
from support.configurations import Configuration
from support.memory import Guarded, Strides, contiguous
from support.refusal import in_memory, overlaps_itself
from support.shadow import step

SHAPES = ((3, 4), (4, 4), (5,), (), (2, 3, 2, 2), (0, 3), (17,))
FEW_DTYPES = (torch.float32, torch.float64)
DTYPES = (*FEW_DTYPES, torch.bfloat16, torch.float16)


class World:
    """Parameters, the optimizers that share them, and every buffer there ever was.

    shapes: of the parameters, by number; from 7 on they are complex.  dtypes: what they may change to.
    """

    def __init__(self, configuration: Configuration, shapes: Sequence[int], dtypes: tuple[torch.dtype, ...]) -> None:
        self.configuration, self.dtypes = configuration, dtypes
        self.sparse_only = configuration.name == "SparseAdam"
        self.random = torch.Generator().manual_seed(0)
        self.kept: list[Tensor] = []
        complex_from = 14 if self.sparse_only else 7
        kinds = [torch.complex64 if i >= complex_from else torch.float32 for i in shapes]
        tensors = [self.tensor(SHAPES[i % 7], kind) for i, kind in zip(shapes, kinds, strict=True)]
        self.parameters = [torch.nn.Parameter(tensor) for tensor in tensors]
        half = len(shapes) // 2
        groups = [self.parameters[:half], self.parameters[half:]] if half else [self.parameters]
        self.optimizers = [configuration.ours([{"params": group} for group in groups])]
        self.refresh_gradients(new=True)

    @property
    def optimizer(self) -> Any:
        """The one whose turn it is."""
        return self.optimizers[-1]

    # --- tensors ------------------------------------------------------------------------------------------------------

    def values(self, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """Between 1/2 and 3/2, so that no root or quotient is ill-conditioned."""
        if dtype.is_complex:
            return torch.complex(self.values(shape, torch.float32), self.values(shape, torch.float32)).to(dtype)
        return (0.5 + torch.rand(tuple(shape), generator=self.random)).to(dtype)

    def tensor(self, shape: Sequence[int], dtype: torch.dtype = torch.float32, of: Any = contiguous) -> Tensor:
        """Such values, laid out so, with more of them before and behind."""
        strides: Strides = of(shape)
        guarded = Guarded(self.values(shape, dtype), strides)
        around = guarded.buffer.view(dtype)
        around.copy_(self.values(around.shape, dtype))
        self.kept.append(around)
        return guarded.tensor

    def gradient(self, p: Tensor, dtype: torch.dtype | None = None, of: Any = contiguous) -> Tensor:
        """A gradient for a parameter, of either sign."""
        g = self.tensor(p.shape, dtype or p.dtype, of)
        g.mul_(torch.randint(0, 2, g.shape, generator=self.random) * 2 - 1)
        return self.sparse(g) if self.sparse_only else g

    def sparse(self, g: Tensor, how: int = 0) -> Tensor:
        """The same gradient in some rows, or some elements, some of them twice."""
        if not g.dim():
            return g.to_sparse()
        dimensions = 1 + how % g.dim()
        there = g.to_sparse(dimensions).coalesce()
        some = torch.randint(0, 2, (there._nnz(),), generator=self.random).bool()
        indices, values = there.indices()[:, some], there.values()[some]
        if how % 3 == 0:
            return torch.sparse_coo_tensor(indices, values, g.shape, is_coalesced=True, check_invariants=True)
        return torch.sparse_coo_tensor(
            torch.cat([indices, indices], 1), torch.cat([values, values]), g.shape, check_invariants=True
        )

    def refresh_gradients(self, *, new: bool) -> None:
        """What a backward pass does, into memory of its own or into the old."""
        for p in self.parameters:
            g = self.gradient(p)
            if new or p.grad is None or p.grad.shape != p.shape or p.grad.is_sparse or g.is_sparse:
                give(p, g)
            elif in_memory(p.grad) and not overlaps_itself(p.grad) and p.grad.is_complex() == g.is_complex():
                p.grad.copy_(g)

    def state(self, p: Tensor) -> dict[str, Any]:
        """What the optimizer keeps for a parameter."""
        return self.optimizer.state.get(p, {})

    def tensors(self, p: Tensor) -> dict[str, Tensor]:
        """The tensors of a parameter's state."""
        return {name: value for name, value in self.state(p).items() if isinstance(value, Tensor)}

    def arrays(self, p: Tensor) -> dict[str, Tensor]:
        """Those that are not one number."""
        return {name: value for name, value in self.tensors(p).items() if name not in self.numbers}

    @property
    def numbers(self) -> set[str]:
        """The states that are one number."""
        return {"step", *scalar_states(self.configuration.rule)}

    # --- steps --------------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """Take a step and hold it to its shadow; after a refusal put right what was wrong and take another."""
        if step(self.optimizer, self.kept) is not None:
            self._put_right()
            assert step(self.optimizer, self.kept) is None, "nothing is wrong any more"
        self._put_right_values()

    def _put_right(self) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = 0.05
            if "weight_decay" in group and any(p.grad is not None and p.grad.is_sparse for p in group["params"]):
                group["weight_decay"] = 0.0
            for p in group["params"]:
                p.data = self.tensor(p.shape, p.dtype)
                give(p, self.gradient(p))
                self.optimizer.state.pop(p, None)

    def _put_right_values(self) -> None:
        """NaN equals NaN: without this, nothing more would be learnt about such a parameter."""
        for p in self.parameters:
            if in_memory(p) and not (p.detach().abs() < 100).all():
                p.data = self.tensor(p.shape, p.dtype)
                self.optimizer.state.pop(p, None)


def give(p: Tensor, g: Tensor | None) -> None:
    """Set a gradient, also one that torch would not let through."""
    p.grad = None
    if g is not None and (g.shape, g.dtype, g.device) == (p.shape, p.dtype, p.device):
        p.grad = g
    elif g is not None and not g.is_sparse:
        p.grad = torch.zeros_like(p)
        with contextlib.suppress(RuntimeError):  # real for complex
            p.grad.data = g


def view_of(memory: Tensor, like: Tensor, shift: int = 0) -> Tensor | None:
    """A contiguous view of another tensor's memory, of the shape of `like`; None if it has not enough."""
    if memory.device.type != "cpu" or memory.dtype != like.dtype or not in_memory(memory):
        return None
    start = memory.storage_offset() + shift
    if (start + like.numel()) * memory.element_size() > memory.untyped_storage().nbytes():
        return None
    return memory.detach().as_strided(like.shape, contiguous(like.shape), start)
