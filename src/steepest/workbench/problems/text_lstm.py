"""English text (the topics of Python's `help()`), a next-character LSTM; a few seconds a run."""

from torch import Tensor, nn

from steepest.workbench.problems import _text
from steepest.workbench.problems._text import ALPHABET
from steepest.workbench.task import Task

HIDDEN = 64


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


def task(seed: int) -> Task:
    """Windows of 32 characters, batches of 16, 600 steps."""
    return _text.task(NextCharacter, seed, steps=600, target=2.0)
