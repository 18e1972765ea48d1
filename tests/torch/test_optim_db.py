"""torch's own table of optimizer configurations and errors, run on our classes.

`torch.testing._internal.common_optimizers` ships with torch; it is imported here with torch.optim's classes replaced by
ours, so every configuration and every refusal that torch tests its own with is one of ours.
"""

import importlib
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch

import steepest

NAMES = [name for name in torch.optim.__all__ if hasattr(steepest.torch, name)]
MODULE = "torch.testing._internal.common_optimizers"


def _with_our_classes() -> tuple[Any, dict[str, type]]:
    """torch's table, made of our classes, and torch's classes by their names."""
    theirs = {name: getattr(torch.optim, name) for name in NAMES}
    sys.modules.pop(MODULE, None)
    try:
        for name in NAMES:
            setattr(torch.optim, name, getattr(steepest.torch, name))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's test utilities warn about what this machine has not
            module = importlib.import_module(MODULE)
    finally:
        for name, cls in theirs.items():
            setattr(torch.optim, name, cls)
        sys.modules.pop(MODULE, None)
    return module, theirs


DB, THEIRS = _with_our_classes()
INFOS = {info.optim_cls.__name__: info for info in DB.optim_db}


def configurations() -> Iterator[Any]:
    for name, info in INFOS.items():
        for options in info.optim_inputs_func(device="cpu"):
            yield pytest.param(name, options.kwargs, id=f"{name}-{options.desc}")


def errors() -> Iterator[Any]:
    for name, info in INFOS.items():
        for i, wrong in enumerate(info.optim_error_inputs_func("cpu", torch.float32)):
            yield pytest.param(name, wrong, id=f"{name}-{i}-{wrong.optimizer_error_input.desc}")


def parameters(name: str, dtype: torch.dtype) -> list[torch.nn.Parameter]:
    """Two matrices, and for all but Muon a vector and a single number."""
    random = torch.Generator().manual_seed(3)
    shapes = [(4, 5), (7, 3)] if name == "Muon" else [(4, 5), (7, 3), (6,), ()]
    return [torch.nn.Parameter(torch.randn(shape, generator=random, dtype=dtype)) for shape in shapes]


def loss(params: list[torch.nn.Parameter], step: int) -> torch.Tensor:
    return sum(((p - torch.cos(torch.arange(p.numel()) + step).view_as(p)).abs() ** 2).sum() for p in params)  # type: ignore[return-value]


def run(make: Any, name: str, kwargs: dict[str, Any], dtype: torch.dtype, steps: int = 7) -> tuple[list, dict]:
    params = parameters(name, dtype)
    kwargs = {key: value.clone() if isinstance(value, torch.Tensor) else value for key, value in kwargs.items()}
    optimizer = make(params, **kwargs)
    has_a_maximum = name == "LBFGS" and kwargs.get("maximize")  # its steps to an infinite one would be infinite
    for step in range(steps):

        def closure(step: int = step) -> torch.Tensor:
            optimizer.zero_grad()
            value = loss(params, step) * (-1 if has_a_maximum else 1)
            value.backward()
            if INFOS[name].only_supports_sparse_grads:
                for p in params:
                    p.grad = p.grad.to_sparse() if p.dim() else None  # type: ignore[union-attr]
            return value

        if kwargs.get("differentiable"):
            closure()
            with torch.no_grad():
                optimizer.step()
        else:
            optimizer.step(closure)
    return [p.detach() for p in params], optimizer.state_dict()["state"]


DTYPES = (torch.float64, torch.float32, torch.complex64, torch.complex128)
IN_EACH_DTYPE = ("strong_wolfe",)


def in_each_dtype() -> Iterator[Any]:
    """LBFGS is torch's arithmetic in any dtype, at twenty evaluations a step: two dtypes of it, but for its search."""
    for case in configurations():
        for dtype in DTYPES:
            again = case.values[0] == "LBFGS" and dtype in (torch.float32, torch.complex128)
            again = again and not any(word in str(case.id) for word in IN_EACH_DTYPE)
            yield pytest.param(*case.values, dtype, id=f"{case.id}-{dtype}", marks=[pytest.mark.exhaustive] * again)


def test_every_class_of_torch_is_ours() -> None:
    assert {*INFOS} == {name for name in torch.optim.__all__ if name[0].isupper()} - {"Optimizer"}
    assert all(info.optim_cls is getattr(steepest, name) for name, info in INFOS.items())


@pytest.mark.parametrize(("name", "kwargs", "dtype"), list(in_each_dtype()))
@pytest.mark.filterwarnings("ignore::UserWarning")  # torch warns about combinations of its own implementations
def test_a_configuration_gives_torchs_parameters_and_state(name: str, kwargs: dict, dtype: torch.dtype) -> None:
    if dtype.is_complex and not INFOS[name].supports_complex:
        with pytest.raises((RuntimeError, ValueError), match=r"(?i)complex"):
            run(getattr(steepest, name), name, kwargs, dtype)
        return
    if kwargs.get("differentiable"):
        kwargs = {key: value for key, value in kwargs.items() if key != "foreach"}
    ours, state = run(getattr(steepest, name), name, kwargs, dtype)
    theirs, expected = run(THEIRS[name], name, kwargs, dtype)
    torch.testing.assert_close(ours, theirs)
    assert [*state] == [*expected]
    for key, wanted in expected.items():
        assert [*state[key]] == [*wanted]
        torch.testing.assert_close(state[key], wanted)


@pytest.mark.parametrize(("name", "wrong"), list(errors()))
def test_what_torch_refuses_is_refused_in_its_words(name: str, wrong: Any) -> None:
    given, kind, pattern = wrong.optimizer_error_input, wrong.error_type, wrong.error_regex
    make = getattr(steepest, name)
    if wrong.error_on == DB.OptimizerErrorEnum.STEP_ERROR:
        optimizer = make(given.params, **given.kwargs)
        with pytest.raises(kind, match=pattern):
            optimizer.step()
    elif issubclass(kind, Warning):
        with pytest.warns(kind, match=pattern):
            make(given.params, **given.kwargs)
    else:
        with pytest.raises(kind, match=pattern):
            make(given.params, **given.kwargs)
