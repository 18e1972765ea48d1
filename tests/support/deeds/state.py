"""What an optimizer keeps: replaced, exchanged, thrown away."""

import torch
from torch import Tensor

from support.deeds.choosing import another, choose, memory_of
from support.memory import LAYOUTS
from support.misuse import SHAPES, World, view_of


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


def write_as_wrappers_do(w: World, p: Tensor, how: int) -> None:
    """State and options of their own, which no step touches."""
    state, groups = w.optimizer.state, w.optimizer.param_groups
    if how % 4 == 0:
        state[p]["ema"] = w.tensor(p.shape)
    elif how % 4 == 1:
        state["wrapper"] = {"count": how}
    elif how % 4 == 2 and groups:
        choose(groups, how // 4).setdefault("rho", 0.05)
    elif "ema" in w.state(p):
        del state[p]["ema"]
