"""Which tensors of a step lie in memory that the same step writes, by the ranges of their addresses."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate

import torch
from torch import Tensor

from steepest.compiler.program import Program
from steepest.torch.layout import is_dense, laid_out_as, memory
from steepest.torch.stepping.stepped_parameter import SteppedParameter


class Written:
    """The memory that the steps of these parameters write."""

    def __init__(self, program: Program, parameters: Iterable[SteppedParameter]) -> None:
        ranges = sorted(memory(tensor) for stepped in parameters for tensor in stepped.written(program))
        self._begins = [begin for begin, _ in ranges]
        self._reach = list(accumulate((end for _, end in ranges), max))  # how far all ranges up to each one go

    def copied_from(self, g: Tensor) -> Tensor:
        """The gradient, or a copy if it lies where something is written."""
        if not self._touches(g):
            return g
        return laid_out_as(g, g) if is_dense(g) else g.clone()

    def values_copied_from(self, g: Tensor) -> Tensor:
        """The same for a sparse gradient."""
        values = g.values()
        if not self._touches(values):
            return g
        own = self.copied_from(values)
        return torch.sparse_coo_tensor(
            g.indices(), own, g.shape, is_coalesced=True, check_invariants=False, device=g.device
        )

    def _touches(self, tensor: Tensor) -> bool:
        begin, end = memory(tensor)
        before = bisect_left(self._begins, end)
        return begin < end and before > 0 and self._reach[before - 1] > begin


def writing_together(program: Program, parameters: Sequence[SteppedParameter]) -> set[int]:
    """The ids of the parameters that write where another writes too: they must be stepped one after the other."""
    return _sharing_memory(program, parameters) | _there_twice(parameters)


def _there_twice(parameters: Sequence[SteppedParameter]) -> set[int]:
    by_parameter: dict[int, list[int]] = {}
    for stepped in parameters:
        by_parameter.setdefault(id(stepped.p), []).append(id(stepped))
    return {one for ids in by_parameter.values() if len(ids) > 1 for one in ids}


def _sharing_memory(program: Program, parameters: Sequence[SteppedParameter]) -> set[int]:
    written = [(*memory(tensor), stepped) for stepped in parameters for tensor in stepped.written(program)]
    sharing: set[int] = set()
    reach, owner = 0, None
    for begin, end, stepped in sorted(written, key=lambda r: r[:2]):
        if begin < min(reach, end) and owner is not None:
            sharing |= {id(owner), id(stepped)}
        if end > reach:
            reach, owner = end, stepped
    return sharing
