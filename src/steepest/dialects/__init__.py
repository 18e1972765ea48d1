"""What Keras and optax call a rule, its arguments and its state, and what they have beside torch: rules in their words.

Each is a plain function, so it has a kernel and a formula like any other, and `steepest.optimizer(keras.RMSprop)` is
Keras's RMSprop for torch.  Where the mathematics is that of `steepest.rules`, a dialect calls it; else it is
stated here.
"""

from steepest import rules


def rule_instead(name: str, call: str) -> str:
    """A sentence that says how to have a rule of ours by a name that a library has not; empty if there is none."""
    wanted = name.replace("_", "").lower()
    found = next((rule for rule in rules.__all__ if rule.replace("_", "") == wanted), None)
    return f" Write {call.format(f'steepest.rules.{found}')} for the rule of that name." if found else ""
