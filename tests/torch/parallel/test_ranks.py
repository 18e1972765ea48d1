"""The launcher of the tests beside this one: what hangs or fails is ended, and its output shown."""

import os
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import distributed

from support.ranks import Ranks


def total() -> float:
    value = torch.tensor(float(distributed.get_rank() + 1))
    distributed.all_reduce(value)
    return value.item()


def trouble(kind: str) -> None:
    print("said before", file=sys.stderr)
    if distributed.get_rank() == 1:
        match kind:
            case "raises":
                raise ValueError("this rank failed")
            case "ends":
                os._exit(3)
            case "hangs":
                time.sleep(600)
    total()


@pytest.mark.parametrize(
    ("kind", "shown"),
    [("raises", "ValueError: this rank failed"), ("ends", "the process ended"), ("hangs", "in trouble")],
)
def test_a_rank_in_trouble(kind: str, shown: str, tmp_path: Path) -> None:
    ranks = Ranks(2, tmp_path, seconds=10)
    assert ranks.run(total) == [3, 3]
    with pytest.raises(AssertionError, match="trouble on 2 ranks") as failed:
        ranks.run(trouble, kind)
    assert shown in str(failed.value)
    assert "said before" in str(failed.value)
    if kind == "raises":
        assert ranks.run(total) == [3, 3], "others start in their place"
    ranks.close()
