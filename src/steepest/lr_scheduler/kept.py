"""What a scheduler of ours keeps beside what torch's does."""

from typing import Any

from steepest.torch.state import skipped_steps as skips


class Kept:
    """What our schedulers have beside torch's: it stands apart from their attributes, which are saved and compared."""

    def __init__(self) -> None:
        self.steps: skips.Steps | None = None
        self.is_owned = False  # whether it is a part of another scheduler, which steps it and sets the rates
        self.is_as_torchs = False  # whether it is made of a scheduler that cannot say its rate at an epoch
        self.bases: dict[int, float] = {}  # of groups whose rate it follows from another one than the initial
        self.norms: dict[int, float] = {}  # what the values of these groups are multiples of
        self.products: dict[int, tuple[int, float]] = {}
        self.ends: dict[int, float] = {}  # rates by hand of groups whose scheduler had led to 0 and ended
        self.lows: dict[int, int] = {}  # how many low points of a cosine groups were past when they got their base
        self.restarted: tuple[float, float] | None = None  # of a cycle that somebody began anew: its epoch and length
        self.given: Any = None  # arguments that torch does not keep
