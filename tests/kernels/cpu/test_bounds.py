"""No kernel touches memory that is not its own: each runs as Python text, and every access is looked up beforehand.

Native code hides what it does wrong: a read behind the end finds a number as good as any, a write there is noticed by
somebody else.  See `support/checked.py` for what is looked up, `support/shadow.py` for what each step must give.
"""

from collections.abc import Sequence

import pytest
import torch

from steepest.kernels import backend
from steepest.kernels.cpu import entries, native, openmp
from steepest.kernels.cpu import step as cpu_step
from steepest.torch import layout
from steepest.torch.stepping import plan
from support import checked
from support.configurations import TABLE, Configuration
from support.memory import LAYOUTS, SHAPES, Guarded, contiguous
from support.shadow import step

STEPS = 3
DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16, torch.complex64)
SIZES = (0, 1, 7, 33)
CHUNK = 8
ADAM = Configuration("Adam", {"lr": 0.01, "amsgrad": True})
P = torch.nn.Parameter


def values(shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
    """Between 1/2 and 3/2, of either sign."""
    sign = torch.randint(0, 2, tuple(shape)) * 2 - 1
    return ((0.5 + torch.rand(tuple(shape))) * sign).to(dtype)


def guarded(shapes: Sequence[Sequence[int]], dtype: torch.dtype, turn: int = 0) -> list[torch.Tensor]:
    """Tensors of these shapes, each in another layout."""
    layouts = [LAYOUTS[(i + turn) % len(LAYOUTS)] for i in range(len(shapes))]
    return [Guarded(values(s, dtype), of(s)).tensor for s, of in zip(shapes, layouts, strict=True)]


def train(configuration: Configuration, params: list[P], gradients: Sequence[list[torch.Tensor]]) -> None:
    """A step along each list of gradients, held to its shadow."""
    optimizer = configuration.ours(params)
    for found in gradients:
        for p, g in zip(params, found, strict=True):
            p.grad = g
        assert step(optimizer) is None


@pytest.mark.structure
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_size_and_layout(configuration, dtype):
    shapes = [*((n,) for n in SIZES), *SHAPES]
    with checked.build() as build:
        params = [P(tensor) for tensor in guarded(shapes, dtype)]
        train(configuration, params, [guarded(shapes, dtype, turn) for turn in range(STEPS)])
    assert build.calls.count(configuration.rule.name) >= STEPS


@pytest.mark.parametrize("name", ["SGD", "Adagrad", "SparseAdam"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_sparse_gradients(name, dtype):
    def gradient(shape: tuple[int, ...], rows: list[int]) -> torch.Tensor:
        found = values((len(rows), *shape[1:]), dtype)
        return torch.sparse_coo_tensor(torch.tensor([rows]), found, shape, check_invariants=True)

    shapes, rows = [(9,), (5, 3), (4, 2, 3), (1, 1)], [[0], [2, 0], [3, 3], []]
    with checked.build() as build:
        params = [P(values(shape, dtype)) for shape in shapes]
        gradients = [[gradient(s, r) if s[0] > max(r, default=0) else gradient(s, [0]) for s in shapes] for r in rows]
        train(Configuration(name, {"lr": 0.01}), params, gradients)
    assert build.calls.count(Configuration(name, {}).rule.name) == len(shapes) * len(rows)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("own_threads", [False, True], ids=["openmp", "workers"])
def test_chunks_that_threads_share(count, own_threads, threads, monkeypatch):
    threads(count)
    for name, value in {"SMALLEST_CHUNK": CHUNK, "LARGEST_CHUNK": CHUNK, "PARALLEL_FROM": 0}.items():
        monkeypatch.setattr(cpu_step, name, value)
    if own_threads:
        monkeypatch.setattr(openmp, "team", lambda: None)
    sizes = [(n,) for n in (1, CHUNK - 1, 0, CHUNK, CHUNK + 1, 5 * CHUNK + 3)]
    with checked.build() as build:
        params = [P(values(n, torch.float32)) for n in sizes]
        train(ADAM, params, [[values(n, torch.float32) for n in sizes] for _ in range(STEPS)])
    calls = build.calls.count("adam")
    assert calls >= STEPS if own_threads else calls == count * STEPS  # workers may come too late to help


def test_rows_whose_steps_differ():
    params = [P(values((n,), torch.float32)) for n in (5, 9, 3, 4)]
    with checked.build() as build:
        for configuration in (ADAM, Configuration("NAdam", {"lr": 0.01}), TABLE[1]):
            optimizer = configuration.ours(params)
            for some in (1, 2, 4, 4):
                for i, p in enumerate(params):
                    p.grad = values(p.shape, p.dtype) if i < some else None
                assert step(optimizer) is None
    assert {"adam", "nadam", "sgd"} <= {*build.calls}


# --- it can fail ------------------------------------------------------------------------------------------------------

FAULTS = {
    "one element too many": ("range(begin_, end_)", "range(begin_, end_ + 1)"),
    "one element too early": ("range(begin_, end_)", "range(begin_ - 1, end_)"),
    "no end of a row": (f"min(begin_ + size_, load_int64_(row_, {entries.ELEMENTS}))", "begin_ + size_"),
    "one row too many": (f"load_int64_(arguments_, {entries.ROWS}) - 1", f"load_int64_(arguments_, {entries.ROWS})"),
    "a table too wide": ("row_ = table_ + first_ * ", "row_ = table_ + 8 + first_ * "),
    "a slot that is not there": ("load_scalar_(scalars_, 1)", "load_scalar_(scalars_, 100)"),
    "another row of scalars": (f"load_int64_(row_, {entries.SCALAR_ROW}) *", "9 *"),
    "a gradient for a state": ("load_exp_avg_(exp_avg_at_, i_)", "load_exp_avg_(g_at_, i_)"),
    "a gradient written to": ("store_p_(p_at_, i_, p)", "store_p_(g_at_, i_, p)"),
    "two states exchanged": (f"exp_avg_at_ = load_int64_(row_, {entries.STATE})", "exp_avg_at_ = load_int64_(row_, 7)"),
    "a counter that is none": ("chunk_ = fetch_add_(arguments_ + ", "chunk_ = fetch_add_(arguments_ + 999 + "),
    "a step count too many": ("range(rows):\n        address", "range(rows + 1):\n        address"),
    "a step count of float64": (f"if load_int64(table + row * width, {entries.STEP_IS_DOUBLE}):", "if True:"),
    "a range too far": (f"last = load_int64(arguments, {entries.WRITTEN_COUNT})\n", "last = 99\n"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_a_kernels_text_is_caught(fault):
    right, wrong = FAULTS[fault]
    with checked.build() as build:
        build.edit = lambda text: text.replace(right, wrong)
        params = [P(values((n,), torch.float32)) for n in (5, 9)]
        gradients = [[values(p.shape, p.dtype) for p in params]]
        with pytest.raises(checked.OutOfBoundsError):
            train(ADAM, params, gradients)


def test_without_a_fault_the_same_step_passes():
    with checked.build():
        params = [P(values((n,), torch.float32)) for n in (5, 9)]
        train(ADAM, params, [[values(p.shape, p.dtype) for p in params]])


def test_a_step_over_one_element_too_many_is_caught(monkeypatch):
    monkeypatch.setattr(
        "steepest.torch.stepping.stepped_parameter.Row",
        lambda **fields: backend.Row(**{**fields, "elements": fields["elements"] + 1}),
    )
    with checked.build(), pytest.raises(checked.OutOfBoundsError, match="load_p_ of a float32"):
        train(ADAM, [P(torch.ones(5))], [[torch.ones(5)]])


def test_a_step_over_tensors_of_another_dtype_is_caught(monkeypatch):
    monkeypatch.setitem(layout.STORAGE_OF_DTYPE, torch.float32, "float64")
    with checked.build(), pytest.raises(checked.OutOfBoundsError, match="float64"):
        train(ADAM, [P(torch.ones(6))], [[torch.ones(6)]])


def test_a_step_over_holes_is_caught(monkeypatch):
    monkeypatch.setattr(plan, "has_kernel", lambda _: True)
    p = Guarded(torch.ones(5, 3), (5, 1)).tensor
    with checked.build(), pytest.raises(checked.OutOfBoundsError, match="load_p_"):
        train(ADAM, [P(p)], [[Guarded(torch.ones(5, 3), (5, 1)).tensor]])


def test_memory_that_was_freed_is_not_allowed():
    freed, short, whole = (Guarded(torch.ones(4), contiguous((4,))).tensor for _ in range(3))
    freed.untyped_storage().resize_(0)
    short.untyped_storage().resize_((64 + 3) * 4 + 3)
    assert [len(checked.cells(tensor)) for tensor in (freed, short, whole)] == [0, 3, 4]


def test_the_build_is_undone():
    p = P(torch.ones(3))
    p.grad = torch.ones(3)
    with checked.build() as build:
        ADAM.ours([p]).step()
    before = [*build.calls]
    ADAM.ours([p]).step()
    assert before == build.calls == ["prepare", "adam"]
    assert native.load.__module__ == native.__name__
