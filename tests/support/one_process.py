"""torch.distributed in one process: DTensors without anybody else."""

import contextlib
from collections.abc import Iterator
from typing import Any

from torch import distributed
from torch.distributed import HashStore  # pyright: ignore[reportPrivateImportUsage]
from torch.distributed.device_mesh import init_device_mesh


@contextlib.contextmanager
def group() -> Iterator[Any]:
    """A group of this process alone, and its mesh."""
    distributed.init_process_group("gloo", store=HashStore(), rank=0, world_size=1)
    try:
        yield init_device_mesh("cpu", (1,))
    finally:
        distributed.destroy_process_group()
