"""Other memory under parameters, gradients and state, less of it, or laid out otherwise."""

import torch
from torch import Tensor

from support.deeds.choosing import another, choose, everything, is_free, is_usable, memory_of, reshapeable
from support.inside import inside, put
from support.memory import LAYOUTS
from support.misuse import SHAPES, World, give, view_of
from support.refusal import in_memory


def resize_a_storage(w: World, p: Tensor, how: int) -> None:
    tensor = choose(everything(w, p), how // 6)
    if tensor.device.type != "cpu" or not tensor.untyped_storage().resizable() or tensor.is_shared():
        return  # torch crashes where a shared storage is resized
    size = tensor.untyped_storage().nbytes()
    end = (tensor.storage_offset() + tensor.numel()) * tensor.element_size()
    tensor.untyped_storage().resize_(choose((0, 1, max(end - 1, 0), end, size, 2 * size + 64), how))
    _fill_again(w)


def _fill_again(w: World) -> None:
    """Memory that was just allocated holds anything, and tensors that are not refused are computed with."""
    for p in w.parameters:
        for tensor in everything(w, p):
            if is_usable(tensor):
                tensor.detach().copy_(w.values(tensor.shape, tensor.dtype))
        count_again(w, p)


def count_again(w: World, p: Tensor) -> None:
    """Steps are whole numbers."""
    for name, number in w.tensors(p).items():
        if name in w.numbers and is_usable(number):
            inside(number).fill_(3.0 if name == "step" else 0.25)


def new_data(w: World, p: Tensor, how: int) -> None:
    put(p, w.tensor(p.shape, p.dtype, choose(LAYOUTS, how)))


def new_data_of_another_shape(w: World, p: Tensor, how: int) -> None:
    put(p, w.tensor(choose(SHAPES, how), p.dtype))
    if how % 2:
        give(p, w.gradient(p))
    if how % 4 > 1:
        w.optimizer.state.pop(p, None)


def transpose_in_place(w: World, p: Tensor, how: int) -> None:
    matrices = [t for t in reshapeable(w, p) if t.dim() == 2 and in_memory(t)]
    with torch.no_grad():
        for tensor in matrices if how % 3 == 0 else matrices[how % 3 : how % 3 + 1]:
            tensor.t_()


def set_in_place(w: World, p: Tensor, how: int) -> None:
    """Another storage, offset, size and strides under the same tensor."""
    tensor = choose([t for t in reshapeable(w, p) if t.device.type == "cpu"] or [None], how // 8)
    if tensor is None:
        return
    shape = tensor.shape if how % 4 else choose(SHAPES, how // 4)
    with torch.no_grad():
        tensor.set_(w.tensor(shape, tensor.dtype, choose(LAYOUTS, how)))
    count_again(w, p)


def data_in_anothers_memory(w: World, p: Tensor, how: int) -> None:
    view = view_of(memory_of(w, another(w, how), how // 4), p, shift=how % 3)
    if view is not None:
        put(p, view)


def data_expanded(w: World, p: Tensor, how: int) -> None:
    if is_free(p):
        put(p, w.tensor((1,) * p.dim(), p.dtype).expand(p.shape))
