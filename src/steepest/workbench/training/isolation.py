"""What a run does not share with its surroundings: random states, the values of a model, the processor's cores."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

ONE_THREAD_BELOW = 100_000  # parameters


def random_states() -> dict[str, Any]:
    """The state of every global generator, in types that torch.load reads without executing code."""
    name, keys, *rest = np.random.get_state(legacy=True)
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": (name, torch.from_numpy(np.array(keys, dtype=np.int64)), *rest),
        "python": random.getstate(),
    }


def set_random_states(states: dict[str, Any]) -> None:
    """Restore the state of every global generator."""
    torch.set_rng_state(states["torch"])
    if states["cuda"]:
        torch.cuda.set_rng_state_all(states["cuda"])
    name, keys, *rest = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    random.setstate(states["python"])


def same_states(one: Any, other: Any) -> bool:
    """Whether these are the same random states, or parts of them."""
    if isinstance(one, torch.Tensor):
        return one.equal(other)
    if isinstance(one, dict):
        return all(same_states(state, other[name]) for name, state in one.items())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same_states, one, other))
    return one == other


def seed_generators(seed: int) -> None:
    """Seed the global generators."""
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


@contextmanager
def own_randomness(seed: int) -> Iterator[None]:
    """Seed the global generators, and restore the caller's states afterwards."""
    states = random_states()
    seed_generators(seed)
    try:
        yield
    finally:
        set_random_states(states)


@contextmanager
def threads_for(model: torch.nn.Module) -> Iterator[None]:
    """One thread for a small model, the caller's number of threads for others.

    Measured on two cores with `digits-mlp`, 1000 steps: alone 0.25 s with one thread or two; beside a process that
    keeps both cores busy about 1 s with one thread, and 3 to 34 s with two, which wait for each other at every step.
    One thread also adds up in one order, so that the numbers do not depend on the number of cores.
    """
    before = torch.get_num_threads()
    if sum(parameter.numel() for parameter in model.parameters()) < ONE_THREAD_BELOW:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def restored(model: torch.nn.Module) -> Iterator[None]:
    """Restore the values, gradients and modes of a model afterwards: a task may return the same model again."""
    values = {name: value.clone() for name, value in model.state_dict().items()}
    gradients = [p.grad for p in model.parameters()]
    modes = [module.training for module in model.modules()]
    try:
        yield
    finally:
        with torch.no_grad():
            model.load_state_dict(values)
        for p, gradient in zip(model.parameters(), gradients, strict=True):
            p.grad = gradient
        for module, mode in zip(model.modules(), modes, strict=True):
            module.training = mode
