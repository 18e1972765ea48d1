"""Arguments that a release of torch has and another has not, and the tools that ask which there are."""

import copy
import inspect
import pickle
from typing import Any

import pytest
import torch
from torch import nn

import steepest
from steepest import rules
from steepest.compiler.rule import read
from steepest.torch.optimizers import make, options

P = nn.Parameter


@pytest.fixture
def invented(monkeypatch: pytest.MonkeyPatch) -> Any:
    """SGD of a torch whose next release has `niceness`."""

    class SGD(torch.optim.SGD):
        def __init__(self, params, lr=1e-3, momentum=0, dampening=0, weight_decay=0, niceness=0.5, **more): ...

    parameters = [*inspect.signature(torch.optim.SGD).parameters.values()]
    niceness = inspect.Parameter("niceness", inspect.Parameter.KEYWORD_ONLY, default=0.5)
    SGD.__signature__ = inspect.Signature([*parameters, niceness])  # type: ignore[attr-defined]
    monkeypatch.setattr(options, "torch_class", lambda rule: SGD if rule.name == "sgd" else None)
    return make.optimizer.__wrapped__(rules.sgd)


def test_an_argument_that_is_not_known_is_refused_by_name(invented: Any) -> None:
    expected = r"SGD was given niceness=0\.9, an argument of this release of torch that steepest does not know yet"
    with pytest.raises(TypeError, match=expected):
        invented([P(torch.ones(2))], niceness=0.9)
    optimizer = invented([P(torch.ones(2))], niceness=0.5)
    with pytest.raises(TypeError, match=expected):
        optimizer.add_param_group({"params": [P(torch.ones(2))], "niceness": 0.9})
    assert len(optimizer.param_groups) == 1
    saved = copy.deepcopy(optimizer.state_dict())
    optimizer.load_state_dict(saved)
    saved["param_groups"][0]["niceness"] = 0.9
    with pytest.raises(TypeError, match=expected):
        optimizer.load_state_dict(saved)
    with pytest.raises(TypeError, match="unexpected keyword argument 'kindness'"):
        invented([P(torch.ones(2))], kindness=0.5)


ALL = [
    "LBFGS",
    *(name for name in steepest.__all__ if hasattr(getattr(steepest, name), "rule") and hasattr(torch.optim, name)),
]


@pytest.mark.parametrize("name", ALL)
def test_no_argument_of_this_torch_is_unknown(name: str) -> None:
    assert getattr(steepest, name).unknown == {}


@pytest.mark.parametrize("name", ALL)
def test_arguments_can_be_listed_as_tools_do(name: str) -> None:
    ours, theirs = getattr(steepest, name), getattr(torch.optim, name)
    listed = list(inspect.signature(ours.__init__).parameters.values())
    expected = list(inspect.signature(theirs.__init__).parameters)
    assert [parameter.name for parameter in listed][: len(expected)] == expected
    known = inspect.signature(theirs.__init__).parameters
    for parameter in listed[1:]:
        if parameter.name in known:
            assert parameter.kind is known[parameter.name].kind
            assert parameter.annotation == known[parameter.name].annotation
    assert inspect.getfullargspec(ours.__init__).args[:2] == ["self", "params"]


def test_a_subclass_lists_its_own() -> None:
    class Mine(steepest.AdamW):
        def __init__(self, params, speed=1.0):
            super().__init__(params, lr=speed)

    assert list(inspect.signature(Mine.__init__).parameters) == ["self", "params", "speed"]
    assert Mine([P(torch.ones(2))], speed=0.5).param_groups[0]["lr"] == 0.5


# --- LBFGS(maximize=True) ---------------------------------------------------------------------------------------------


def climbed(optimizer: Any, p: P, sign: float, steps: int = 3) -> list[float]:
    def closure() -> Any:
        optimizer.zero_grad()
        loss = sign * ((p - 2.0) ** 4 + 0.5 * (p + 1.0) ** 2).sum()
        loss.backward()
        return loss

    return [optimizer.step(closure).item() for _ in range(steps)]


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_maximizing_is_minimizing_the_negative(search: Any) -> None:
    """To the bit, since every number is negated; the loss that is returned is the caller's own."""
    p, q = (P(torch.tensor([0.5, -1.0, 3.0], dtype=torch.float64)) for _ in range(2))
    options: dict[str, Any] = {"lr": 0.05, "line_search_fn": search}
    up = climbed(steepest.LBFGS([p], maximize=True, **options), p, -1.0)
    down = climbed(steepest.LBFGS([q], **options), q, 1.0)
    assert up == [-loss for loss in down]
    assert torch.equal(p, q)
    assert up[-1] > up[0]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))], ids=["copied", "pickled"])
def test_a_copy_maximizes_too(copied) -> None:
    optimizer = steepest.LBFGS([P(torch.tensor([0.5]))], lr=0.05, maximize=True)
    another = copied(optimizer)
    p, q = optimizer.param_groups[0]["params"][0], another.param_groups[0]["params"][0]
    assert climbed(another, q, -1.0) == climbed(optimizer, p, -1.0)


def test_groups_have_torchs_keys() -> None:
    p = P(torch.ones(2))
    ours, theirs = (library.LBFGS([p]).state_dict()["param_groups"][0] for library in (steepest, torch.optim))
    assert ours.keys() == theirs.keys()


# --- what programs call of LBFGS --------------------------------------------------------------------------------------


def test_the_helpers_are_torchs() -> None:
    found = []
    for library in (torch.optim, steepest):
        p, q = P(torch.tensor([1.0, 2.0])), P(torch.tensor([[3.0], [4.0]]))
        optimizer = library.LBFGS([p, q])

        @torch.enable_grad()
        def closure(p=p, q=q, optimizer=optimizer) -> Any:
            optimizer.zero_grad()
            loss = (p * p).sum() + (q**3).sum()
            loss.backward()
            return loss

        closure()
        here, direction = optimizer._clone_param(), torch.tensor([1.0, -1.0, 0.5, 0.25])
        gathered = optimizer._gather_flat_grad()
        with torch.no_grad():
            loss, gradient = optimizer._directional_evaluate(closure, here, 0.5, direction)
            optimizer._add_grad(2.0, direction)
        moved = torch.cat([one.detach().flatten() for one in (p, q)])
        with torch.no_grad():
            optimizer._set_param(here)
        found.append(
            [float(optimizer._numel()), *gathered.tolist(), loss, *gradient.tolist(), *moved.tolist(), *p.tolist()]
        )
    assert found[1] == pytest.approx(found[0])


# --- Muon(adjust_lr_fn="spectral_unclamped") --------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (5, 5)], ids=str)
def test_spectral_unclamped_is_the_root_of_rows_over_columns(shape) -> None:
    """The update of torch's "original" is scaled by max(1, rows / columns) under the root, so the ratio of the two."""
    ends = []
    for choice in ("original", "spectral_unclamped"):
        p = P(torch.zeros(shape))
        p.grad = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        steepest.Muon([p], lr=0.1, adjust_lr_fn=choice, weight_decay=0.0).step()
        ends.append(p.detach())
    rows, columns = shape
    torch.testing.assert_close(ends[1], ends[0] * min(1.0, (rows / columns) ** 0.5), rtol=1e-6, atol=0)


def test_a_strangers_rule_takes_what_it_has() -> None:
    assert options.unknown(read(rules.lion)) == {}
