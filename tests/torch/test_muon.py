"""Muon beyond torch's: tensors of more dimensions, when asked."""

import pytest
import torch
from torch.nn import Parameter

import steepest


def gradients(shape: tuple[int, ...]) -> list[torch.Tensor]:
    return [torch.randn(shape, generator=torch.Generator().manual_seed(i)) for i in range(3)]


def stepped(make, shape: tuple[int, ...], view=lambda t: t, **options) -> torch.Tensor:
    p = Parameter(view(torch.ones(shape)).clone())
    optimizer = make([p], lr=0.1, **options)
    for g in gradients(shape):
        p.grad = view(g)
        optimizer.step()
    return p.detach().reshape(shape)


@pytest.mark.parametrize("options", [{}, {"nesterov": False}, {"adjust_lr_fn": "match_rms_adamw"}], ids=str)
def test_a_convolution_is_stepped_as_torch_steps_the_matrix_of_its_filters(options):
    ours = stepped(steepest.Muon, (6, 3, 2, 2), beyond_matrices="flatten", **options)
    theirs = stepped(torch.optim.Muon, (6, 3, 2, 2), lambda t: t.reshape(6, 12), **options)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


@pytest.mark.parametrize("shape", [(4, 5, 3), (2, 2, 3, 5)], ids=str)
def test_a_stack_of_matrices_is_stepped_as_torch_steps_each(shape):
    ours = stepped(steepest.Muon, shape, beyond_matrices="batch")
    for index in torch.cartesian_prod(*(torch.arange(n) for n in shape[:-2])).reshape(-1, len(shape) - 2).tolist():
        place = tuple(index)
        p = Parameter(torch.ones(shape[-2:]))
        theirs = torch.optim.Muon([p], lr=0.1)
        for g in gradients(shape):
            p.grad = g[place].clone()
            theirs.step()
        # bfloat16 products of a batch may be summed in another order: 2^-8 of an update of at most 0.1, three times
        torch.testing.assert_close(ours[place], p.detach(), rtol=0, atol=3 * 0.1 * 2**-7)


def test_more_dimensions_are_refused_unless_asked_for():
    with pytest.raises(ValueError, match=r"Muon only supports 2D parameters.*beyond_matrices='flatten'"):
        steepest.Muon([Parameter(torch.ones(2, 3, 4))])
    with pytest.raises(ValueError, match="Muon only supports 2D parameters"):
        steepest.Muon([Parameter(torch.ones(3))], beyond_matrices="flatten")
    with pytest.raises(ValueError, match="beyond_matrices='all' is not supported: choose flatten or batch"):
        steepest.Muon([Parameter(torch.ones(2, 3, 4))], beyond_matrices="all")


def test_a_refused_group_is_not_added():
    optimizer = steepest.Muon([Parameter(torch.ones(2, 3))])
    with pytest.raises(ValueError, match="2D"):
        optimizer.add_param_group({"params": [Parameter(torch.ones(3))]})
    assert len(optimizer.param_groups) == 1


def test_the_update_is_nearly_orthogonal():
    """Its singular values lie around one, as Jordan (2024) says of these coefficients: 0.7 to 1.2."""
    from steepest.rules.muon import orthogonal

    x = orthogonal(torch.randn(20, 30, generator=torch.Generator().manual_seed(0)), (3.4445, -4.775, 2.0315), 1e-7, 5)
    values = torch.linalg.svdvals(x.float())
    assert 0.6 < values.min() < values.max() < 1.3
