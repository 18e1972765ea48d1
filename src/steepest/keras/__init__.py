"""The rules as Keras optimizers: `from steepest.keras import Adam` in place of `from keras.optimizers import Adam`.

Arguments, defaults, results and saved state are Keras's, on every backend; on torch's, with tensors of the CPU, the
step is one kernel.  `optimizer(rule)` makes a class from any rule.  Every other name is that of keras.optimizers.
"""

from typing import Any

try:
    import keras as _keras
except ImportError as error:
    _missing = (error.name or "").partition(".")[0]
    if _missing == "keras":
        _said = "steepest.keras needs Keras, which is not installed: pip install 'steepest[keras]'"
    elif _missing in ("tensorflow", "jax", "jaxlib", "torch", "openvino"):
        _said = (
            f"Keras is installed, but not its backend: {error}. Name another one in the environment, before anything "
            "imports Keras: KERAS_BACKEND=torch, which steepest brings, or KERAS_BACKEND=jax; Keras takes TensorFlow "
            f"where it is told nothing. Or install this one: pip install {_missing}"
        )
    else:
        raise
    raise ImportError(_said, name=error.name) from error

from steepest.dialects import keras as _dialect
from steepest.dialects import rule_instead as _rule_instead
from steepest.keras.make import made as _made
from steepest.keras.make import optimizer
from steepest.keras.scheduled import Scheduled

__all__ = [
    "SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "Lion", "Nadam", "RMSprop", "Scheduled", "get",
    "optimizer",
]  # fmt: skip


def _of_keras(rule: str, name: str, **contents: Any) -> Any:
    known = {"variable_names": _dialect.VARIABLES[rule], "starts": _dialect.STARTS.get(rule, {})}
    return _made(getattr(_dialect, rule), name, __name__, **known, **contents)


SGD = _of_keras("sgd", "SGD")
RMSprop = _of_keras("rmsprop", "RMSprop")
Adagrad = _of_keras("adagrad", "Adagrad")
Adadelta = _of_keras("adadelta", "Adadelta")
Adam = _of_keras("adam", "Adam")
AdamW = _of_keras("adam", "AdamW", defaults={"weight_decay": 0.004})
Adamax = _of_keras("adamax", "Adamax")
Nadam = _of_keras("nadam", "Nadam")
Lion = _of_keras("lion", "Lion")
if hasattr(_keras.optimizers, "Muon"):  # since Keras 3.10
    from steepest.keras.muon import Muon as Muon


def get(identifier: Any) -> Any:
    """Make an optimizer from its name or configuration, as `keras.optimizers.get` does; ours where we have one.

    Args:
        identifier: A name such as "adam", a configuration such as `{"class_name": "Adam", "config": {...}}`, or an
            optimizer, which is returned as it is.
    """
    config = {"class_name": identifier, "config": {}} if isinstance(identifier, str) else identifier
    ours = {name.lower(): globals()[name] for name in (*__all__, "Muon") if isinstance(globals().get(name), type)}
    if isinstance(config, dict) and str(config.get("class_name")).lower() in ours:
        return ours[str(config["class_name"]).lower()].from_config(config.get("config", {}))
    return _keras.optimizers.get(identifier)


def __getattr__(name: str) -> Any:
    """Every other name of keras.optimizers."""
    if hasattr(_keras.optimizers, name):
        return getattr(_keras.optimizers, name)
    raise AttributeError(
        f"module 'steepest.keras' has no attribute {name!r}, and neither has keras.optimizers."
        + _rule_instead(name, "steepest.keras.optimizer({})")
    )


def __dir__() -> list[str]:
    return sorted({*__all__, *dir(_keras.optimizers)})
