"""A plain loop, as one writes it before anybody thinks of tuning."""

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=1e-3)
parser.add_argument("--width", type=int, default=16)
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()

torch.manual_seed(args.seed)
x = torch.linspace(-1, 1, 96)[:, None]
y = (3 * x).sin()
loader = DataLoader(TensorDataset(x[::2], y[::2]), batch_size=12, shuffle=True)
model = nn.Sequential(nn.Linear(1, args.width), nn.Tanh(), nn.Linear(args.width, 1))
optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr)

for epoch in range(args.epochs):
    for inputs, targets in loader:
        loss = nn.functional.mse_loss(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        val_loss = nn.functional.mse_loss(model(x[1::2]), y[1::2])
    print(f"Epoch {epoch + 1}/{args.epochs} - loss: {loss.item():.4f} - val_loss: {val_loss.item():.6f}")
