"""English text (the topics of Python's `help()`), a next-character LSTM; a few seconds a run."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from steepest.workbench.task import Task

LENGTH, BATCH, HIDDEN = 32, 16, 64
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


class NextCharacter(nn.Module):
    """Embedding, one LSTM layer, scores for the next character."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(ALPHABET, 32)
        self.lstm = nn.LSTM(32, HIDDEN, batch_first=True)
        self.score = nn.Linear(HIDDEN, ALPHABET)

    def forward(self, codes: Tensor) -> Tensor:
        """Scores, one row for each character of each window."""
        return self.score(self.lstm(self.embed(codes))[0])


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


def task(seed: int) -> Task:
    """Windows of 32 characters, batches of 16, 600 steps."""
    torch.manual_seed(seed)
    return Task(
        model=NextCharacter(),
        loss=loss,
        train=Windows(seed),
        evaluate=lambda model: {"val_loss": loss(model, held_out()).item()},
        steps=600,
        baseline=constant_loss(),
        target=2.0,
    )
