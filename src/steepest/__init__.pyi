"""Written by `python -m steepest.torch.stubs`; do not edit."""

from torch.optim import Optimizer as Optimizer
from torch.optim import swa_utils as swa_utils
from torch.optim import swap_in_optimizer_params_and_state as swap_in_optimizer_params_and_state

from steepest import lr_scheduler as lr_scheduler
from steepest import ops as ops
from steepest import rules as rules
from steepest import schedules as schedules
from steepest import testing as testing
from steepest import torch as torch
from steepest import workbench as workbench
from steepest.compiler.rule import RuleError as RuleError
from steepest.torch import ASGD as ASGD
from steepest.torch import Adadelta as Adadelta
from steepest.torch import Adafactor as Adafactor
from steepest.torch import Adagrad as Adagrad
from steepest.torch import Adam as Adam
from steepest.torch import AdamW as AdamW
from steepest.torch import Adamax as Adamax
from steepest.torch import LBFGS as LBFGS
from steepest.torch import Lion as Lion
from steepest.torch import Muon as Muon
from steepest.torch import NAdam as NAdam
from steepest.torch import RAdam as RAdam
from steepest.torch import RMSprop as RMSprop
from steepest.torch import Rprop as Rprop
from steepest.torch import SGD as SGD
from steepest.torch import SparseAdam as SparseAdam
from steepest.torch import functional as functional
from steepest.torch import optimizer as optimizer

__all__ = ["ASGD", "LBFGS", "SGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Lion", "Muon", "NAdam", "RAdam", "RMSprop", "Rprop", "RuleError", "SparseAdam", "functional", "lr_scheduler", "optimizer"]
__version__: str
