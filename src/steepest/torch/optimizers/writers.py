"""Which optimizer wrote a checkpoint, as far as it can be told: its state and its groups have what one rule keeps.

Wrappers write into state and groups too: an `ema`, a `rho`, even a `momentum` in an Adam's group.  So one word of
another optimizer says nothing.  All of its words do, where ours are not all there, or where those that we do not have
are of two kinds.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from steepest import rules
from steepest.compiler.program import program
from steepest.compiler.rule import Rule, read
from steepest.torch.optimizers.options import beyond_torch, signature
from steepest.torch.state.checkpoint import listed

Group = Mapping[str, Any]
Saved = tuple[Group, set[frozenset[str]]]  # a group, and the names of state that its parameters have


def check_writer(called: str, rule: Rule, saved_groups: Sequence[Group], state: Mapping[Any, Any]) -> None:
    """Refuse what another optimizer wrote (ValueError)."""
    saved = [(group, _states(group, state)) for group in saved_groups]
    is_ours_complete = _wrote(rule, saved)
    for other in _others(rule):
        evidence = _evidence(other, rule, saved)
        kinds = sum(map(bool, evidence))
        if kinds > is_ours_complete and _wrote(other, saved):
            found = sorted({word for words in evidence for word in words})
            raise ValueError(
                f"This checkpoint is of another optimizer: it holds {listed(found)}, which {called} does not have. "
                "Load it into the optimizer that wrote it, or start this one without it. Nothing was changed."
            )


def _others(rule: Rule) -> Iterator[Rule]:
    for name in rules.__all__:
        if name != rule.name:
            yield read(getattr(rules, name))


def _wrote(rule: Rule, saved: Sequence[Saved]) -> bool:
    """Whether all is there that this rule keeps."""
    for group, states in saved:
        if not rule.hyperparameters.keys() - {*beyond_torch(rule)} <= group.keys():
            return False
        for names in states:
            if not (rule.elementwise or names & {*rule.state}) or not _kept(rule, group) <= names:
                return False
    return True


def _kept(rule: Rule, group: Group) -> frozenset[str]:
    if not rule.elementwise:
        return frozenset()
    try:
        return frozenset(program(rule, {name: group[name] for name in rule.hyperparameters}).kept)
    except (TypeError, ValueError, RuntimeError):  # options that are no numbers are refused later, in a sentence
        return frozenset(rule.state)


def _evidence(other: Rule, rule: Rule, saved: Sequence[Saved]) -> tuple[set[str], ...]:
    """What another rule has and ours has not, and the checkpoint has: states, hyperparameters, other options."""
    names = {name for _, states in saved for found in states for name in found}
    options = {name for group, _ in saved for name in group}
    more = {*signature(other).parameters} - {*signature(rule).parameters} - {*rule.hyperparameters}
    of_rule = {*other.hyperparameters} - {*rule.hyperparameters}
    return names & ({*other.state} - {*rule.state}), options & of_rule, options & (more - of_rule)


def _states(group: Group, state: Mapping[Any, Any]) -> set[frozenset[str]]:
    """The names in the states of a group's parameters, without the states that no optimizer wrote."""
    found = [state.get(key) for key in group["params"]]
    names = {frozenset(n for n, v in one.items() if v is not None) for one in found if isinstance(one, Mapping)}
    return {one for one in names if one & states_of_rules()}


@functools.cache
def states_of_rules() -> frozenset[str]:
    """Every name that a rule of ours has for a state."""
    return frozenset(name for rule in rules.__all__ for name in read(getattr(rules, rule)).state)
