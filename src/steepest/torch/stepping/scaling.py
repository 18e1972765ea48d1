"""What torch's GradScaler says to an optimizer that unscales and leaves steps out by itself (`fused=True` on a GPU).

It sets `found_inf`, and `grad_scale` unless the gradients were unscaled before, and calls `step()` in any case.  Both
are tensors on a device, and nobody waits for them where a kernel can read them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from steepest.torch.internals import divide_each, values_of
from steepest.torch.sharded import shard


class Scaling:
    """What one step is told.

    found_inf: whether (not 0) gradients are not finite.  grad_scale: what they must be divided by.
    """

    def __init__(self, found_inf: Tensor | None, grad_scale: Tensor | None) -> None:
        self.found_inf, self.grad_scale = found_inf, grad_scale
        self._copies: dict[torch.device, tuple[Tensor | None, Tensor | None]] = {}

    def __bool__(self) -> bool:
        return self.found_inf is not None or self.grad_scale is not None

    def at(self, device: torch.device) -> tuple[int, int]:
        """Addresses on a device, 0 for what is not said; they hold as long as this object is there."""
        if not self:
            return 0, 0
        if device not in self._copies:
            self._copies[device] = _on(device, self.found_inf), _on(device, self.grad_scale)
        found_inf, grad_scale = (0 if one is None else one.data_ptr() for one in self._copies[device])
        return found_inf, grad_scale

    def leaves_out(self) -> bool:
        """Whether the step is left out; waits for the device."""
        return self.found_inf is not None and bool(self.found_inf)

    def unscale(self, gradients: Sequence[Tensor]) -> None:
        """Write what was stepped along into the gradients, as torch's fused optimizers do, unless it was left out."""
        by_device: dict[torch.device, list[Tensor]] = {}
        for g in gradients:
            by_device.setdefault(g.device, []).append(g)
        for device, there in by_device.items():
            found_inf, scale = _on(device, self.found_inf), _on(device, self.grad_scale)
            if scale is not None:
                one = torch.ones_like(scale)
                divide_each(there, scale if found_inf is None else torch.where(found_inf == 0, scale, one))


UNSCALED = Scaling(None, None)
"""Nothing is said."""


def gradients_of(group: Mapping[str, Any]) -> list[Tensor]:
    """The plain tensors in which the gradients of a group have their values."""
    found = [shard(p.grad) for p in group["params"] if p.grad is not None]
    return [g if g.layout is torch.strided else values_of(g) for g in found]


def _on(device: torch.device, value: Tensor | None) -> Tensor | None:
    """A tensor of one float32 on this device."""
    return None if value is None else value.to(device, torch.float32, non_blocking=True).reshape(())
