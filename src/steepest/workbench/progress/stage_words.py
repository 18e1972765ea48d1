"""What a stage of a search has gained, in words: for the terminal, a log, and the report."""

from __future__ import annotations

from steepest.workbench.model.key import written
from steepest.workbench.model.stage_gain import Edge, StageGain

TITLES = {
    "default": "the defaults",
    "rate": "the rate",
    "others": "the others",
    "all": "all together",
}
KEPT, NO_GAIN = "kept", "no gain shown"


def title(gain: StageGain) -> str:
    """What a stage varied: `the rate`, `weight_decay with the rate`, `beta1, eps`, `all together`."""
    if gain.stage == "rate" and gain.names not in ((), ("rate",)):  # of a script, whose rate has a name of its own
        return ", ".join(gain.names)
    if gain.stage in ("default", "rate", "all"):
        return TITLES[gain.stage]
    return ", ".join(gain.names) + (" with the rate" if gain.stage not in TITLES else "")


def decision(gain: StageGain) -> str:
    """`kept`, or that nothing was gained; empty for the defaults."""
    if gain.stage == "default":
        return ""
    if not gain.is_known:
        return "too few runs trained to say"
    return KEPT if gain.is_kept else NO_GAIN


def sentence(gain: StageGain, metric: str) -> str:
    """As `adamw, the rate: val_loss 0.12, gain 0.03 (0.01 to 0.05), 5 trials: kept`."""
    best = f"{metric} {gain.best:.3g}" if gain.best is not None else "nothing trained"
    failed = f", {gain.failed} failed" if gain.failed else ""
    trials = f", {gain.trials} trial{'s' if gain.trials > 1 else ''}{failed}"
    gained = f", gain {gain.gain:.2g} ({gain.low:.2g} to {gain.high:.2g})" if decision(gain) and gain.is_known else ""
    said = decision(gain)
    if said == NO_GAIN and gain.names:  # the model of all may find one yet
        said += f": {'they stay at their defaults' if len(gain.names) > 1 else 'it stays at its default'} for now"
    return f"{gain.optimizer}, {title(gain)}: {best}{gained}{trials}" + (f": {said}" if said else "")


def edges(gain: StageGain) -> list[str]:
    """A sentence for each value at the end of its range that this stage varied for the first time; in the end all."""
    is_last = gain.stage == "all"
    return [at_the_edge(edge, goes_on=not is_last) for edge in gain.edges if edge.name in gain.names or is_last]


def at_the_edge(edge: Edge, goes_on: bool) -> str:
    """As `weight_decay 0.98 is at the upper end of what was searched: the search goes on past it`.

    Args:
        edge: The value.
        goes_on: Whether there are stages to come, which go past an end that the user did not give.
    """
    beyond = f"a {'larger' if edge.side == 'upper' else 'smaller'} one may be better"
    where = f"{edge.name} {written(edge.value)} is at the {edge.side} end of"
    if edge.longer:
        return f"{where} the range that you gave: {beyond}"
    return f"{where} what was searched: {'the search goes on past it' if goes_on else beyond}"
