"""A bounds-checked build of the kernels: their very text, run by Python, with a list of the memory it may touch.

    with checked.build() as build:
        optimizer.step()                       # OutOfBoundsError at the first access that is not allowed

The words by which a kernel's text reads and writes memory are bound to functions that look each access up before they
make it: its address, and the dtype that lies there.  Allowed is, for each word, what that word means: `load_g_` may
read elements of gradients, `store_p_` may write elements of parameters, and so on, as far as their storages reach.
The list is made from the optimizer itself at each call of a kernel, not from what the library believes about it.
"""

import contextlib
import ctypes
import functools
import re
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from steepest.kernels.cpu import entries, native, precision
from steepest.kernels.cpu import step as cpu_step
from steepest.torch.optimizers.base import RuleOptimizer
from steepest.torch.stepping import batch, host_numbers, overlap, same_tensors, sparse
from support.inside import inside

Cell = tuple[int, str]
"""Address and dtype of one element in memory."""

_FUNCTION = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)
_WIDTH = {"int64": 8, "float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}
_CTYPES = {ctypes.c_int64: "int64", ctypes.c_double: "float64", ctypes.c_float: "float32"}


class OutOfBoundsError(AssertionError):
    """A kernel was about to touch memory that it may not."""


@dataclass
class Access:
    """A word of a kernel's text for memory: `address, index` of an array of this dtype, computed with as `real`."""

    kind: str
    dtype: str
    real: str

    def bind(self, word: str, build: "Build") -> Callable[..., Any]:
        """The function that this word stands for."""
        array = re.sub(r"^(load|store)_|_$", "", word)
        return functools.partial(getattr(self, self.kind), functools.partial(build.check, word, array, self.dtype))

    def load(self, check: Callable[[int], None], address: int, index: int) -> Any:
        address += int(index) * _WIDTH[self.dtype]
        check(address)
        return _decoded(ctypes.string_at(address, _WIDTH[self.dtype]), self.dtype, self.real)

    def store(self, check: Callable[[int], None], address: int, index: int, value: Any) -> None:
        address += int(index) * _WIDTH[self.dtype]
        check(address)
        ctypes.memmove(address, _encoded(value, self.dtype), _WIDTH[self.dtype])

    def fetch_add(self, check: Callable[[int], None], address: int) -> int:
        check(address)
        counter = ctypes.c_int64.from_address(address)
        counter.value += 1  # indivisible here: a callback holds the interpreter's lock, and gives it up between lines
        return counter.value - 1


def _decoded(cell: bytes, dtype: str, real: str) -> Any:
    if dtype == "int64":
        return int.from_bytes(cell, "little", signed=True)
    if dtype == "bfloat16":
        return getattr(np, real)(np.frombuffer(b"\0\0" + cell, np.float32)[0])
    return getattr(np, real)(np.frombuffer(cell, dtype)[0])


def _encoded(value: Any, dtype: str) -> bytes:
    if dtype == "bfloat16":
        bits = int(np.float32(value).view(np.uint32))
        rounded = 0x7FC00000 if np.isnan(value) else bits + 0x7FFF + (bits >> 16 & 1)
        return (rounded >> 16).to_bytes(2, "little")
    return getattr(np, dtype)(np.float32(value) if dtype == "float16" else value).tobytes()


class Build:
    """The kernels that were made while `build()` lasted."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        """The function of each call, in order."""
        self.edit: Callable[[str], str] = lambda text: text
        """What is done to a text before it runs: how a test plants a fault."""
        self._optimizer: Any = None
        self._prepared: Any = None
        self._copies: list[weakref.ref[Tensor]] = []
        self._numbers: list[weakref.ref[Tensor]] = []
        self._slices: weakref.ref[Tensor] | None = None
        self._here = threading.local()
        """`allowed`: what the call in this thread may touch."""
        self._failure: BaseException | None = None

    def load(self, name: str, source: str, names: Callable[[], Mapping[str, Any]], *, salt: str = "") -> Any:
        """Stands in for `steepest.kernels.cpu.native.load`."""
        scope: dict[str, Any] = dict(names()) | {"exp": np.exp, "log": np.log}
        scope |= {word: what.bind(word, self) for word, what in scope.items() if isinstance(what, Access)}
        exec(self.edit(source), scope)
        return _FUNCTION(functools.partial(self._call, scope[name], is_kernel="chunk_" in source))

    def _call(self, function: Callable[[int], int], arguments: int, *, is_kernel: bool) -> int:
        """An exception cannot pass through C: it is kept, and raised when the step is over."""
        given = (ctypes.c_int64 * (entries.ARGUMENTS if is_kernel else 0)).from_address(arguments)
        try:
            self.calls.append(function.__name__)
            self._here.allowed = self._list_memory()
            self._here.allowed["a table"] |= _cells_of_table(given)
            with np.errstate(all="ignore"):
                return int(function(arguments))
        except BaseException as failure:
            self._failure = self._failure or failure
            if is_kernel:  # let nobody wait for the chunks that are left
                given[entries.NEXT_CHUNK] = given[entries.DONE] = 1 << 60
            return 0

    def check(self, word: str, array: str, dtype: str, address: int) -> None:
        """Refuse an access to what this word does not stand for: an element of this array."""
        everything: dict[str, set[Cell]] = self._here.allowed
        allowed = everything.get(array, everything["a table"])
        if (address, dtype) not in allowed:
            here = {name for name, cells in everything.items() for at, _ in cells if at == address}
            raise OutOfBoundsError(f"{word} of a {dtype} at {address}, where there is {', '.join(here) or 'nothing'}")

    def _list_memory(self) -> dict[str, set[Cell]]:
        allowed: dict[str, set[Cell]] = {"p": set(), "g": set(), "a table": set()}
        allowed["a table"] |= _cells_of_tables(self._prepared)
        for p in (p for group in self._optimizer.param_groups for p in group["params"]):
            allowed["p"] |= cells(p)
            allowed["g"] |= cells(p.grad)
            for name, value in self._optimizer.state.get(p, {}).items():
                allowed.setdefault(name, set()).update(cells(value))
                if isinstance(value, Tensor) and value.numel() == 1:  # a step count, or another state of one number
                    allowed["a table"] |= cells(value)
        for copy in self._copies:
            allowed["g"] |= cells(copy())
        for number in self._numbers:
            allowed["a table"] |= cells(number())
        if self._slices is not None:
            allowed["a table"] |= cells(self._slices())
        return allowed

    def step(self, step: Callable[..., Any], optimizer: Any, closure: Any = None) -> Any:
        """Stands in for `optimizer.step`."""
        self._optimizer, self._failure = optimizer, None
        try:
            return step(optimizer, closure)
        finally:
            self._copies = [copy for copy in self._copies if copy() is not None]
            self._numbers = [number for number in self._numbers if number() is not None]
            if self._failure is not None:
                raise self._failure

    def run(self, run: Callable[..., int], prepared: Any, *arguments: Any) -> int:
        """Stands in for `CPUStep.run`."""
        self._prepared = prepared
        return run(prepared, *arguments)

    def copied(self, laid_out_as: Callable[..., Tensor], *arguments: Any) -> Tensor:
        """Stands in for `laid_out_as`: a copy that is made for a kernel is read by it."""
        copy = laid_out_as(*arguments)
        self._copies.append(weakref.ref(copy))
        return copy

    def on_host(self, copy: Callable[..., Tensor], *arguments: Any) -> Tensor:
        """Stands in for the copy of a number that no kernel reads where it is."""
        number = copy(*arguments)
        self._numbers.append(weakref.ref(number))
        return number

    def along_slices(self, step: Callable[..., None], *arguments: Any) -> None:
        """Stands in for the step along a sparse gradient: its values and the numbers of its slices are read."""
        _, _, slices, values, _ = arguments
        self._slices = weakref.ref(slices)
        self._copies.append(weakref.ref(values))
        step(*arguments)


def cells(tensor: Any) -> frozenset[Cell]:
    """The elements of a tensor that lie in its storage; none for what has no memory of the CPU."""
    tensor = inside(tensor)
    if not isinstance(tensor, Tensor) or tensor.device.type != "cpu" or tensor.layout is not torch.strided:
        return frozenset()
    storage = tensor.untyped_storage()
    if not storage.data_ptr():
        return frozenset()
    layout = tuple(tensor.shape), tensor.stride(), tensor.storage_offset()
    return _cells(storage.data_ptr(), storage.nbytes(), layout, tensor.element_size(), str(tensor.dtype)[6:])


@functools.lru_cache(maxsize=1024)
def _cells(begin: int, size: int, layout: tuple[Any, ...], width: int, dtype: str) -> frozenset[Cell]:
    shape, strides, first = layout
    offsets = np.full(shape, first)
    for axis, (n, stride) in enumerate(zip(shape, strides, strict=True)):
        offsets += (stride * np.arange(n)).reshape([-1 if a == axis else 1 for a in range(len(shape))])
    found = {begin + at * width for at in offsets.flat if (at + 1) * width <= size}
    if dtype.startswith("complex"):  # two numbers each
        half, part = width // 2, {8: "float32", 16: "float64"}[width]
        return frozenset((address, part) for at in found for address in (at, at + half))
    return frozenset((at, dtype) for at in found)


def _cells_of_tables(prepared: Any) -> set[Cell]:
    """The elements of every array that a prepared step keeps."""
    found: set[Cell] = set()
    for kept in vars(prepared).values():
        found |= _cells_of_table(kept)
        if type(kept).__module__.startswith("steepest.kernels."):
            found |= _cells_of_tables(kept)
    return found


def _cells_of_table(kept: Any) -> frozenset[Cell]:
    if isinstance(kept, np.ndarray):
        return _cells_from(kept.ctypes.data, kept.size, kept.itemsize, kept.dtype.name)
    if isinstance(kept, ctypes.Array):
        return _cells_from(ctypes.addressof(kept), len(kept), ctypes.sizeof(kept._type_), _CTYPES[kept._type_])
    return frozenset()


@functools.lru_cache(maxsize=1024)
def _cells_from(begin: int, count: int, width: int, dtype: str) -> frozenset[Cell]:
    return frozenset((begin + width * i, dtype) for i in range(count))


class _Numbers(dict):
    """dtype -> the type that rounds to it."""

    def __missing__(self, dtype: str) -> type:
        return getattr(np, dtype)


def _square_root(real: str) -> Callable[[Any], Any]:
    return lambda x: np.sqrt(getattr(np, real)(x))


@contextlib.contextmanager
def build() -> Iterator[Build]:
    """Within it, new plans get interpreted, checked kernels."""
    made = Build()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(precision, "loader", functools.partial(Access, "load"))
        patch.setattr(precision, "storer", functools.partial(Access, "store"))
        patch.setattr(precision, "load_int64", Access("load", "int64", "int64"))
        patch.setattr(precision, "fetch_add", Access("fetch_add", "int64", "int64"))
        patch.setattr(precision, "square_root", _square_root)
        patch.setattr(precision, "NUMBA", _Numbers())
        compiled = native.load
        for module in _kernel_modules():
            if getattr(module, "load", None) is compiled:
                patch.setattr(module, "load", made.load)
        for owner, name, stand_in in (
            (RuleOptimizer, "step", made.step),
            (cpu_step.CPUStep, "run", made.run),
            (cpu_step.CPUStep, "refuses", made.run),
            (batch, "laid_out_as", made.copied),
            (host_numbers, "_copy", made.on_host),
            (overlap, "laid_out_as", made.copied),
            (sparse, "laid_out_as", made.copied),
            (sparse, "_step_in_kernel", made.along_slices),
            (same_tensors, "native_look", _no_kernel),
        ):
            patch.setattr(owner, name, _standing_in(stand_in, getattr(owner, name)))
        _forget_kernels()
        try:
            yield made
        finally:
            _forget_kernels()


def _no_kernel(_native: Callable[..., Any], *_: Any, **__: Any) -> None:
    """Stands in for what looks into the objects of tensors, which are no memory of theirs: it is asked from Python."""


def _standing_in(stand_in: Callable[..., Any], original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        return stand_in(original, *args, **kwargs)

    return call


def _kernel_modules() -> list[Any]:
    return [module for name, module in [*sys.modules.items()] if name.startswith("steepest.kernels.")]


def _forget_kernels() -> None:
    for module in _kernel_modules():
        for value in vars(module).values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()
