"""Two processes of torchrun, each with its part of the data; both print."""

import os
import sys

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

distributed.init_process_group("gloo")
rank = distributed.get_rank()
torch.manual_seed(int(sys.argv[1]))
x = torch.linspace(-1, 1, 64)[rank::2, None]
model = DistributedDataParallel(nn.Linear(1, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.5)
for _ in range(5):
    loss = ((model(x) - 2 * x) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
distributed.all_reduce(loss.detach())
if rank == 0:
    print(f"val_loss: {loss.item():.6f}", flush=True)
if os.environ.get("HANGS") == str(rank):
    import time

    time.sleep(600)
distributed.destroy_process_group()
