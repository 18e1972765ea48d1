"""The blocks of docs/frameworks.md that need torch alone run as they stand there; the others: tests/frameworks."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import steepest
from support.blocks import blocks, sections
from support.ranks import Group

OF_FRAMEWORKS = {"Lightning", "Trainer of transformers", "accelerate", "peft", "opacus", "timm", "skorch"}
ON_RANKS = ["DDP, ZeRO and FSDP1", "FSDP2 and tensor parallel"]
ALONE = ["torch.compile", "Class checks"]


def names() -> dict[str, Any]:
    """What the blocks take for granted."""
    model = nn.Sequential(nn.Linear(6, 10), nn.Tanh(), nn.Linear(10, 2))
    optimizer = steepest.AdamW(model.parameters())
    x, y = torch.ones(4, 6), torch.zeros(4, 2)
    given = {"torch": torch, "steepest": steepest, "x": x, "y": y, "loss": nn.functional.mse_loss}
    return given | {"make_model": lambda: model, "optimizer": optimizer}


def on_a_rank(section: str, folder: str) -> list[torch.Tensor]:
    from torch.distributed.checkpoint import state_dict
    from torch.distributed.fsdp import fully_shard
    from torch.distributed.optim import ZeroRedundancyOptimizer

    given = names() | {"fully_shard": fully_shard, "ZeroRedundancyOptimizer": ZeroRedundancyOptimizer, "folder": folder}
    given |= {"DistributedDataParallel": nn.parallel.DistributedDataParallel}
    given |= {name: value for name, value in vars(state_dict).items() if name.startswith(("get_", "set_"))}
    found = []
    for text in blocks(section):
        exec(compile(text, f"docs/frameworks.md, {section}", "exec"), given)
        nn.functional.mse_loss(given["model"](given["x"]), given["y"]).backward()
        given["optimizer"].step()
        found += [p.detach() for p in given["model"].parameters() if type(p) is nn.Parameter]
    return found


@pytest.mark.parametrize("section", ON_RANKS)
def test_a_block_on_ranks(section: str, ranks: Group, tmp_path: Path) -> None:
    first, second = ranks(2).run(on_a_rank, section, str(tmp_path))
    torch.testing.assert_close(first, second, rtol=0, atol=0)


@pytest.mark.parametrize("section", ALONE)
def test_a_block_in_one_process(section: str) -> None:
    given = names()
    for text in blocks(section):
        exec(compile(text, f"docs/frameworks.md, {section}", "exec"), given)


def test_every_block_is_run_by_a_test() -> None:
    assert {*sections()} == OF_FRAMEWORKS | {*ON_RANKS, *ALONE}
