"""Kinds of GPU."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """A kind of GPU: `cuda` and 90, or `hip` and gfx942."""

    backend: str
    architecture: int | str

    @property
    def threads_of_a_warp(self) -> int:
        """Threads that go together."""
        return 32 if self.backend == "cuda" else 64
