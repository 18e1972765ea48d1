"""Parameters and state of two runs, compared: the first number that differs is named."""

from collections.abc import Mapping

import torch
from torch import Tensor

Kept = Mapping[str, Tensor]
"""A parameter, under the name p, and its state."""


class Difference(Exception):  # noqa: N818 - it is a finding; the error is BrokenLawError
    """Two runs that should agree do not."""


def same(ours: Kept, right: Kept, where: str) -> None:
    """Refuse (Difference) what does not have the same bits; any NaN equals any other."""
    _check_names(ours, right, where)
    for name, value in right.items():
        _check_kind(ours[name], value, f"{where}: {name}")
        a, b = _numbers(ours[name]), _numbers(value)
        wrong = ((a != b) | (a.signbit() != b.signbit())) & ~(a.isnan() & b.isnan())
        _check_none(wrong, a, b, f"{where}: {name}")


def near(ours: Kept, right: Kept, bounds: Mapping[str, float], where: str) -> None:
    """Refuse (Difference) what differs by more than the bound of its name; a state without bound must be equal."""
    _check_names(ours, right, where)
    for name, value in right.items():
        a, b = _numbers(ours[name]), _numbers(value)
        if a.shape != b.shape:
            raise Difference(f"{where}: {name} has shape {tuple(a.shape)}, not {tuple(b.shape)}.")
        bound = bounds.get(name, 0.0)
        beyond = b.abs() > torch.finfo(ours[name].dtype).max / 2  # what this dtype cannot hold
        wrong = ~((a - b).abs() <= bound) & (a != b) & ~(a.isnan() & b.isnan()) & ~beyond
        _check_none(wrong, a, b, f"{where}: {name}", f" within {bound:.3g}")


def agree(ours: Kept, right: Kept, bounds: Mapping[str, float] | None, where: str) -> None:
    """Refuse (Difference) what is not near, or not the same where no bounds are given."""
    if bounds is None:
        same(ours, right, where)
    else:
        near(ours, right, bounds, where)


def _check_names(ours: Kept, right: Kept, where: str) -> None:
    if ours.keys() != right.keys():
        raise Difference(f"{where}: the state is {sorted(ours.keys() - {'p'})}, not {sorted(right.keys() - {'p'})}.")


def _check_kind(ours: Tensor, right: Tensor, what: str) -> None:
    if (ours.dtype, ours.shape) != (right.dtype, right.shape):
        raise Difference(
            f"{what} is {ours.dtype} of shape {tuple(ours.shape)}, not {right.dtype} of shape {tuple(right.shape)}."
        )


def _numbers(value: Tensor) -> Tensor:
    value = value.detach().resolve_conj()
    return (torch.view_as_real(value) if value.is_complex() else value).double()


def _check_none(wrong: Tensor, a: Tensor, b: Tensor, what: str, how_near: str = "") -> None:
    places = wrong.nonzero()
    if len(places):
        place = tuple(places[0].tolist())
        index = f"[{', '.join(map(str, place))}]" if place else ""
        more = f" ({len(places)} of {wrong.numel()} elements differ)" if len(places) > 1 else ""
        raise Difference(f"{what}{index} is {a[place].item()!r}, not {b[place].item()!r}{how_near}{more}.")
