"""What is trained, in a few words."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from steepest.workbench import Task
from steepest.workbench.problems import digits_mlp
from steepest.workbench.training.card import card_of


def test_the_card_of_a_built_in_problem() -> None:
    """64 -> 64 -> 10: (64 + 1) 64 + (64 + 1) 10 parameters."""
    found = card_of(digits_mlp.task(0))
    assert found["model"] == "Flatten, Linear, ReLU, Linear"
    assert found["parameters"] == "4\u202f810"
    assert found["a batch"].endswith("64 int64")
    assert found["training data"].endswith(" rows")
    assert found["device"] == "cpu, float32"


def test_a_batch_may_be_anything() -> None:
    class Net(nn.Linear):
        pass

    def card(train: object) -> dict[str, str]:
        return card_of(Task(Net(2, 1), lambda model, batch: model(batch).sum(), train, lambda model: {}))  # type: ignore[arg-type]

    loader = DataLoader(TensorDataset(torch.zeros(12, 2)), batch_size=4)
    assert card(loader) | {"a batch": ""} == {
        "model": "Net",
        "parameters": "3",
        "a batch": "",
        "training data": "12 rows",
        "device": "cpu, float32",
    }
    assert card([{"x": torch.zeros(4, 2), "name": "text"}])["a batch"] == "x: 4 x 2 float32"
    assert "a batch" not in card([None])
