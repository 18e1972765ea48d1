"""Written by `python -m steepest.torch.stubs`; do not edit."""

from torch.optim import Optimizer as Optimizer
from torch.optim import swap_in_optimizer_params_and_state as swap_in_optimizer_params_and_state

from steepest import dialects as dialects
from steepest import keras as keras
from steepest import lr_scheduler as lr_scheduler
from steepest import ops as ops
from steepest import optax as optax
from steepest import rules as rules
from steepest import schedules as schedules
from steepest import swa_utils as swa_utils
from steepest import tensor_ops as tensor_ops
from steepest import testing as testing
from steepest import torch as torch
from steepest import workbench as workbench
from steepest.compiler.rule import RuleError as RuleError
from steepest.reporting import report as report
from steepest.torch import ASGD as ASGD
from steepest.torch import Adadelta as Adadelta
from steepest.torch import Adafactor as Adafactor
from steepest.torch import Adagrad as Adagrad
from steepest.torch import Adam as Adam
from steepest.torch import AdamW as AdamW
from steepest.torch import Adamax as Adamax
from steepest.torch import Adan as Adan
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
from steepest.torch import population as population

__all__ = ["ASGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Adan", "LBFGS", "Lion", "Muon", "NAdam", "RAdam", "RMSprop", "Rprop", "RuleError", "SGD", "SparseAdam", "functional", "lr_scheduler", "optimizer", "population", "report"]
__version__: str
_MODULES: tuple[str, ...]
_LIGHT: dict[str, str]
