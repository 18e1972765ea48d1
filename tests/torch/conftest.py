"""Where torch rounds in the middle of a step, both libraries are asked for float64."""

from collections.abc import Iterator

import pytest
import torch

from steepest.compiler.branches import scalar_states


@pytest.fixture(autouse=True)
def _states_of_one_number_in_float64(request: pytest.FixtureRequest) -> Iterator[None]:
    """torch rounds NAdam's mu_product and ASGD's eta to the default dtype before it uses them, we only when they are
    stored: a difference of 6e-8 in float32, none in float64, which the laws' tolerances are meant for."""
    configuration = getattr(request.node, "callspec", None) and request.node.callspec.params.get("configuration")
    before = torch.get_default_dtype()
    if configuration and scalar_states(configuration.rule):
        torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)
