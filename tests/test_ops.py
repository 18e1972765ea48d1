"""Each operation of a rule gives the same on numbers, NumPy arrays and tensors."""

import math

import numpy as np
import pytest
import torch

from steepest import ops

VALUES = [-2.5, -0.0, 0.0, 0.25, 4.0, math.inf, -math.inf, math.nan]
EXPECTED = {
    "sqrt": [math.nan, -0.0, 0.0, 0.5, 2.0, math.inf, math.nan, math.nan],
    "sign": [-1.0, 0.0, 0.0, 1.0, 1.0, 1.0, -1.0, 0.0],
    "abs": [2.5, 0.0, 0.0, 0.25, 4.0, math.inf, math.inf, math.nan],
}


@pytest.mark.parametrize("name", EXPECTED)
def test_one_argument(name: str) -> None:
    operation = getattr(ops, name)
    with np.errstate(invalid="ignore"):
        on_array = operation(np.array(VALUES))
    np.testing.assert_array_equal(on_array, EXPECTED[name])
    np.testing.assert_array_equal(operation(torch.tensor(VALUES, dtype=torch.float64)).numpy(), EXPECTED[name])
    np.testing.assert_array_equal([operation(value) for value in VALUES], EXPECTED[name])


@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_the_larger_and_the_smaller_hand_on_nan_as_numpy_does(name: str) -> None:
    first, second = (grid.ravel() for grid in np.meshgrid(VALUES, VALUES))
    expected = getattr(np, name)(first, second)
    operation = getattr(ops, name)
    np.testing.assert_array_equal(operation(first, second), expected)
    np.testing.assert_array_equal(operation(torch.tensor(first), torch.tensor(second)).numpy(), expected)
    np.testing.assert_array_equal([operation(a, b) for a, b in zip(first, second, strict=True)], expected)


@pytest.mark.parametrize("name", ["exp", "log"])
def test_exponentials(name: str) -> None:
    values = [0.25, 1.0, 3.0]
    expected = [getattr(math, name)(value) for value in values]
    operation = getattr(ops, name)
    np.testing.assert_allclose(operation(np.array(values)), expected)
    np.testing.assert_allclose(operation(torch.tensor(values, dtype=torch.float64)).numpy(), expected)
    assert [operation(value) for value in values] == expected
