"""English text (the topics of Python's `help()`), as codes; its windows, and how well the next character is known."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from steepest.workbench.task import Task

LENGTH, BATCH = 32, 16
ALPHABET = 64  # the commonest characters keep a code of their own, the rest (under 0.5 %) share one


@cache
def split() -> tuple[Tensor, Tensor]:
    """The text as codes, most frequent first: its first nine tenths, and the rest."""
    from pydoc_data.topics import topics

    text = "\n".join(topics[name] for name in sorted(topics))
    counts = {character: text.count(character) for character in sorted(set(text))}
    commonest = sorted(counts, key=lambda character: -counts[character])[: ALPHABET - 1]
    code = {character: position for position, character in enumerate(commonest)}
    codes = torch.tensor([code.get(character, ALPHABET - 1) for character in text])
    cut = len(codes) * 9 // 10
    return codes[:cut], codes[cut:]


@cache
def held_out() -> Tensor:
    """128 windows spread evenly over the held-out text."""
    _, text = split()
    starts = torch.linspace(0, len(text) - LENGTH - 1, 128).long()
    return windows(text, starts)


def windows(text: Tensor, starts: Tensor) -> Tensor:
    """LENGTH characters and the one that follows, from each start: one row each."""
    return text[starts[:, None] + torch.arange(LENGTH + 1)]


class Windows:
    """Random windows of the training text; the order depends on the seed alone."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __iter__(self) -> Iterator[Tensor]:
        text, _ = split()
        generator = torch.Generator().manual_seed(self.seed)
        while True:
            yield windows(text, torch.randint(len(text) - LENGTH - 1, (BATCH,), generator=generator))


def loss(model: Any, batch: Tensor) -> Tensor:
    """Cross-entropy of the next character, in nats."""
    scores = model(batch[:, :-1])
    return functional.cross_entropy(scores.reshape(-1, ALPHABET), batch[:, 1:].reshape(-1))


@cache
def constant_loss() -> float:
    """The held-out loss of predicting the training text's character frequencies everywhere."""
    text, _ = split()
    frequencies = torch.bincount(text, minlength=ALPHABET) / len(text)
    return -frequencies.log()[held_out()[:, 1:]].mean().item()


def evaluate(model: Any) -> dict[str, float]:
    """The loss of the held-out windows."""
    return {"val_loss": loss(model, held_out()).item()}


def task(model: Callable[[], Any], seed: int, steps: int, target: float, **more: Any) -> Task:
    """The next character as a task, for a model that is made after the seed was set; more: what else the task says."""
    torch.manual_seed(seed)
    return Task(model(), loss, Windows(seed), evaluate, steps=steps, baseline=constant_loss(), target=target, **more)
