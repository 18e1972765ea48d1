"""Every operation of `steepest.ops`: what a new one must obey, without a line about it here."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import steepest
from steepest import ops
from steepest.compiler.evaluation import OPERATIONS
from steepest.compiler.formula import formula
from steepest.compiler.program import program
from steepest.compiler.rule import read
from support.one_operation import VALUES, rule_that_uses

C_LIBRARY = {"exp", "log"}
"""Whose last bit is the C library's own."""


@pytest.mark.parametrize("name", ops.__all__)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_kernel_gives_what_numpy_gives(name: str, dtype: Any, tmp_path: Path) -> None:
    """A missing spelling in `kernels/cpu/codegen.py` fails here."""
    rule = rule_that_uses(name, tmp_path)
    p, g = (grid.ravel().astype(dtype) for grid in np.meshgrid(VALUES, VALUES))
    with np.errstate(all="ignore"):
        expected = np.asarray(rule(p, g))
    parameter = torch.nn.Parameter(torch.tensor(p))
    parameter.grad = torch.tensor(g)
    steepest.optimizer(rule)([parameter]).step()
    tolerance = 4 * float(np.finfo(dtype).eps) if name in C_LIBRARY else 0.0
    np.testing.assert_allclose(parameter.detach().numpy(), np.broadcast_to(expected, p.shape), rtol=tolerance, atol=0)


@pytest.mark.parametrize("name", ops.__all__)
def test_it_is_evaluated_and_shown(name: str, tmp_path: Path) -> None:
    rule = read(rule_that_uses(name, tmp_path))
    lines = program(rule, rule.hyperparameters)
    assert name in lines.operations
    assert name in OPERATIONS
    assert formula(lines).startswith("p ← η · ")
