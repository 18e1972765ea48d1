"""The blocks of docs/frameworks.md run as they stand there."""

from pathlib import Path
from typing import Any

import pytest
import torch

import steepest
from support.blocks import blocks
from support.framework import X, Y, loader, needs, net, values

PACKAGES = {
    "Lightning": "lightning", "Trainer of transformers": "transformers", "accelerate": "accelerate", "peft": "peft",
    "opacus": "opacus", "timm": "timm", "skorch": "skorch",
}  # fmt: skip
QUIET = {"accelerator": "cpu", "logger": False, "enable_progress_bar": False, "enable_model_summary": False}
FEW = {"use_cpu": True, "report_to": "none", "disable_tqdm": True, "save_strategy": "no"}


def language_model() -> Any:
    import transformers

    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(vocab_size=29, **sizes))


@pytest.mark.parametrize("section", PACKAGES)
def test_a_block(section: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = needs(PACKAGES[section])
    if section == "timm":
        needs("timm.optim"), needs("timm.scheduler")
    monkeypatch.chdir(tmp_path)
    texts = [{"input_ids": torch.arange(6) + i, "labels": torch.arange(6) + i} for i in range(8)]
    names: dict[str, Any] = {
        PACKAGES[section]: package, "torch": torch, "steepest": steepest, "make_model": net, "batches": loader(),
        "loss": torch.nn.functional.mse_loss, "quiet": QUIET, "few": FEW, "texts": texts, "X": X, "Y": Y,
    }  # fmt: skip
    if section == "Trainer of transformers":
        names["language_model"] = language_model()
    (text,) = blocks(section)
    exec(compile(text, f"docs/frameworks.md, {section}", "exec"), names)
    trained = names.get("model") or names.get("adapted") or net()
    assert all(torch.isfinite(p).all() for p in values(trained))
