"""Triton's text becomes machine code for a GPU, which need not be there."""

from collections.abc import Mapping
from typing import Any

from steepest.kernels.triton import columns, functions
from steepest.kernels.triton.target import Target


def compiled(source: str, name: str, arguments: Mapping[str, str], real: str, target: Target) -> Any:
    """What Triton makes of the function `name` of this text: machine code in `.asm`, and `.metadata`.

    arguments: their types, in order.  real: the dtype that it computes in.  Nothing is contracted.  Pointers are those
    of whole allocations, but for single numbers (`*fp32`), which may lie anywhere.
    """
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    kind = {"float32": "fp32", "float64": "fp64"}[real]
    signature = {argument: kind_.replace("real", kind) for argument, kind_ in arguments.items()}
    whole = [i for i, kind_ in enumerate(arguments.values()) if kind_.startswith("*") and kind_ != "*fp32"]
    aligned = {(i,): [["tt.divisibility", 16]] for i in whole}
    made = ASTSource(fn=functions.compiled(source, name), signature=signature, constexprs={}, attrs=aligned)
    gpu = GPUTarget(target.backend, target.architecture, target.threads_of_a_warp)
    warps = columns.LANES // target.threads_of_a_warp
    return triton.compile(made, target=gpu, options={"num_warps": warps, "enable_fp_fusion": False})
