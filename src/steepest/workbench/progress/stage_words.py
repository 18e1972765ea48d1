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
    return [at_the_edge(edge) for edge in gain.edges if edge.name in gain.names or gain.stage == "all"]


def at_the_edge(edge: Edge) -> str:
    """As `weight_decay 0.98 is at the upper end of what is searched: a larger one may be better`."""
    beyond = "larger" if edge.side == "upper" else "smaller"
    return (
        f"{edge.name} {written(edge.value)} is at the {edge.side} end of what is searched: a {beyond} one may be better"
    )
