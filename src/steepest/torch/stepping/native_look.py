"""The look at many tensors in machine code: what each is, and where it lies.

Types, dtypes, shapes and memory are asked of torch's stable C interface (`torch/csrc/inductor/aoti_torch/c/shim.h`).
The set of keys by which torch chooses what an operation does is read in the tensor, since no function tells it: it says
whether a tensor is strided, conjugated or negated.
"""

import ctypes
import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from steepest.kernels.cpu.memory import is_ready, over_memory
from steepest.torch.internals import keys_of
from steepest.torch.objects import c_functions, places_in_objects, places_in_owners

SAME, GRADIENTS_MOVED, GRADIENTS_DIFFER, CHANGED = range(4)

Words = ctypes.Array[ctypes.c_int64]

_TYPE, _KEYS, _DTYPE, _DIM, _OWNER, _SPEC, _WORDS = range(7)
"""What each tensor is, beside its shape and strides.

A type is the address of its object.  An owner is the type of the DTensor that a tensor is the shard of, with the object
that says how that is divided; 0 where a tensor is looked at itself.
"""

_ITEMS, _TENSORS, _COUNT, _KNOWN, _SHAPES, _BEFORE, _NOW, _SCRATCH = range(8)
_TYPE_AT, _TENSOR_AT, _KEYS_AT, _STORAGE_AT, _SHARD_AT, _SPEC_AT, _ARE_OWNERS = range(8, 15)
_DTYPE_OF, _DIM_OF, _SHAPE_OF, _STRIDES_OF, _ADDRESS_OF, _SIZE_OF = range(15, 21)
_NOT_KNOWN = (0, 0)
_ASKED = ("dtype", "dim", "sizes", "strides", "data_ptr", "storage_size")

# What is needed next is asked of the memory while others are looked at: of 10,000 tensors, each of which is spread over
# six lines of memory, a look took twice as long without.
_AHEAD = 6

# What a tensor is comes first: asked for an address that there is not, torch's function writes to the terminal.
_LOOK = f"""\
def look(arguments):
    scratch = load_int64(arguments, {_SCRATCH})
    items = load_int64(arguments, {_ITEMS})
    count = load_int64(arguments, {_COUNT})
    of_each = load_int64(arguments, {_KNOWN})
    shape = load_int64(arguments, {_SHAPES})
    type_at = load_int64(arguments, {_TYPE_AT})
    tensor_at = load_int64(arguments, {_TENSOR_AT})
    keys_at = load_int64(arguments, {_KEYS_AT})
    storage_at = load_int64(arguments, {_STORAGE_AT})
    shard_at = load_int64(arguments, {_SHARD_AT})
    spec_at = load_int64(arguments, {_SPEC_AT})
    are_owners = load_int64(arguments, {_ARE_OWNERS})
    answer = {SAME}
    for i in range(count):
        for stage in range(4):
            ahead = i + {_AHEAD} * (4 - stage)
            if ahead >= count:
                continue
            item = load_int64(items, ahead)
            if stage == 0:
                prefetch(item)
                prefetch(item + 48)
                continue
            known = of_each + {8 * _WORDS} * ahead
            if are_owners and load_int64(known, {_OWNER}):
                if load_int64(item + type_at, 0) != load_int64(known, {_OWNER}):
                    continue
                item = load_int64(item + shard_at, 0)
            if stage == 1 or not item:
                prefetch(item)
                prefetch(item + 48)
                continue
            if load_int64(item + type_at, 0) != load_int64(known, {_TYPE}):
                continue
            tensor = load_int64(item + tensor_at, 0)
            if stage == 2:
                prefetch(tensor)
                prefetch(tensor + 64)
                prefetch(tensor + 128)
                continue
            storage = load_int64(tensor + storage_at, 0)
            prefetch(storage)
            prefetch(storage + 64)
        known = of_each + {8 * _WORDS} * i
        before = load_int64(arguments, {_BEFORE}) + 16 * i
        now = load_int64(arguments, {_NOW}) + 16 * i
        may_move = i >= load_int64(arguments, {_TENSORS})
        differs = {GRADIENTS_DIFFER} if may_move else {CHANGED}
        item = load_int64(items, i)
        if are_owners and load_int64(known, {_OWNER}):
            if load_int64(item + type_at, 0) != load_int64(known, {_OWNER}):
                return differs
            if load_int64(item + spec_at, 0) != load_int64(known, {_SPEC}):
                return differs
            item = load_int64(item + shard_at, 0)
            if not item:
                return differs
        if load_int64(item + type_at, 0) != load_int64(known, {_TYPE}):
            return differs
        tensor = item + tensor_at
        if load_int64(load_int64(tensor, 0) + keys_at, 0) != load_int64(known, {_KEYS}):
            return differs
        failed = call(load_int64(arguments, {_DTYPE_OF}), tensor, scratch)
        if failed or load_int32(scratch, 0) != load_int64(known, {_DTYPE}):
            return differs
        dim = load_int64(known, {_DIM})
        failed = call(load_int64(arguments, {_DIM_OF}), tensor, scratch)
        if failed or load_int64(scratch, 0) != dim:
            return differs
        for function in ({_SHAPE_OF}, {_STRIDES_OF}):
            if call(load_int64(arguments, function), tensor, scratch):
                return differs
            for axis in range(dim):
                if load_int64(load_int64(scratch, 0), axis) != load_int64(shape, axis):
                    return differs
            shape += 8 * dim
        failed = call(load_int64(arguments, {_ADDRESS_OF}), tensor, now)
        if failed or call(load_int64(arguments, {_SIZE_OF}), tensor, now + 8):
            return differs
        if load_int64(now, 0) != load_int64(before, 0) or load_int64(now, 1) != load_int64(before, 1):
            if not may_move:
                return {CHANGED}
            answer = {GRADIENTS_MOVED}
    return answer
"""


Everything = tuple[Any, ...]


class NativeLook:
    """What is compared with what: all that the machine code reads, which lives as long as this.

    everything: the tensors that are looked at; of these the first `tensors` may not move.
    before, now: address and size of the storage of each, as accepted last and as found.
    """

    def __init__(self, everything: Everything, tensors: int, before: Words, now: Words) -> None:
        at, functions = places_in_objects(), _functions()
        assert at is not None
        assert functions is not None
        self._known = _words(chain.from_iterable(_known(everything, at.tensor, functions[0])))
        shapes = _words(chain.from_iterable((*t.shape, *t.stride()) for t in everything))
        self._held = self._known, shapes, before, now, _words([0])
        self._specs: Sequence[Any] = ()
        self._count = len(everything)
        counts, addresses = (0, tensors, len(everything)), map(ctypes.addressof, self._held)
        places = at.type, at.tensor, at.keys, at.storage, *_NOT_KNOWN, False
        self._arguments = _words([*counts, *addresses, *places, *functions])
        self._address, self._items_at, self._compiled = ctypes.addressof(self._arguments), at.items, _compiled()

    def __call__(self, everything: Everything) -> int:
        if len(everything) != self._count:  # a state that was kept in two parts is kept in one
            return CHANGED
        self._arguments[_ITEMS] = id(everything) + self._items_at
        return self._compiled(self._address)

    def into(self, owners: Everything) -> int:
        """The same of the shards in these DTensors; CHANGED before they are known."""
        if self._arguments[_SHARD_AT : _SPEC_AT + 1] == [*_NOT_KNOWN]:
            return CHANGED
        self._arguments[_ARE_OWNERS] = True
        try:
            return self(owners)
        finally:
            self._arguments[_ARE_OWNERS] = False

    def know(self, owners: Everything, shards: Everything, specs: Sequence[Any]) -> None:
        """Take these DTensors for the owners of the tensors, as they are divided now; a plain tensor owns itself.

        specs: the objects that say how; they live on, so that no other has the address of one.
        """
        divided = [place for place, (owner, shard) in enumerate(zip(owners, shards, strict=True)) if owner is not shard]
        self._arguments[_SHARD_AT : _SPEC_AT + 1] = (
            places_in_owners(*([found[place] for place in divided] for found in (owners, shards, specs))) or _NOT_KNOWN
        )
        for place in divided:
            at = _WORDS * place
            self._known[at + _OWNER], self._known[at + _SPEC] = id(type(owners[place])), id(specs[place])
        self._specs = specs


def native_look(
    everything: Everything, tensors: int, before: Words, now: Words, *, compiles: bool
) -> NativeLook | None:
    """None where torch or Python keep their objects in another way than is known here.

    compiles: else None too where it is not compiled yet, which takes half a second once on a machine.
    """
    if places_in_objects() is None or _functions() is None or not (compiles or is_ready("look", _LOOK)):
        return None
    return NativeLook(everything, tensors, before, now)


def _functions() -> list[int] | None:
    return c_functions(*(f"aoti_torch_get_{what}" for what in _ASKED))


def _known(everything: Everything, tensor_at: int, function: int) -> Iterator[tuple[int, ...]]:
    assert keys_of is not None
    dtype_of: Any = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int64, ctypes.c_void_p)(function)
    dtype = ctypes.c_int32()
    for tensor in everything:
        dtype_of(id(tensor) + tensor_at, ctypes.byref(dtype))
        yield id(type(tensor)), keys_of(tensor), dtype.value, tensor.dim(), 0, 0


def _words(numbers: Iterable[int]) -> Words:
    found = list(numbers)
    return (ctypes.c_int64 * len(found))(*found)


@functools.cache
def _compiled() -> Callable[[int], int]:
    """With the GIL, so that no other thread changes a tensor that is looked at."""
    kind: Any = ctypes.PYFUNCTYPE(ctypes.c_int64, ctypes.c_int64)
    return ctypes.cast(over_memory("look", _LOOK), kind)  # type: ignore[arg-type]
