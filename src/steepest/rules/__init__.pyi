"""Written by `python -m steepest.torch.stubs`; do not edit."""

from steepest.rules.adadelta import adadelta as adadelta
from steepest.rules.adafactor import adafactor as adafactor
from steepest.rules.adagrad import adagrad as adagrad
from steepest.rules.adam import adam as adam
from steepest.rules.adam import adamax as adamax
from steepest.rules.adam import adamw as adamw
from steepest.rules.adan import adan as adan
from steepest.rules.asgd import asgd as asgd
from steepest.rules.sign import lion as lion
from steepest.rules.muon import muon as muon
from steepest.rules.adam import nadam as nadam
from steepest.rules.adam import radam as radam
from steepest.rules.rmsprop import rmsprop as rmsprop
from steepest.rules.sign import rprop as rprop
from steepest.rules.sgd import sgd as sgd
from steepest.rules.adam import sparse_adam as sparse_adam

__all__ = ["adadelta", "adafactor", "adagrad", "adam", "adamax", "adamw", "adan", "asgd", "lion", "muon", "nadam", "radam", "rmsprop", "rprop", "sgd", "sparse_adam"]
