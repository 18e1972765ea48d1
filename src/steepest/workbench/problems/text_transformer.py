"""English text (the topics of Python's `help()`), a next-character transformer of two layers; a few seconds a run."""

import torch
from torch import Tensor, nn

from steepest.workbench.problems import _text
from steepest.workbench.problems._text import ALPHABET, LENGTH
from steepest.workbench.task import Task, without_decay_of_vectors

WIDTH, HEADS, LAYERS = 48, 4, 2


class NextCharacter(nn.Module):
    """Embeddings of characters and places, layers that are normalised first, scores for the next character."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(ALPHABET, WIDTH)
        self.place = nn.Parameter(0.02 * torch.randn(LENGTH, WIDTH))
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(WIDTH, HEADS, 4 * WIDTH, 0.0, "gelu", batch_first=True, norm_first=True)
            for _ in range(LAYERS)
        )
        self.norm = nn.LayerNorm(WIDTH)
        self.score = nn.Linear(WIDTH, ALPHABET)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(LENGTH), persistent=False)

    def forward(self, codes: Tensor) -> Tensor:
        """Scores, one row for each character of each window."""
        x = self.embed(codes) + self.place
        for layer in self.layers:
            x = layer(x, src_mask=self.mask, is_causal=True)
        return self.score(self.norm(x))


def task(seed: int) -> Task:
    """Windows of 32 characters, batches of 16, 300 steps; gradients of norm 1 at most, no decay of vectors."""
    return _text.task(NextCharacter, seed, steps=300, target=2.2, clip_norm=1.0, groups=without_decay_of_vectors)
