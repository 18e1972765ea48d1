"""Law: a kernel of Triton's, run by its interpreter, leaves the bits that the processor's kernel leaves.

Parameters, state, steps and numbers, and the bytes beside them.  What a GPU makes of the same text is what
`test_machine_code.py` holds, and `benchmarks/device.py` where there is a GPU.
"""

import random
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("triton", reason="Triton is not installed: it has packages for Linux alone")

from steepest import ops, rules
from steepest.compiler.program import Program, program
from steepest.compiler.rule import read
from steepest.kernels.backend import NO_MEMORY, OVERLAP, TAKEN, Row, backend_of
from steepest.kernels.triton import columns, rows
from steepest.kernels.triton.interpreted import INTERPRETED
from steepest.kernels.triton.interpreted_operations import bfloat16_bits
from support.configurations import TABLE, Configuration, by_representatives
from support.launches import DTYPES, SIZES, Launch, assert_same_bits
from support.one_operation import VALUES, rule_that_uses

CPU = backend_of("cpu")
assert CPU is not None
BACKENDS = (CPU, INTERPRETED)


def lines(row: Configuration) -> Program:
    return program(row.rule, row.hyperparameters)


@pytest.mark.parametrize("kind", DTYPES)
@pytest.mark.parametrize("row", by_representatives(TABLE), ids=lambda row: row.id)
def test_every_configuration_in_every_dtype_and_size(row: Configuration, kind: str) -> None:
    found = lines(row)
    kinds = [kind] * len(found.arrays)
    assert_same_bits(row, found, BACKENDS, kinds=kinds, sizes=SIZES[::-1])


@pytest.mark.parametrize("kind", DTYPES)
@pytest.mark.parametrize("row", by_representatives(TABLE), ids=lambda row: row.id)
def test_misaligned_views(row: Configuration, kind: str) -> None:
    found = lines(row)
    assert_same_bits(row, found, BACKENDS, kinds=[kind] * len(found.arrays), sizes=(33, 1), offset=1)


@pytest.mark.parametrize("offset", range(1, 9))
def test_a_view_at_every_offset(offset: int) -> None:
    row = next(row for row in TABLE if row.name == "Adam")
    assert_same_bits(row, lines(row), BACKENDS, kinds=["bfloat16"] * 4, sizes=(256,), offset=offset)


@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(n, marks=pytest.mark.exhaustive) for n in range(4, 100))])
@pytest.mark.parametrize("name", ["Adam", "Lion", "ASGD"])
def test_mixed_dtypes(name: str, seed: int) -> None:
    row = next(row for row in TABLE if row.name == name)
    found, chosen = lines(row), random.Random(seed)
    kinds = [chosen.choice([*DTYPES]) for _ in found.arrays]
    assert_same_bits(row, found, BACKENDS, kinds=kinds, sizes=(40, 1024, 3), seed=seed)


@pytest.mark.parametrize("count", [1, 2, 3, 64, 300])
def test_tables_of_tensors_whose_steps_differ(count: int) -> None:
    chosen = random.Random(count)
    row = next(row for row in TABLE if row.id.startswith("NAdam") and "decoupled" in row.id)
    found = lines(row)
    sizes = [1, *(chosen.choice([0, 0, 1, 2, 5, 16, 130 * (count < 100)]) for _ in range(count - 1))]
    steps = [chosen.choice([0, 1, 1, 7]) for _ in sizes]
    assert_same_bits(row, found, BACKENDS, kinds=["float32"] * len(found.arrays), sizes=sizes, steps=steps)


def test_a_table_of_nothing() -> None:
    row = next(row for row in TABLE if row.name == "Adam")
    found = lines(row)
    assert_same_bits(row, found, BACKENDS, kinds=["float32"] * 4, sizes=(0, 0))


def slices(backend, kinds: list[str], size: int, places: list[int]) -> Launch:
    """A step along a sparse gradient with these slices."""
    rule = read(rules.adagrad)
    found = program(rule, rule.hyperparameters)
    launch = Launch(found, kinds, [10 * size])
    index = torch.tensor(places or [0])
    row = launch.row(0).of_slices(index.data_ptr(), len(places), size)
    prepared = backend.prepare(found, tuple(kinds), [row])
    assert prepared.run([launch.address(0, 1)], rule.hyperparameters, False, 1) == TAKEN
    return launch


@pytest.mark.parametrize("kinds", [["float32"] * 3, ["bfloat16", "bfloat16", "float32"], ["float64"] * 3], ids=str)
@pytest.mark.parametrize("size", [1, 3, 200])
def test_sparse_slices(kinds: list[str], size: int) -> None:
    for places in ([], [0], [9], [8, 2, 5], [*range(10)]):
        first, second = (slices(backend, kinds, size, places) for backend in BACKENDS)
        assert all(map(torch.equal, first.bits(), second.bits()))


def test_a_gradient_in_memory_that_the_step_writes_is_refused() -> None:
    rule = read(rules.sgd)
    found = program(rule, rule.hyperparameters)
    p = torch.zeros(64)
    row = [Row(16, p.data_ptr() + 64 * i, (), 0, False, frozenset()) for i in (0, 2)]
    prepared = INTERPRETED.prepare(found, ("float32", "float32"), row)
    free, own = p.data_ptr() + 64 * 3, p.data_ptr() + 64 * 2
    assert not prepared.refuses([free, free])
    assert prepared.run([free, own - 4], rule.hyperparameters, False, 1) == OVERLAP
    assert prepared.run([free, own + 60], rule.hyperparameters, False, 1) == OVERLAP
    assert prepared.run([free, 0], rule.hyperparameters, False, 1) == NO_MEMORY
    prepared.write_beside(np.array([[free, free + 64]]))
    assert prepared.run([free, free], rule.hyperparameters, False, 1) == OVERLAP


def test_elements_behind_the_two_billionth(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table is that of a whole step; the first chunk's number makes the launch begin near the end of 4 GiB."""
    elements = 2**31 + 5
    p, g = (np.zeros(elements, np.int16) for _ in range(2))  # no page is real before it is touched
    g[-5:] = 0x3F80  # 1.0
    rule = read(rules.sgd)
    found = program(rule, rule.hyperparameters)
    row = Row(elements, p.ctypes.data, (), 0, False, frozenset())
    chunks, table = len(rows.rows_of_chunks([row])), rows.table([row])
    assert chunks == 2**21 + 1
    table[:, columns.FIRST_CHUNK] = -(chunks - 2)
    monkeypatch.setattr(rows, "table", lambda found: table)
    monkeypatch.setattr(rows, "rows_of_chunks", lambda found: np.zeros(2, np.int32))
    prepared = INTERPRETED.prepare(found, ("bfloat16", "bfloat16"), [row])
    assert prepared.run([g.ctypes.data], rule.hyperparameters | {"lr": 0.5}, False, 1) == TAKEN
    last = torch.from_numpy(p[-2048:]).view(torch.bfloat16)
    assert last[-5:].tolist() == [-0.5] * 5
    assert last[:-5].count_nonzero() == 0
    assert not p[:2048].any()


def test_bfloat16_is_rounded_to_nearest_even_as_torch_does() -> None:
    lower = np.array([0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF], np.uint32)
    values = ((np.arange(2**16, dtype=np.uint32) << 16)[:, None] | lower).ravel().view(np.float32)
    expected = torch.from_numpy(values).to(torch.bfloat16)
    found = torch.from_numpy(bfloat16_bits(values).view(np.int16)).view(torch.bfloat16)
    numbers = ~expected.isnan()
    assert torch.equal(found[numbers].view(torch.int16), expected[numbers].view(torch.int16))
    assert found[~numbers].isnan().all()


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("name", ops.__all__)
def test_every_operation_on_special_values(name: str, kind: str, tmp_path: Path) -> None:
    """Bit for bit but for NaN, which has many bits, and for exp and log, whose last one is the C library's own."""
    rule = read(rule_that_uses(name, tmp_path))
    found = program(rule, rule.hyperparameters)
    results = []
    for backend in BACKENDS:
        p, g = (torch.from_numpy(grid.ravel()).to(DTYPES[kind]) for grid in np.meshgrid(VALUES, VALUES))
        row = Row(p.numel(), p.data_ptr(), (), 0, False, frozenset())
        backend.prepare(found, (kind, kind), [row]).run([g.data_ptr()], rule.hyperparameters, False, 1)
        results.append(p)
    first, second = results
    if name in ("exp", "log"):
        torch.testing.assert_close(second, first, rtol=4 * torch.finfo(first.dtype).eps, atol=0, equal_nan=True)
    else:
        np.testing.assert_array_equal(second.numpy(), first.numpy())
        numbers = ~first.isnan()
        assert torch.equal(first.signbit()[numbers], second.signbit()[numbers])
