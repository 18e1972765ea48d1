# pyright: reportArgumentType=false, reportOptionalMemberAccess=false, reportAttributeAccessIssue=false
"""Without any private name of Keras the results are the same."""

from typing import Any

import pytest

from steepest.keras import internals
from steepest.keras.base import IS_TORCH
from support.pretending import found_here, found_without

PROGRAM = """
import keras, numpy as np
from keras import ops

from steepest import keras as ours
from steepest.keras import internals

def one_by_one(self, grads, variables):
    '''As a Keras that calls nothing private of the optimizer.'''
    if self.weight_decay is not None:
        for variable in variables:
            if self._use_weight_decay(variable):
                variable.assign(variable - variable * self.weight_decay * self.learning_rate)
    for gradient, variable in zip(self._clip_gradients(grads), variables):
        self.update_step(gradient, variable, self.learning_rate)

if MISSING:
    keras.optimizers.Optimizer._backend_apply_gradients = one_by_one
    for cls, names in ((internals.Places, MISSING), (internals.MuonPlaces, MISSING)):
        for name in names & set(vars(cls)):
            delattr(cls, name)

found = {}
OPTIMIZERS = {
    "SGD": lambda: ours.SGD(0.1, momentum=0.9), "Adam": lambda: ours.Adam(0.01, amsgrad=True),
    "Nadam": lambda: ours.Nadam(0.01), "decay": lambda: ours.Adam(0.01, weight_decay=0.1),
    "Muon": lambda: ours.Muon(0.01),
    "own": lambda: ours.optimizer(__import__("steepest").rules.adamw)(0.01, weight_decay=0.1),
}
for name, make in OPTIMIZERS.items():
    random = np.random.default_rng(0)
    variables = [keras.Variable(random.normal(size=shape), dtype="float64", name=called)
                 for called, shape in (("kernel", (5, 3)), ("bias", (3,)))]
    optimizer = make()
    for _ in range(4):
        grads = [ops.convert_to_tensor(random.normal(size=one.shape)) for one in variables]
        optimizer.apply(grads, variables)
    found[name] = [ops.convert_to_numpy(one).tolist() for one in (*variables, *optimizer.variables[2:])]
found["steps together"] = internals.steps_together
"""

NAMES = [
    "_overwrite_variable_with_gradient", "_get_variable_index", "_trainable_variables", "_value",
    "_model_variables_moving_average", "keras.src.backend.common.stateless_scope", "_backend_update_step",
    "_apply_weight_decay", "_overwrite_model_variables_with_average_value", "_muon_update_step", "_adamw_update_step",
]  # fmt: skip


@pytest.mark.skipif(not IS_TORCH, reason="on JAX and TensorFlow nothing of the program is another")
def test_without_any_private_name() -> None:
    found, expected = found_without(NAMES, internals.__name__, PROGRAM), found_here(PROGRAM)
    assert (found.pop("steps together"), expected.pop("steps together")) == (False, True)
    for name, values in expected.items():
        for one, other in zip(found[name], values, strict=True):
            assert_close(one, other, name)


def assert_close(one: Any, other: Any, name: str) -> None:
    if isinstance(other, list):
        for pair in zip(one, other, strict=True):
            assert_close(*pair, name)
    else:
        assert abs(one - other) <= 1e-6 * max(abs(other), 1.0), name
