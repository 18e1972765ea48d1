"""Text in, machine code of a GPU out: compiled by Triton once, kept on disk; a warm process never imports Triton.

What is kept is found by all that it depends on: the text, the operations that it calls, the version of Triton, and the
kind of GPU.
"""

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

from steepest import cache
from steepest.frozen import text_of
from steepest.kernels.triton.target import Target
from steepest.kernels.undisturbed import undisturbed

compilations = 0
"""How many kernels this process has compiled; tests and benchmarks count it."""


@dataclass(frozen=True)
class Code:
    """Machine code of one kernel, and how it is launched.

    entry: the name of its function.  threads: of one program.  shared: bytes of memory that they share.
    arguments: their types as Triton writes them.
    """

    entry: str
    threads: int
    shared: int
    arguments: tuple[str, ...]
    binary: bytes


@functools.cache
def code(source: str, name: str, arguments: tuple[tuple[str, str], ...], real: str, target: Target) -> Code:
    """The machine code of the function `name` of this text.

    arguments: names and types.  real: the dtype that it computes in.
    """
    parts = [source, name, repr(arguments), real, repr(target), version("triton"), *map(_own_text, _FILES)]
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    kept = [found] if (found := cache.load(key)) is not None else []

    def make() -> None:
        kept.append(_compiled(source, name, dict(arguments), real, target))
        cache.store(key, kept[0])

    if not kept:
        undisturbed(make)
    head, _, binary = kept[0].partition(b"\n")
    return Code(**json.loads(head), arguments=tuple(kind for _, kind in arguments), binary=binary)


_FILES = ("operations.py", "machine_code.py", "functions.py", "columns.py")


def _own_text(file: str) -> str:
    return text_of("steepest.kernels.triton", file)


def _compiled(source: str, name: str, arguments: Mapping[str, str], real: str, target: Target) -> bytes:
    """Machine code, after one line that says how it is launched."""
    global compilations
    from steepest.kernels.triton.machine_code import compiled

    compilations += 1
    made = compiled(source, name, arguments, real, target)
    found = made.metadata
    if getattr(found, "global_scratch_size", 0):
        raise RuntimeError(f"Triton {version('triton')} wants memory of its own for {name}: please report this.")
    head = {"entry": found.name, "threads": found.num_warps * target.threads_of_a_warp, "shared": found.shared}
    return json.dumps(head).encode() + b"\n" + made.asm["cubin" if target.backend == "cuda" else "hsaco"]
