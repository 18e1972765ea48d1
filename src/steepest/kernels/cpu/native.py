"""Text of a Python function in, a C function out: compiled by Numba once, kept on disk, loaded by LLVM after that.

A process that finds its kernels in the cache never imports Numba: what is cached is plain machine code for this very
processor, 4 KB a kernel, found by the text it was compiled from.  Every function compiled here takes one address and
returns one integer, raises nothing and calls nothing but itself and the C library, so it needs neither the GIL nor
Numba's run time.
"""

import atexit
import ctypes
import ctypes.util
import functools
import hashlib
import os
import re
import threading
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

import llvmlite.binding as llvm

from steepest import cache
from steepest.frozen import text_of
from steepest.kernels.undisturbed import undisturbed

Native = Callable[[int], int]
Names = Callable[[], Mapping[str, Any]]

compilations = 0
"""How many functions this process has compiled; tests and benchmarks count it."""

_LOCK = threading.Lock()
if hasattr(os, "register_at_fork"):  # a lock that another thread holds would stay locked in the child for ever
    os.register_at_fork(after_in_child=_LOCK._at_fork_reinit)  # pyright: ignore[reportAttributeAccessIssue]
_LOADED: dict[tuple[str, str, str], tuple[Native, Any]] = {}
_C_FUNCTION = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)  # releases the GIL while it runs


def load(name: str, source: str, names: Names, *, salt: str = "") -> Native:
    """The function `name` that this source defines, as machine code.

    source: one function of one int64, the address of its arguments.
    names: makes the namespace that the source runs in; called only when there is something to compile.
    salt: whatever else the result depends on, such as the text behind those names.
    """
    key = name, source, salt
    if key not in _LOADED:
        undisturbed(lambda: _load_once(key, names))
    return _LOADED[key][0]


def is_ready(name: str, source: str, *, salt: str = "") -> bool:
    """Whether `load` would find this function compiled, here or on the disk."""
    return (name, source, salt) in _LOADED or cache.load(_key(name, source, salt)) is not None


@atexit.register
def _wait_for_the_last() -> None:
    """A load goes on when the waiting for it is interrupted, and LLVM's globals may not go while it compiles."""
    with _LOCK:
        pass


def _load_once(key: tuple[str, str, str], names: Names) -> None:
    with _LOCK:
        if key not in _LOADED:
            _LOADED[key] = _load(*key, names)


def _load(name: str, source: str, salt: str, names: Names) -> tuple[Native, Any]:
    key = _key(name, source, salt)
    code = cache.load(key)
    if code is None:
        code = _compile(name, source, names)
        cache.store(key, code)
    symbols, _, machine_code = code.partition(b"\n")
    entry, *called = symbols.decode().split()
    for function in called:  # LLVM ends the process over a function that it cannot find, so each is looked up here
        llvm.add_symbol(function, ctypes.cast(getattr(_c_library(), function), ctypes.c_void_p).value)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target_machine())
    engine.add_object_file(llvm.object_file.ObjectFileRef.from_data(machine_code))
    engine.finalize_object()
    return _C_FUNCTION(engine.get_function_address(entry)), engine  # the engine owns the memory of the code


def _key(*what: str) -> str:
    return hashlib.sha256("\0".join([*what, *_machine()]).encode()).hexdigest()


def _compile(name: str, source: str, names: Names) -> bytes:
    """Machine code, after one line with the entry symbol and the C functions that it calls."""
    global compilations
    from numba import cfunc, types

    compilations += 1
    scope = dict(names())
    exec(source, scope)
    compiled = cfunc(types.int64(types.int64), error_model="numpy")(scope[name])
    module = _without_error_reports(compiled.inspect_llvm())
    called = [f for f in re.findall(r"^declare .*?@([\w.]+)\(", str(module), re.MULTILINE) if not f.startswith("llvm.")]
    (entry,) = re.findall(r"^define .*?@(cfunc\.[\w.]+)\(", str(module), re.MULTILINE)
    return " ".join([entry, *called]).encode() + b"\n" + _target_machine().emit_object(module)


def _without_error_reports(assembly: str) -> llvm.ModuleRef:
    """Without the calls into Python by which Numba's wrapper reports exceptions: our functions raise none."""
    module = llvm.parse_assembly(assembly)
    passes = llvm.create_new_module_pass_manager()
    passes.add_ipsccp_pass()
    passes.add_simplify_cfg_pass()
    passes.add_global_dead_code_eliminate_pass()
    passes.run(
        module,
        llvm.create_pass_builder(_target_machine(), llvm.create_pipeline_tuning_options(speed_level=2)),
    )
    return module


@functools.cache
def _c_library() -> ctypes.CDLL:
    return ctypes.CDLL("ucrtbase" if os.name == "nt" else ctypes.util.find_library("m"))


@functools.cache
def _machine() -> tuple[str, ...]:
    """What machine code depends on beside its text: this file, the compilers and the processor."""
    return (
        text_of("steepest.kernels.cpu", "native.py"),
        version("numba"),
        version("llvmlite"),
        llvm.get_host_cpu_name(),
        _features(),
        llvm.get_process_triple(),
    )


@functools.cache
def _features() -> str:
    return llvm.get_host_cpu_features().flatten()


@functools.cache
def _initialise() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


def _target_machine() -> llvm.TargetMachine:
    _initialise()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=_features(), opt=3, codemodel="jitdefault", jit=True
    )
