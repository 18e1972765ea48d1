"""The rules as optax transformations: `from steepest import optax` in place of `import optax`.

optax's optimizers have optax's arguments, results and state, so that `chain`, `inject_hyperparams`, `multi_transform`
and checkpoints work as before; optax's documentation says what the arguments mean.  `transformation(rule)` makes a
transformation from any rule.  Every other name is optax's own.
"""

from typing import Any

try:
    import optax as _optax
except ImportError as error:
    _missing = (error.name or "").partition(".")[0]
    if _missing == "optax":
        _said = "steepest.optax needs optax, which is not installed: pip install 'steepest[optax]'"
    elif _missing in ("jax", "jaxlib"):
        _said = f"optax is installed, but not JAX, which it runs on: {error}. Install it: pip install jax"
    else:
        raise
    raise ImportError(_said, name=error.name) from error

from steepest.dialects import rule_instead as _rule_instead
from steepest.optax.aliases import (
    adadelta,
    adagrad,
    adam,
    adamax,
    adamaxw,
    adamw,
    amsgrad,
    lion,
    nadam,
    nadamw,
    radam,
    rmsprop,
    rprop,
    sgd,
)
from steepest.optax.by_rule import (
    scale_by_adadelta,
    scale_by_adam,
    scale_by_adamax,
    scale_by_amsgrad,
    scale_by_lion,
    scale_by_radam,
    scale_by_rms,
    scale_by_rprop,
    scale_by_rss,
    scale_by_stddev,
    trace,
)
from steepest.optax.transformation import RuleState, transformation

__all__ = [
    "RuleState", "adadelta", "adagrad", "adam", "adamax", "adamaxw", "adamw", "amsgrad", "lion", "nadam", "nadamw",
    "radam", "rmsprop", "rprop", "scale_by_adadelta", "scale_by_adam", "scale_by_adamax", "scale_by_amsgrad",
    "scale_by_lion", "scale_by_radam", "scale_by_rms", "scale_by_rprop", "scale_by_rss", "scale_by_stddev", "sgd",
    "trace", "transformation",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Every other name of optax."""
    if hasattr(_optax, name):
        return getattr(_optax, name)
    raise AttributeError(
        f"module 'steepest.optax' has no attribute {name!r}, and neither has optax."
        + _rule_instead(name, "steepest.optax.transformation({})")
    )


def __dir__() -> list[str]:
    return sorted({*__all__, *dir(_optax)})
