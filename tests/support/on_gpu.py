"""Optimizers whose tensors of the processor are taken for tensors of a GPU, over the driver that pretends.

gpu = on_gpu(monkeypatch)                  # step counts lie where the parameters are
gpu = on_gpu(monkeypatch, there=False)     # they lie elsewhere, on the host
"""

import pytest
import torch

from steepest.kernels.backend import BACKENDS
from steepest.torch import gpu
from steepest.torch.stepping import stepped_parameter
from support.configurations import REPRESENTATIVES
from support.pretended_gpu import Pretended

OFTEN = ("SGD", "Adam", "NAdam", "Rprop")
ROWS = [
    pytest.param(row, id=row.id, marks=() if row.name in OFTEN else pytest.mark.exhaustive) for row in REPRESENTATIVES
]
"""A step in the interpreter takes 0.1 s: `make test` runs the configurations of a few optimizers."""


def on_gpu(patch: pytest.MonkeyPatch, *, there: bool = True) -> Pretended:
    """From here on."""
    made = Pretended(patch)
    patch.setitem(BACKENDS, "cpu", made)
    patch.setattr(gpu, "is_on_host", lambda tensor: False)
    patch.setattr(gpu, "_captures", lambda: made.cuda.graph is not None)
    if not there:
        patch.setattr(stepped_parameter, "are_there", lambda numbers, p: False)
    return made


def everything(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    """Parameters and state, in order."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    return [*parameters, *(value for p in parameters for value in optimizer.state[p].values())]
