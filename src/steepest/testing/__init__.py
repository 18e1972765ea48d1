"""The laws that every rule obeys, for your own rule too, in one line of a test file.

    def test_my_rule():
        check_rule(my_rule)

Or try the laws one by one: `law.check(my_rule)` for each of `laws()`.  No test runner is needed: a broken law raises
an AssertionError.
"""

import difflib
from collections.abc import Callable, Iterable
from typing import Any

from steepest.testing import of_kernels, of_memory, of_reading, of_runs, of_tensors
from steepest.testing.law import BrokenLawError, Law, broken
from steepest.testing.subject import Subject

__all__ = ["BrokenLawError", "Law", "check_rule", "laws"]

_LAWS = (
    of_reading.can_be_read,
    of_reading.keeps_its_state,
    of_kernels.kernel_equals_rule,
    of_kernels.near_float64,
    of_kernels.any_number_of_threads,
    of_kernels.numbers_compile_nothing,
    of_memory.any_layout,
    of_memory.keeps_no_gradient,
    of_memory.complex_as_two_parts,
    of_runs.goes_on_after_saving,
    of_runs.copies_go_on_alone,
    of_runs.maximize_negates_the_gradient,
    of_runs.groups_are_apart,
    of_runs.stays_finite,
    of_runs.goes_down,
    of_tensors.changes_nothing_given,
    of_tensors.functional_equals_optimizer,
    of_tensors.works_under_vmap,
    of_tensors.gradients_flow_through_steps,
)


def laws() -> tuple[Law, ...]:
    """List every law, in the order in which `check_rule` tries them."""
    return _LAWS


def check_rule(rule: Callable[..., Any], /, *, without: Iterable[str] = (), **hyperparameters: Any) -> dict[str, str]:
    """Try every law on a rule.

    Args:
        rule: `f(p, g, *state, step, *, hyperparameters)`, as `steepest.optimizer` takes it.
        without: Names of laws that are not meant for this rule, such as "goes down" where a step may go uphill.
        **hyperparameters: Other values than the rule's defaults.

    Returns:
        For the name of each law "holds", or "left out: " and the reason.

    Raises:
        RuleError: The function is not a rule.
        BrokenLawError: The rule breaks laws; the message has all of them.
        TypeError: The rule has no hyperparameter of this name, or its value has the wrong type.
        ValueError: A hyperparameter is out of its range, or there is no law of a name in `without`.
    """
    excused = set(without)
    _check_names(excused)
    subject = Subject.of(rule, hyperparameters)
    outcome, findings = {}, []
    for law in _LAWS:
        reason = "as asked" if law.name in excused else law.not_for(subject)
        finding = None if reason else law.find(subject)
        outcome[law.name] = f"left out: {reason}" if reason else "holds"
        if finding is not None:
            findings.append(finding)
    if findings:
        raise broken(subject, findings) from findings[0].error
    return outcome


def _check_names(names: set[str]) -> None:
    known = [law.name for law in _LAWS]
    for name in sorted(names - set(known)):
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"The laws are: {', '.join(known)}."
        raise ValueError(f"There is no law {name!r}. {hint}")
