"""What is compiled for GPUs, without one: each kernel moves the bytes that it must, and nothing is approximate.

For sm_80 and sm_90 in the text of PTX and what ptxas made of it, for gfx942 in LLVM's and the assembler's.
"""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("triton", reason="Triton is not installed: it has packages for Linux alone")

import triton

from steepest import ops, rules
from steepest.compiler.program import Program, program
from steepest.compiler.rule import read
from steepest.kernels.storage import STORAGES
from steepest.kernels.triton import columns
from steepest.kernels.triton.machine_code import compiled
from steepest.kernels.triton.target import Target
from steepest.kernels.triton.text import KERNEL, arithmetic, text
from support.one_operation import rule_of, rule_that_uses

NVIDIA = [Target("cuda", 90), Target("cuda", 80)]
AMD = Target("hip", "gfx942")

CASES: list[tuple[str, dict[str, Any], str, int]] = [
    ("adam", {}, "float32", 28),  # p, g and two averages are read, all but g are written
    ("adam", {}, "bfloat16", 14),
    ("adam", {}, "float64", 56),
    ("adam", {"amsgrad": True}, "float32", 36),
    ("adamw", {}, "float32", 28),
    ("sgd", {}, "float32", 12),
    ("sgd", {"momentum": 0.9}, "bfloat16", 10),
    ("sgd", {"momentum": 0.9, "nesterov": True}, "float32", 20),
    ("rmsprop", {"centered": True, "momentum": 0.9}, "float32", 36),
    ("nadam", {}, "float32", 28),
    ("radam", {}, "float32", 28),
    ("adamax", {}, "float32", 28),
    ("adadelta", {}, "float32", 28),
    ("adagrad", {}, "float16", 10),
    ("asgd", {}, "float32", 20),
    ("rprop", {}, "float32", 28),
    ("lion", {}, "float32", 20),
    ("adan", {}, "float32", 44),
]
"""A rule, its options, the dtype of all its arrays, and the bytes that an element of a step must move."""
IDS = [f"{name}-{'-'.join(options)}-{kind}" for name, options, kind, _ in CASES]


@pytest.fixture(scope="module", autouse=True)
def _own_folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Triton's cache is that of nobody else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITON_CACHE_DIR", str(tmp_path_factory.mktemp("triton")))
        yield


def lines(name: str, options: dict[str, Any]) -> Program:
    rule = read(getattr(rules, name))
    return program(rule, rule.hyperparameters | options)


def made(found: Program, kinds: list[str], target: Target, *, indexed: bool = False) -> Any:
    source = text(found, kinds, indexed=indexed)
    return compiled(source, found.rule.name, KERNEL, arithmetic(kinds), target)


def bytes_moved(ptx: str) -> tuple[float, set[int]]:
    """Bytes of an element that the regular way moves, and how many at a time."""
    found = re.findall(r"\b(?:ld|st)\.global\.v(\d)\.b(\d+)", ptx)
    sizes = [int(count) * int(bits) // 8 for count, bits in found]
    return sum(sizes) * columns.LANES / columns.BLOCK, set(sizes)


def resources(cubin: bytes, folder: Path) -> dict[str, int]:
    """Registers and memory of a thread, as ptxas has them."""
    tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    file = folder / "kernel.cubin"
    file.write_bytes(cubin)
    said = subprocess.run([tool, "--dump-resource-usage", file], capture_output=True, text=True, check=True).stdout
    return {name: int(value) for name, value in re.findall(r"\b(REG|STACK|SHARED|LOCAL):(\d+)", said)}


def is_exact(ptx: str) -> None:
    assert not re.search(r"\bfma\.", ptx), "an addition and a product are contracted"
    assert not re.search(r"\.approx|div\.full|\.ftz", ptx), "something is approximate, or flushed to zero"
    assert not re.search(r"\.local\b|bar\.sync", ptx), "memory of a thread, or a barrier"


@pytest.mark.parametrize("target", NVIDIA, ids=str)
@pytest.mark.parametrize(("name", "options", "kind", "due"), CASES, ids=IDS)
def test_each_byte_is_moved_once_and_nothing_is_approximate(
    name: str, options: dict[str, Any], kind: str, due: int, target: Target, tmp_path: Path
) -> None:
    found = lines(name, options)
    code = made(found, [kind] * len(found.arrays), target)
    assert bytes_moved(code.asm["ptx"]) == (due, {16})
    assert due == found.moved * STORAGES[kind].sizes[0]
    is_exact(code.asm["ptx"])
    used = resources(code.asm["cubin"], tmp_path)
    assert used["REG"] <= (128 if kind == "float64" else 80)
    assert used["LOCAL"] == used["SHARED"] == 0
    assert used["STACK"] <= 16  # where the addresses of division's own function lie


MIXED = [
    (["bfloat16", "bfloat16", "float32", "float32"], {8, 16}, 22),
    (["bfloat16", "float32", "float32", "float32"], {8, 16}, 24),
    (["float32", "float64", "float64", "float64"], {8, 16}, 48),
]


@pytest.mark.parametrize(("kinds", "at_a_time", "due"), MIXED, ids=str)
def test_mixed_dtypes_cross_no_threads(kinds: list[str], at_a_time: set[int], due: int, tmp_path: Path) -> None:
    """16 bytes of bfloat16 are 8 elements and of float32 4: moved so, they would meet in shared memory, at barriers."""
    code = made(lines("adam", {}), kinds, NVIDIA[0])
    assert bytes_moved(code.asm["ptx"]) == (due, at_a_time)
    is_exact(code.asm["ptx"])
    assert resources(code.asm["cubin"], tmp_path)["SHARED"] == 0


@pytest.mark.parametrize(("name", "options", "kind", "due"), CASES, ids=IDS)
def test_the_same_for_amd(name: str, options: dict[str, Any], kind: str, due: int) -> None:
    found = lines(name, options)
    code = made(found, [kind] * len(found.arrays), AMD)
    assembly = code.asm["amdgcn"]
    assert len(re.findall(r"\bbuffer_(?:load|store)_dwordx4\b", assembly)) * 16 * columns.LANES == due * columns.BLOCK
    assert not re.search(r"\b(?:s_barrier|ds_\w+|scratch_\w+)\b", assembly)
    assert re.search(r"\.vgpr_spill_count:\s+0\b", assembly)
    assert re.search(r"\.amdhsa_float_denorm_mode_32 3\b", assembly), "small numbers are flushed to zero"
    assert not re.search(
        r"\bllvm\.(?:fma|fmuladd)\b|\bf(?:mul|add|sub|div) (?:fast|contract|arcp|afn|reassoc)", code.asm["llir"]
    )


@pytest.mark.parametrize("target", [*NVIDIA, AMD], ids=str)
def test_sparse_slices_are_compiled(target: Target) -> None:
    found = lines("adagrad", {})
    code = made(found, ["bfloat16", "bfloat16", "float32"], target, indexed=True)
    if target in NVIDIA:
        is_exact(code.asm["ptx"])


OTHERS = {
    "negated": "-p + -g * lr",
    "conditions": "where((p > 0) & (g < 1) | ~(p == g), p, 0.25) - lr * g",
    "powers": "p ** 2 / (1.0 + abs(g))",
    "numbers": "full_like(p, lr)",
    "condition_of_numbers": "where(lr > 1, p, g)",
}
"""Lines that no rule of ours has."""


@pytest.mark.parametrize("target", [NVIDIA[0], AMD], ids=str)
@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("name", [*ops.__all__, *OTHERS])
def test_every_operation_is_compiled(name: str, kind: str, target: Target, tmp_path: Path) -> None:
    rule = read(rule_of(OTHERS[name], name, tmp_path) if name in OTHERS else rule_that_uses(name, tmp_path))
    code = made(program(rule, rule.hyperparameters), [kind] * 2, target)
    if target in NVIDIA and name not in ("exp", "log"):  # libdevice's, in float64, are made of contracted operations
        is_exact(code.asm["ptx"])
