"""What people do to parameters, gradients, state and groups between two steps, mistakes and malice included.

Each deed takes a world, one of its parameters and a number that chooses among its ways.
"""

import contextlib
import copy
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from support.memory import LAYOUTS
from support.misuse import FEW_DTYPES, SHAPES, World, give, view_of
from support.refusal import in_memory, overlaps_itself


def choose(options: Iterable[Any], how: int) -> Any:
    """One of them, by number."""
    options = list(options)
    return options[how % len(options)]


def another(w: World, how: int) -> Tensor:
    """Some parameter, perhaps the same."""
    return choose(w.parameters, how)


def dense_gradient(p: Tensor) -> list[Tensor]:
    """The memory of a parameter's gradient, if it has any."""
    if p.grad is None:
        return []
    return [p.grad._values() if p.grad.is_sparse else p.grad]


def everything(w: World, p: Tensor) -> list[Tensor]:
    """A parameter, its gradient and all of its state."""
    return [p, *dense_gradient(p), *w.tensors(p).values()]


def memory_of(w: World, p: Tensor, how: int) -> Tensor:
    """What a parameter, its gradient or its arrays of state lie in."""
    return choose([p.data, *dense_gradient(p), *w.arrays(p).values()], how)


# --- memory -----------------------------------------------------------------------------------------------------------


def resize_a_storage(w: World, p: Tensor, how: int) -> None:
    tensor = choose(everything(w, p), how // 6)
    if tensor.device.type != "cpu" or not tensor.untyped_storage().resizable():
        return
    size = tensor.untyped_storage().nbytes()
    end = (tensor.storage_offset() + tensor.numel()) * tensor.element_size()
    tensor.untyped_storage().resize_(choose((0, 1, max(end - 1, 0), end, size, 2 * size + 64), how))
    _fill_again(w)


def _fill_again(w: World) -> None:
    """Memory that was just allocated holds anything, and tensors that are not refused are computed with."""
    for p in w.parameters:
        for tensor in everything(w, p):
            if tensor.device.type == "cpu" and in_memory(tensor) and not overlaps_itself(tensor):
                tensor.detach().copy_(w.values(tensor.shape, tensor.dtype))
        _count_again(w, p)


def _count_again(w: World, p: Tensor) -> None:
    """Steps are whole numbers."""
    for name, number in w.tensors(p).items():
        if name in w.numbers and number.device.type == "cpu" and in_memory(number):
            number.fill_(3.0 if name == "step" else 0.25)


def new_data(w: World, p: Tensor, how: int) -> None:
    p.data = w.tensor(p.shape, p.dtype, choose(LAYOUTS, how))


def new_data_of_another_shape(w: World, p: Tensor, how: int) -> None:
    p.data = w.tensor(choose(SHAPES, how), p.dtype)
    if how % 2:
        give(p, w.gradient(p))
    if how % 4 > 1:
        w.optimizer.state.pop(p, None)


def new_data_of_another_dtype(w: World, p: Tensor, how: int) -> None:
    with contextlib.suppress(RuntimeError):  # a complex gradient stays
        p.data = w.tensor(p.shape, choose(w.dtypes, how))
        if how % 2:
            give(p, w.gradient(p))


def transpose_in_place(w: World, p: Tensor, how: int) -> None:
    matrices = [t for t in everything(w, p) if t.dim() == 2 and in_memory(t)]
    with torch.no_grad():
        for tensor in matrices if how % 3 == 0 else matrices[how % 3 : how % 3 + 1]:
            tensor.t_()


def set_in_place(w: World, p: Tensor, how: int) -> None:
    """Another storage, offset, size and strides under the same tensor."""
    tensor = choose([t for t in everything(w, p) if t.device.type == "cpu"], how // 8)
    shape = tensor.shape if how % 4 else choose(SHAPES, how // 4)
    with torch.no_grad():
        tensor.set_(w.tensor(shape, tensor.dtype, choose(LAYOUTS, how)))
    _count_again(w, p)


def data_in_anothers_memory(w: World, p: Tensor, how: int) -> None:
    view = view_of(memory_of(w, another(w, how), how // 4), p, shift=how % 3)
    if view is not None:
        p.data = view


def data_expanded(w: World, p: Tensor, how: int) -> None:
    p.data = w.tensor((1,) * p.dim(), p.dtype).expand(p.shape)


# --- state ------------------------------------------------------------------------------------------------------------


def replace_a_state(w: World, p: Tensor, how: int) -> None:
    names = [name for name in w.state(p) if name not in w.numbers]
    if not names:
        return
    name, more = choose(names, how // 14), how // 14
    w.optimizer.state[p][name] = choose(
        (
            *(w.tensor(p.shape, p.dtype, of) for of in LAYOUTS),
            w.tensor(p.shape, choose(w.dtypes, more)),
            w.tensor(choose(SHAPES, more), p.dtype),
            torch.zeros(p.shape, device="meta"),
            None,
            1.5,
            w.arrays(another(w, more)).get(name),
            view_of(memory_of(w, another(w, more // 2), more), p),
            w.tensor((1,) * p.dim(), p.dtype).expand(p.shape),
        ),
        how,
    )


def replace_a_number(w: World, p: Tensor, how: int) -> None:
    name = choose(w.numbers, how // 11)
    if name in w.state(p):
        value = 5.0 if name == "step" else 0.25
        w.optimizer.state[p][name] = choose(
            (
                value,
                int(value),
                torch.tensor([value]),
                torch.tensor(value, dtype=torch.float64),
                torch.tensor(value, dtype=torch.bfloat16),
                w.state(another(w, how)).get(name, value),
                torch.ones(2),
                torch.zeros((), device="meta"),
                None,
                "five",
                torch.ones(0),
            ),
            how,
        )


def drop_state(w: World, p: Tensor, how: int) -> None:
    state = w.state(p)
    if how % 4 == 0:
        w.optimizer.state.clear()
    elif how % 4 == 1:
        w.optimizer.state.pop(p, None)
    elif state:
        state.pop(choose(state, how // 4))


def exchange_states(w: World, p: Tensor, how: int) -> None:
    """Of two parameters, or with another optimizer: both then write to one."""
    state, q = w.optimizer.state, another(w, how)
    if how % 2:
        state[p], state[q] = state[q], state[p]
    else:
        state[p] = choose(w.optimizers, how).state[q]


def retype_a_number(w: World, p: Tensor, how: int) -> None:
    """Another tensor of one element, of another dtype or shape, or the same one made another in place."""
    name = choose(w.numbers, how // 8)
    value = w.tensors(p).get(name)
    if value is not None and value.device.type == "cpu" and in_memory(value) and value.numel() == 1:
        dtypes = (torch.float32, torch.float64, torch.int64, torch.int32) if name == "step" else FEW_DTYPES
        other = value.detach().to(choose(dtypes, how // 2)).reshape(choose(((), (1,), (1, 1)), how)).clone()
        if how % 2:
            w.optimizer.state[p][name] = other
        else:
            value.data = other


def write_as_wrappers_do(w: World, p: Tensor, how: int) -> None:
    """State and options of their own, which no step touches."""
    state, group = w.optimizer.state, choose(w.optimizer.param_groups, how // 4)
    if how % 4 == 0:
        state[p]["ema"] = w.tensor(p.shape)
    elif how % 4 == 1:
        state["wrapper"] = {"count": how}
    elif how % 4 == 2:
        group.setdefault("rho", 0.05)
    elif "ema" in w.state(p):
        del state[p]["ema"]


# --- gradients --------------------------------------------------------------------------------------------------------


def new_gradient(w: World, p: Tensor, how: int) -> None:
    more = how // 9
    ways: tuple[Callable[[], Tensor | None], ...] = (
        lambda: None,
        lambda: w.tensor((1,) * p.dim(), p.dtype).expand(p.shape),
        lambda: w.gradient(p, of=choose(LAYOUTS, more)),
        lambda: w.gradient(p, choose(w.dtypes, more)),
        lambda: torch._neg_view(w.tensor(p.shape, p.dtype)),  # pyright: ignore[reportPrivateImportUsage]
        lambda: w.tensor(p.shape, p.dtype).conj(),
        lambda: w.tensor(choose(SHAPES, more), p.dtype),
        lambda: w.sparse(w.tensor(p.shape, p.dtype), more),
        lambda: p.grad,
    )
    give(p, choose(ways, how)())


def gradient_in_anothers_memory(w: World, p: Tensor, how: int) -> None:
    view = view_of(choose(everything(w, another(w, how)), how // 4), p, shift=how % 3)
    if view is not None:
        give(p, view)


def sparse_gradient_in_anothers_memory(w: World, p: Tensor, how: int) -> None:
    if p.dim():
        part = torch.empty((min(how % 3, len(p)), *p.shape[1:]), dtype=p.dtype, device="meta")
        view = view_of(memory_of(w, another(w, how), how // 4), part)
        if view is not None:
            rows = torch.arange(len(view)).flip(0).unsqueeze(0)
            rows = rows + (how % 8 == 7) * len(p)  # out of the parameter
            give(p, torch.sparse_coo_tensor(rows, view, p.shape, is_coalesced=True, check_invariants=False))


def swap_gradients(w: World, p: Tensor, how: int) -> None:
    q = another(w, how)
    g, h = p.grad, q.grad
    give(p, h)
    give(q, g)


# --- groups and optimizers --------------------------------------------------------------------------------------------


def edit_a_group(w: World, p: Tensor, how: int) -> None:
    group = choose(w.optimizer.param_groups, how // 5)
    listed = [q is p for q in group["params"]]
    way = how % 5
    if way == 0:
        group["params"].append(p)  # perhaps for a second time
    elif way == 1 and any(listed) and len(listed) > 1:
        del group["params"][listed.index(True)]
    elif way == 2:
        group["params"].reverse()
    elif way == 3:
        group["params"] = [*group["params"]]
    else:
        w.parameters.append(torch.nn.Parameter(w.tensor((3,))))
        w.optimizer.add_param_group({"params": [w.parameters[-1]]})


def replace_a_parameter(w: World, p: Tensor, how: int) -> None:
    """By another one, in the world and in every group; its state moves with it, stays behind or is thrown away."""
    new = torch.nn.Parameter(w.tensor(p.shape if how % 3 else choose(SHAPES, how // 3), p.dtype))
    give(new, w.gradient(new))
    w.parameters = [new if one is p else one for one in w.parameters]
    for optimizer in w.optimizers:
        for group in optimizer.param_groups:
            group["params"] = [new if one is p else one for one in group["params"]]
        if how % 4 == 0 and p in optimizer.state:
            optimizer.state[new] = optimizer.state.pop(p)
        elif how % 4 == 1:
            optimizer.state.pop(p, None)


def edit_the_options(w: World, p: Tensor, how: int) -> None:
    group, more = choose(w.optimizer.param_groups, how // 9), how // 2
    rates = (0.02, torch.tensor(0.03), torch.tensor([0.04], dtype=torch.float64), torch.tensor([0.1, 0.2]))
    options = {
        "lr": choose(rates, more),
        "betas": choose(((0.5, 0.6), (torch.tensor(0.9), torch.tensor(0.99))), more),
        "momentum": choose((0.0, 0.5), more),
        "weight_decay": choose((0.0, 0.1), more),
        "maximize": bool(more % 2),
        "amsgrad": bool(more % 2),
        "nesterov": bool(more % 2),
    }
    name = choose([name for name in options if name in group], how)
    group[name] = options[name]


def load_a_checkpoint(w: World, p: Tensor, how: int) -> None:
    if _can_be_copied(w):
        with contextlib.suppress(ValueError, RuntimeError, KeyError, TypeError):  # of others, on meta, without a step
            saved = choose(w.optimizers, how // 2).state_dict()
            w.optimizer.load_state_dict(copy.deepcopy(saved) if how % 2 else saved)


def go_on_with_a_copy(w: World, p: Tensor, how: int) -> None:
    if _can_be_copied(w):
        w.parameters, w.optimizers = copy.deepcopy((w.parameters, w.optimizers))


def _can_be_copied(w: World) -> bool:
    """Torch's own clone() crashes where a storage was freed."""
    states = [t for o in w.optimizers for s in o.state.values() for t in s.values() if isinstance(t, Tensor)]
    return all(map(in_memory, [*w.parameters, *(p.grad for p in w.parameters if p.grad is not None), *states]))


def another_optimizer(w: World, p: Tensor, how: int) -> None:
    if len(w.optimizers) < 3:
        w.optimizers.append(w.configuration.ours(w.parameters))
    else:
        w.optimizers.insert(0, w.optimizers.pop())


Deed = Callable[[World, Tensor, int], None]

DEEDS: list[Deed] = [
    resize_a_storage, new_data, new_data_of_another_shape, new_data_of_another_dtype,
    transpose_in_place, set_in_place, data_in_anothers_memory, data_expanded, replace_a_state, replace_a_number,
    drop_state, exchange_states, new_gradient, gradient_in_anothers_memory, sparse_gradient_in_anothers_memory,
    swap_gradients, edit_a_group, edit_the_options, load_a_checkpoint, go_on_with_a_copy, another_optimizer,
]  # fmt: skip

ALONE: list[Deed] = [*DEEDS, retype_a_number, write_as_wrappers_do, replace_a_parameter]
"""Those that are tried one by one; random lives of the last three have not been looked through yet."""
