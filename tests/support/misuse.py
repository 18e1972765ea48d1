"""Parameters, gradients, state and optimizers that anything may be done to between two steps; see `deeds.py`."""

import contextlib
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from steepest.compiler.branches import scalar_states
from support.configurations import Configuration
from support.inside import divided_as, has_own_memory, inside, is_partial, is_sharded, put
from support.memory import Guarded, Strides, contiguous
from support.refusal import in_memory, overlaps_itself
from support.shadow import step
from support.wrappers import Logged, Marked

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
        self.wrapper = (Marked.of, Logged)[sum(shapes) % 2]
        """Of two kinds of subclasses, of which neither knows the other, a world has one."""
        Logged.made.clear()
        self.options = {name: self.optimizer.defaults[name] for name in configuration.rule.hyperparameters}
        """Values of hyperparameters that work."""
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
            g, old = self.gradient(p), inside(p.grad)
            if new or old is None or old.shape != p.shape or old.is_sparse or g.is_sparse:
                give(p, g)
            elif in_memory(old) and not overlaps_itself(old) and old.is_complex() == g.is_complex():
                old.copy_(g)

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
    def numbers(self) -> list[str]:
        """The states that are one number."""
        return ["step", *sorted(scalar_states(self.configuration.rule))]

    def replace(self, old: Tensor, new: Tensor) -> None:
        """Put another parameter in the place of one, in every group; state is left where it is."""
        self.parameters = [new if one is old else one for one in self.parameters]
        for group in (group for optimizer in self.optimizers for group in optimizer.param_groups):
            group["params"] = [new if one is old else one for one in group["params"]]

    # --- steps --------------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """Take a step and hold it to its shadow; after a refusal put right what was wrong and take another."""
        if step(self.optimizer, self.kept) is not None:
            self._put_right()
            assert step(self.optimizer, self.kept) is None, "nothing is wrong any more"
        self._put_right_values()

    def _put_right(self) -> None:
        for group in self.optimizer.param_groups:
            group.update(self.options)
            if "weight_decay" in group and any(p.grad is not None and p.grad.is_sparse for p in group["params"]):
                group["weight_decay"] = 0.0
            for p in {id(p): p for p in group["params"]}.values():
                self.optimizer.state.pop(p, None)
                if is_partial(p) or (not has_own_memory(p) and 0 in p.stride()):  # what no other memory puts right
                    self.replace(p, torch.nn.Parameter(self.tensor(p.shape, p.dtype)))
                else:
                    put(p, self.tensor(p.shape, p.dtype))
        for p in (p for group in self.optimizer.param_groups for p in group["params"]):
            give(p, self.gradient(p))

    def _put_right_values(self) -> None:
        """NaN equals NaN: without this, nothing more would be learnt about such a parameter."""
        for p in self.parameters:
            if in_memory(p) and not (inside(p).detach().abs() < 100).all():
                put(p, self.tensor(p.shape, p.dtype))
                self.optimizer.state.pop(p, None)


def give(p: Tensor, g: Tensor | None) -> None:
    """Set a gradient, also one that torch would not let through."""
    p.grad = None
    if g is not None and not g.is_sparse:
        g = divided_as(p, g)
    if g is not None and (g.shape, g.dtype, g.device) == (p.shape, p.dtype, p.device):
        p.grad = g
    elif g is not None and not g.is_sparse and not is_sharded(p) and has_own_memory(g):
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
    return memory.detach().as_subclass(Tensor).as_strided(like.shape, contiguous(like.shape), start)
