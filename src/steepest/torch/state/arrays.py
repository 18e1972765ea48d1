"""The state of one parameter: made where it is missing, checked where it is not.  Names and dtypes are torch's."""

import contextlib
import math
from collections.abc import Iterable, Iterator, Mapping
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from steepest.compiler.branches import scalar_states
from steepest.compiler.program import Program, program
from steepest.compiler.rule import Rule
from steepest.torch import sharded
from steepest.torch.gpu import ADDRESSED
from steepest.torch.internals import is_zero_tensor
from steepest.torch.layout import has_memory, held, lies_in_its_storage

State = dict[str, Any]


def check_gradient(p: Tensor, g: Tensor, optimizer: str, *, sparse: bool = False) -> None:
    """Refuse, in a sentence, the gradients that cannot be used.

    sparse: whether the optimizer takes sparse COO gradients.
    """
    if g.layout is not torch.strided and not (sparse and g.layout is torch.sparse_coo):
        raise RuntimeError(
            f"{optimizer} does not support sparse gradients, please consider SparseAdam instead, or make the layer "
            "dense: `nn.Embedding(..., sparse=False)`."
        )
    sharded.check(p, g, optimizer)
    check_memory(p, "a parameter")
    check_memory(g, "a gradient")
    check_alike(p, g, optimizer)
    if sharded.is_sharded(p):  # a shard may have been replaced by one that is unlike its DTensor
        own, is_divided_alike = sharded.shard(p), sharded.placement(p) == sharded.placement(g)
        check_alike(own, sharded.shard(g) if is_divided_alike else own, optimizer)


def check_alike(p: Tensor, g: Tensor, optimizer: str) -> None:
    """Refuse a gradient that is of another shape, device or kind than its parameter, or a parameter that is not to be
    stepped at all (RuntimeError).
    """
    if not (p.is_floating_point() or p.is_complex()):
        raise RuntimeError(
            f"{optimizer} was given a parameter of {p.dtype}, which cannot hold the fraction that a step is. "
            "Make it a floating point tensor."
        )
    if p.is_inference() and not torch.is_inference_mode_enabled():
        raise RuntimeError(
            "Inplace update to inference tensor outside InferenceMode is not allowed: "
            "make the parameter outside of torch.inference_mode(), or clone it."
        )
    if _is_expanded(p):
        raise RuntimeError(
            "More than one element of a parameter refers to a single memory location, so a step would write it twice. "
            "Clone the parameter before it is given to an optimizer."
        )
    if p.is_complex() != g.is_complex():
        raise RuntimeError(
            f"{optimizer} was given a gradient of {g.dtype} for a parameter of {p.dtype}. "
            "One is complex, the other is not: make both the same."
        )
    if g.shape != p.shape:
        raise RuntimeError(
            f"{optimizer} was given a gradient of shape {tuple(g.shape)} for a parameter of shape {tuple(p.shape)}. "
            "The parameter was resized after backward(): call zero_grad() and backward() again before step()."
        )
    if g.device != p.device:
        raise RuntimeError(
            f"{optimizer} was given a gradient on {g.device} for a parameter on {p.device}. "
            "The parameter was moved after backward(): call zero_grad() and backward() again before step()."
        )


def _is_expanded(tensor: Tensor) -> bool:
    """Whether several elements lie in one place."""
    if tensor.layout is not torch.strided or tensor.numel() < 2:
        return False
    return any(stride == 0 and size > 1 for size, stride in zip(tensor.shape, tensor.stride(), strict=True))


def check_memory(tensor: Tensor, what: str) -> None:
    """Refuse a tensor whose storage was freed under it: torch's own operations would read address 0."""
    for part in held(tensor):
        if (
            part.layout is torch.strided
            and part.device.type in ADDRESSED
            and has_memory(type(part))
            and not is_zero_tensor(part)
            and not lies_in_its_storage(part)
        ):
            raise no_memory(what)


def no_memory(what: str) -> RuntimeError:
    """The error for a tensor without the memory that its shape needs."""
    return RuntimeError(
        f"The storage of {what} was freed or made smaller under it, so a step would read other memory. "
        "Do not resize storages between backward() and step()."
    )


@contextlib.contextmanager
def outlasting() -> Iterator[None]:
    """New tensors may be written to anywhere: state outlives the inference_mode of a step."""
    with torch.inference_mode(False), torch.no_grad():  # in this order: leaving inference_mode switches gradients on
        yield


def new_array(p: Tensor) -> Tensor:
    """An array of state before the first step: zeros, kept as the parameter is."""
    return torch.zeros_like(p, memory_format=torch.preserve_format)


def complete(program: Program, p: Tensor, state: State, *, numbers_there: bool = False) -> frozenset[str]:
    """Make what is missing of a parameter's state, put right what can be; the names of what this step starts.

    numbers_there: whether step count and states of one number belong on the parameter's device.
    Raises ValueError for a state that belongs to a parameter of another shape, RuntimeError for one without memory.
    """
    with outlasting():
        new = _complete(program, p, state)
        if numbers_there:
            for name in (*(["step"] if program.rule.counts else []), *program.scalar_states):
                state[name] = state[name].to(p.device)
        return new


def _complete(program: Program, p: Tensor, state: State) -> frozenset[str]:
    if program.rule.counts:
        state["step"] = number(state.get("step", 0.0), "the step count of a parameter")
    missing = [name for name in program.kept if state.get(name) is None]
    for name in missing:
        state[name] = 0.0 if name in program.scalar_states else new_array(p)
    for name in program.scalar_states:
        state[name] = number(state[name], f"the state {name!r} of a parameter", counts=False)
    for name in program.state:
        check_shape(name, state[name], p)
        if state[name].layout is not torch.strided:  # torch's SGD keeps the momentum of sparse gradients sparse
            state[name] = state[name].to_dense()
        check_kind(name, state[name], p)
        check_memory(state[name], f"the state {name!r}")
        if _is_expanded(state[name]) or state[name].is_inference():
            state[name] = state[name].clone(memory_format=torch.contiguous_format)
        if state[name].device != p.device:
            state[name] = state[name].to(p.device)
        state[name] = sharded.divided(state[name], p)
        if sharded.is_sharded(p):  # a shard may have been replaced by one that is unlike its DTensor
            check_shape(name, sharded.shard(state[name]), sharded.shard(p))
            check_kind(name, sharded.shard(state[name]), sharded.shard(p))
    return frozenset(missing) & frozenset(program.uninitialized)


def check_saved(rule: Rule, saved: State, group: Mapping[str, Any], p: Tensor, which: str) -> None:
    """Refuse saved state that does not fit its parameter (ValueError).

    group: the hyperparameters that it was saved with.
    """
    if rule.counts and saved.get("step") is None and saved.keys() & {*rule.state}:
        raise ValueError(
            f"The state of {which} has {', '.join(map(repr, saved))} but no step count: it is of another optimizer. "
            "Load it into the optimizer that wrote it, or start this one without it. Nothing was changed."
        )
    one_number = {"step", *scalar_states(rule)} if rule.counts else scalar_states(rule)
    for name in (*rule.state, *one_number):
        if saved.get(name) is None:
            continue
        if name in one_number:
            number(saved[name], f"the state {name!r} of {which}", counts=name == "step")
        else:
            check_shape(name, saved[name], p, which)
            check_kind(name, saved[name], p, which)
            check_values(name, saved[name], p, which)
    if rule.counts and saved.get("step") is not None:
        lines = program(rule, {**rule.hyperparameters, **{n: v for n, v in group.items() if v is not None}})
        check_complete(saved, lines.kept, which)


def check_complete(saved: State, names: Iterable[str], which: str) -> None:
    """Refuse state that was stepped but has not all that a step makes, or an impossible step count (ValueError)."""
    step = float(saved["step"])
    if not 0 <= step < math.inf:
        raise ValueError(
            f"The step count of {which} is {step:g}: the checkpoint is damaged. Load one that is not. "
            "Nothing was changed."
        )
    missing = [name for name in names if saved.get(name) is None]
    if step and missing:
        raise ValueError(
            f"The state of {which} was stepped {step:g} times but has no {missing[0]!r}: the checkpoint is damaged. "
            "Load one that is not, or start this optimizer without it. Nothing was changed."
        )


def check_values(name: str, value: Tensor, p: Tensor, which: str) -> None:
    """Refuse a saved state without memory."""
    if sharded.is_sharded(value) and not sharded.is_sharded(p):
        raise ValueError(f"The state {name!r} of {which} is a DTensor: {sharded.NOT_DIVIDED} Nothing was changed.")
    check_memory(value, f"the state {name!r} of {which}")
    if value.is_meta and not p.is_meta:
        raise ValueError(
            f"The state {name!r} of {which} is on the meta device, so it has no values. "
            "Load the checkpoint with map_location='cpu'. Nothing was changed."
        )


def check_shape(name: str, value: Any, p: Tensor, which: str = "a parameter") -> None:
    """Refuse a state that is not of its parameter's shape."""
    if not isinstance(value, Tensor) or value.shape != p.shape:
        found = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"type {type(value).__name__}"
        raise ValueError(
            f"The state {name!r} of {which} of shape {tuple(p.shape)} has {found}: it was made for another model. "
            "Load the checkpoint that belongs to this model, or start without it."
        )


def check_kind(name: str, value: Tensor, p: Tensor, which: str = "a parameter") -> None:
    """Refuse a state that is complex where its parameter is not, the reverse, or of whole numbers."""
    if value.is_complex() != p.is_complex() or not (value.is_floating_point() or value.is_complex()):
        raise ValueError(
            f"The state {name!r} of {which} of {p.dtype} is of {value.dtype}, which is another kind of number. "
            "Load the checkpoint that belongs to this model, or start without it."
        )


def number(value: Any, what: str = "a step count", *, counts: bool = True) -> Tensor:
    """A state that is one number, as a tensor: the very one that is there, whatever its shape and wherever it lies.

    Processes that train together share it, so it is written in place.  A Python number, as checkpoints held it before
    torch 1.12, becomes a tensor on the CPU; so does a number of a dtype that could not hold the next ones, and one that
    nobody may write to outside of inference_mode.
    counts: whether it is raised by one at each step: floats of 16 bits stand still at 256 or 2048, 8 bits overflow.
    Raises ValueError for anything else.
    """
    is_tensor = isinstance(value, Tensor)
    one_number = value.numel() == 1 and not value.is_complex() if is_tensor else isinstance(value, Real)
    if not one_number:
        raise ValueError(
            f"{what[0].upper()}{what[1:]} is {value!r}, not a number: the checkpoint is damaged or of something else. "
            "Load the checkpoint that belongs to this model, or start without it."
        )
    if not is_tensor:
        return new_number(value)
    value = sharded.whole(value)  # that of a DTensor is the same in every process
    if value.is_meta:
        raise ValueError(
            f"{what[0].upper()}{what[1:]} is on the meta device, so it has no value. "
            "Load the checkpoint with map_location='cpu', or start without it."
        )
    check_memory(value, what)
    if (
        value.layout is torch.strided
        and not value.is_inference()
        and (value.dtype in _COUNT if counts else value.is_floating_point())
    ):
        return value
    return new_number(value)


def new_number(value: Any) -> Tensor:
    """A tensor of the host, whatever is usual where it is made."""
    with outlasting():
        return torch.tensor(float(value), dtype=number_dtype(), device="cpu")


_COUNT = (torch.float32, torch.float64, torch.int16, torch.int32, torch.int64)


def number_dtype() -> torch.dtype:
    """torch counts steps in float32, or in float64 where that is the default dtype."""
    return torch.float64 if torch.get_default_dtype() is torch.float64 else torch.float32
