"""A Lightning module and the command line that LightningCLI makes of it."""

import torch
from lightning.pytorch import LightningDataModule, LightningModule
from lightning.pytorch.cli import LightningCLI
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Sine(LightningDataModule):
    """A curve, every second point held out."""

    def loader(self, first: int) -> DataLoader:
        x = torch.linspace(-1, 1, 96)[first::2, None]
        return DataLoader(TensorDataset(x, (3 * x).sin()), batch_size=12, shuffle=first == 0)

    def train_dataloader(self) -> DataLoader:
        return self.loader(0)

    def val_dataloader(self) -> DataLoader:
        return self.loader(1)


class Net(LightningModule):
    """A small net."""

    def __init__(self, width: int = 16, lr: float = 1e-3) -> None:
        super().__init__()
        self.lr = lr
        self.net = nn.Sequential(nn.Linear(1, width), nn.Tanh(), nn.Linear(width, 1))

    def training_step(self, batch, _):
        return nn.functional.mse_loss(self.net(batch[0]), batch[1])

    def validation_step(self, batch, _):
        self.log("val_loss", nn.functional.mse_loss(self.net(batch[0]), batch[1]), prog_bar=True)

    def on_validation_epoch_end(self) -> None:
        if not self.trainer.sanity_checking:
            print(f"val_loss={self.trainer.callback_metrics['val_loss'].item():.6f}")

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr)


if __name__ == "__main__":
    LightningCLI(Net, Sine, save_config_callback=None)
