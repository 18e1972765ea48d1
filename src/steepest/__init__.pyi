"""Written by `python -m steepest.torch.stubs`; do not edit."""

from torch.optim import ASGD as ASGD
from torch.optim import Adadelta as Adadelta
from torch.optim import Adafactor as Adafactor
from torch.optim import Adamax as Adamax
from torch.optim import LBFGS as LBFGS
from torch.optim import Muon as Muon
from torch.optim import NAdam as NAdam
from torch.optim import Optimizer as Optimizer
from torch.optim import RAdam as RAdam
from torch.optim import Rprop as Rprop
from torch.optim import SparseAdam as SparseAdam
from torch.optim import swa_utils as swa_utils
from torch.optim import swap_in_optimizer_params_and_state as swap_in_optimizer_params_and_state

from steepest import lr_scheduler as lr_scheduler
from steepest import ops as ops
from steepest import rules as rules
from steepest import torch as torch
from steepest import workbench as workbench
from steepest.rule import RuleError as RuleError
from steepest.torch import Adagrad as Adagrad
from steepest.torch import Adam as Adam
from steepest.torch import AdamW as AdamW
from steepest.torch import RMSprop as RMSprop
from steepest.torch import SGD as SGD
from steepest.torch import optimizer as optimizer

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "RMSprop", "RuleError", "lr_scheduler", "ops", "optimizer", "rules", "torch", "workbench"]
__version__: str
