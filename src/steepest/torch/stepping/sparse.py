"""A step along a sparse gradient: the rule for the slices of the parameter that the gradient has, the others rest.

That is what torch's SparseAdam and Adagrad do ("lazy" updates), and SGD without momentum, where it is no choice.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from steepest.compiler.program import Program
from steepest.kernels.backend import NO_MEMORY, OVERLAP, NoKernelError
from steepest.torch import gpu
from steepest.torch.gpu import kernels_of
from steepest.torch.internals import increment_version, indices_of, values_of
from steepest.torch.layout import cells, has_kernel, laid_out_as
from steepest.torch.state.arrays import check_memory, no_memory
from steepest.torch.stepping.host_numbers import HostNumbers
from steepest.torch.stepping.stepped_parameter import SteppedParameter
from steepest.torch.stepping.tensors import step_in_place


def step(program: Program, stepped: SteppedParameter, gradient: Tensor, group: Mapping[str, Any]) -> None:
    """Step one parameter along a gradient that was `checked`."""
    slices, values = _slice_numbers(gradient), gradient.values()
    arrays = stepped.arrays(program)
    in_order = all(has_kernel(t) and t.is_contiguous() for t in (*arrays, values))
    kernel = (program, stepped.storages(program, values), stepped.p.device) if in_order else None
    if kernel is not None and not gpu.has_failed(kernel) and not group.get("differentiable", False):
        try:
            _step_in_kernel(program, stepped, slices, values, group)
            return
        except NoKernelError as error:
            gpu.gave_up(kernel, program.rule.name, error)
    _step_on_tensors(program, stepped, slices, values, group)


def checked(gradient: Tensor) -> Tensor:
    """A sparse COO gradient with each index once, and none outside: torch does not look unless asked, and may crash.

    Raises RuntimeError.
    """
    for part in (indices_of(gradient), values_of(gradient)):
        check_memory(part, "a sparse gradient")
    indices, sizes = indices_of(gradient), gradient.shape[: gradient.sparse_dim()]
    if indices.numel():
        low, high = indices.amin(1).tolist(), indices.amax(1).tolist()
        if min(low) < 0 or any(i >= n for i, n in zip(high, sizes, strict=True)):
            raise RuntimeError(
                f"A sparse gradient of shape {tuple(gradient.shape)} has indices from {low} to {high}, outside of it. "
                "Make it with torch.sparse_coo_tensor(..., check_invariants=True) to see where."
            )
    return gradient.coalesce()


def _slice_numbers(gradient: Tensor) -> Tensor:
    """Which slice of the parameter each one of the gradient is, counted through all sparse dimensions."""
    sizes = gradient.shape[: gradient.sparse_dim()]
    strides = torch.tensor(
        [math.prod(sizes[d + 1 :]) for d in range(len(sizes))], dtype=torch.int64, device=gradient.device
    )
    return (gradient.indices() * strides.unsqueeze(1)).sum(0)


def _step_in_kernel(
    program: Program, stepped: SteppedParameter, slices: Tensor, values: Tensor, group: Mapping[str, Any]
) -> None:
    slices = slices.contiguous()
    backend = kernels_of(stepped.p.device)
    assert backend is not None, "has_kernel asks for it"
    numbers = stepped.scalars(program)
    there = not gpu.is_on_host(stepped.p) and not stepped.keeps_numbers_on_host(program)
    on_host = HostNumbers(numbers, there=there)
    row = stepped.row(program, on_host.read(numbers))
    row = row.of_slices(slices.data_ptr(), len(slices) if values.numel() else 0, size=max(1, cells(values[:1])))
    prepared = backend.prepare(program, stepped.storages(program, values), [row])
    refused = prepared.run([values.data_ptr()], group, group["maximize"], torch.get_num_threads())
    if refused == OVERLAP:
        values = laid_out_as(values, values)
        prepared.run([values.data_ptr()], group, group["maximize"], torch.get_num_threads())
    if refused == NO_MEMORY:
        raise no_memory("a gradient")
    on_host.put_back(numbers)
    increment_version([stepped.p])


def _step_on_tensors(
    program: Program, stepped: SteppedParameter, slices: Tensor, values: Tensor, group: Mapping[str, Any]
) -> None:
    """The same by gathering the slices, stepping them as tensors and putting them back."""
    p, arrays = stepped.p, {name: stepped.state[name] for name in program.state}
    if not p.dim():  # one number, which has no slices
        p, arrays = p.unsqueeze(0), {name: value.unsqueeze(0) for name, value in arrays.items()}
    places = torch.unravel_index(slices, p.shape[: p.dim() - values.dim() + 1])
    part = {name: value[places] for name, value in arrays.items() if name not in stepped.uninitialized}
    state = {**stepped.state, **part}
    given = {name: state[name] for name in program.kept if name not in stepped.uninitialized}
    with torch.no_grad():
        some = p[places]
        step_in_place(program.rule, some, values, state, given, group)
        p[places] = some
        for name, value in arrays.items():
            value[places] = state[name]
