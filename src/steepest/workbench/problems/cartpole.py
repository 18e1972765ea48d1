"""A pole on a cart (gymnasium's CartPole-v1), a policy gradient; needs gymnasium; a second or two a run.

Judged by the return: the number of steps, at most 500, for which the policy keeps the pole upright, without chance in
its actions.  Seeds differ much here, as they do in the literature (Henderson et al., "Deep reinforcement learning that
matters", 2018).  A run is short, so that few policies are perfect at its end: after 40 steps every optimizer had a rate
that gave 500, and none could be told from another.
"""

import importlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from steepest.workbench.errors import UsageError
from steepest.workbench.task import Task

ENVIRONMENTS, LONGEST = 8, 500
HELD_OUT_SEEDS = range(1_000_000, 1_000_010)
DISCOUNT = 0.98
CONSTANT_RETURN = 10.0
"""Of pushing to one side always; pushing at random gives about 22."""


def gymnasium() -> Any:
    """The package.

    Raises:
        UsageError: It is not installed.
    """
    try:
        return importlib.import_module("gymnasium")
    except ImportError:
        raise UsageError(
            "The problem cartpole needs gymnasium, which is not installed; type: pip install 'steepest[reinforcement]'"
        ) from None


class Starts:
    """The seeds of the environments of each step."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __iter__(self) -> Iterator[list[int]]:
        generator = torch.Generator().manual_seed(self.seed)
        while True:
            yield torch.randint(2**30, (ENVIRONMENTS,), generator=generator).tolist()


def episodes(model: nn.Module, seeds: list[int], greedy: bool) -> tuple[Tensor, Tensor, Tensor]:
    """One episode for each seed: observations and actions (step, episode, ...), and which steps were taken."""
    environments = [gymnasium().make("CartPole-v1").unwrapped for _ in seeds]
    now = [environment.reset(seed=seed)[0] for environment, seed in zip(environments, seeds, strict=True)]
    alive, seen, done, taken = [True] * len(seeds), [], [], []
    with torch.no_grad():
        while any(alive) and len(seen) < LONGEST:
            observed = torch.tensor([list(map(float, one)) for one in now])
            scores = model(observed)
            actions = scores.argmax(1) if greedy else torch.distributions.Categorical(logits=scores).sample()
            seen.append(observed)
            done.append(actions)
            taken.append(torch.tensor(alive))
            for place, action in enumerate(actions.tolist()):
                if alive[place]:
                    now[place], _, fell, _, _ = environments[place].step(action)
                    alive[place] = not fell
    return torch.stack(seen), torch.stack(done), torch.stack(taken)


def step(model: nn.Module, seeds: list[int], optimizer: Any) -> float:
    """Minus the mean return of eight episodes; the update makes actions likelier that were followed by more than usual.

    Williams, "Simple statistical gradient-following algorithms for connectionist reinforcement learning", 1992.
    """
    observed, actions, taken = episodes(model, seeds, greedy=False)
    rewards, to_go = taken.float(), torch.zeros_like(taken, dtype=torch.float32)
    following = torch.zeros(taken.shape[1])
    for place in reversed(range(len(rewards))):
        following = rewards[place] + DISCOUNT * following
        to_go[place] = following
    advantage = (to_go - to_go[taken].mean()) / (to_go[taken].std() + 1e-6)
    likelihood = torch.distributions.Categorical(logits=model(observed[taken])).log_prob(actions[taken])
    optimizer.zero_grad()
    (-(likelihood * advantage[taken]).mean()).backward()
    optimizer.step()
    return -rewards.sum(0).mean().item()


def evaluate(model: nn.Module) -> dict[str, float]:
    """The mean return of ten episodes whose starts no run is trained on."""
    _, _, taken = episodes(model, list(HELD_OUT_SEEDS), greedy=True)
    return {"return": taken.sum(0).float().mean().item()}


def task(seed: int) -> Task:
    """4 -> 32 -> 2, 16 steps of eight episodes."""
    gymnasium()
    torch.manual_seed(seed)
    return Task(
        model=nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 2)),
        loss=None,
        step=step,
        train=Starts(seed),
        evaluate=evaluate,
        metric="return",
        higher_is_better=True,
        steps=16,
        evaluations=4,
        baseline=CONSTANT_RETURN,
        target=400,
    )
