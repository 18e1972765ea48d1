"""Tensors whose numbers lie in other tensors, as those of quantization libraries, loggers, distributed training."""

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.utils._pytree import tree_map


class Marked(Tensor):
    """A tensor with memory of its own that is only of another type, as those that have names or units."""

    @staticmethod
    def of(values: Tensor) -> "Marked":
        """The same tensor, marked."""
        return values.as_subclass(Marked)


class Wrapper(Tensor):
    """Base of those below: an operation on wrappers is made on what they hold, part by part."""

    count: int

    @property
    def parts(self) -> tuple[Tensor, ...]:
        """The tensors that it holds."""
        return tuple(getattr(self, name) for name in self.__tensor_flatten__()[0])

    @parts.setter
    def parts(self, parts: tuple[Tensor, ...]) -> None:
        self.count = len(parts)
        for name, part in zip(self.__tensor_flatten__()[0], parts, strict=True):
            setattr(self, name, part)

    def __tensor_flatten__(self) -> tuple[list[str], None]:
        """The names of these tensors, as torch asks for them."""
        return [f"part{i}" for i in range(self.count)], None

    @staticmethod
    def __new__(cls, *parts: Tensor) -> Any:
        first = parts[0]
        made = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, first.shape, strides=first.stride(), dtype=first.dtype, device=first.device,
            requires_grad=first.requires_grad,
        )  # fmt: skip
        made.parts = tuple(part.detach() for part in parts)
        return made

    def __init__(self, *parts: Tensor) -> None:
        super().__init__()

    def __repr__(self) -> str:  # type: ignore[override]
        return f"{type(self).__name__}({', '.join(map(repr, self.parts))})"


class TwoTensors(Wrapper):
    """Two tensors on which every operation is made, like torch.testing's TwoTensor."""

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        def of(index: int) -> Any:
            picked = tree_map(lambda t: t.parts[index] if isinstance(t, TwoTensors) else t, (args, kwargs or {}))
            return func(*picked[0], **picked[1])

        first, second = of(0), of(1)
        name = func._schema.name
        if name.endswith("_") and not name.endswith("__"):
            return args[0]
        return tree_map(lambda a, b: TwoTensors(a, b) if isinstance(a, Tensor) else a, first, second)


class Logged(Wrapper):
    """A tensor that writes down every operation that is made with it."""

    made: ClassVar[list[str]] = []

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        Logged.made.append(str(func))
        args, kwargs = tree_map(lambda t: t.parts[0] if isinstance(t, Logged) else t, (args, kwargs or {}))
        return tree_map(lambda t: Logged(t) if isinstance(t, Tensor) else t, func(*args, **kwargs))


class Scaled(Wrapper):
    """Whole numbers of 8 bits and a scale, as weights that are trained in a quantized form; results are plain."""

    @staticmethod
    def of(values: Tensor) -> "Scaled":
        """The nearest such tensor."""
        scale = values.abs().amax() / 127
        return Scaled(values, (values / scale).round().to(torch.int8), scale)

    @property
    def meant(self) -> Tensor:
        """The values that it stands for."""
        return self.parts[1].to(self.dtype) * self.parts[2]

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (torch.ops.aten.detach.default, torch.ops.aten.clone.default):
            made: Any = Scaled(*args[0].parts)
            made.parts = tuple(map(func, args[0].parts))
            return made
        plain, keywords = tree_map(lambda t: t.meant if isinstance(t, Scaled) else t, (args, kwargs or {}))
        found = func(*plain, **keywords)
        if func._schema.name.endswith("_"):
            new = Scaled.of(plain[0])
            for part, value in zip(args[0].parts[1:], new.parts[1:], strict=True):
                part.copy_(value)
            return args[0]
        return found
