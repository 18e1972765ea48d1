"""What schedules of schedules promise, for any of them: hypothesis composes."""

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest import schedules
from steepest.schedules import (
    Schedule,
    constant,
    cosine,
    cyclic,
    exponential,
    inverse_sqrt,
    linear,
    multi_step,
    one_cycle,
    parse,
    polynomial,
    product,
    sequence,
    step,
    warm_restarts,
    warmup,
    wsd,
)
from steepest.schedules.expression import KNOWN

VALUE = st.floats(1e-5, 2.0)
STEPS = st.integers(2, 60)
PLAIN = st.one_of(
    st.builds(constant, VALUE),
    st.builds(linear, VALUE, VALUE, STEPS),
    st.builds(polynomial, VALUE, VALUE, STEPS, st.floats(0.5, 3)),
    st.builds(exponential, VALUE, st.floats(0.5, 1.0), STEPS),
    st.builds(step, VALUE, STEPS, st.floats(0.1, 1.0)),
    st.builds(lambda v, a, b: multi_step(v, [a, a + b]), VALUE, STEPS, STEPS),
    st.builds(lambda v, n, e: cosine(v, n + 5, e, 3), VALUE, STEPS, VALUE),
    st.builds(warm_restarts, VALUE, STEPS, st.integers(1, 3), VALUE),
    st.builds(cyclic, VALUE, VALUE, STEPS, STEPS, st.sampled_from(["triangular", "triangular2"])),
    st.builds(one_cycle, VALUE, STEPS, st.floats(0.1, 0.9)),
    st.builds(inverse_sqrt, VALUE, STEPS),
    st.builds(lambda v, n: wsd(v, n + 6, 2, 4), VALUE, STEPS),
)


def composed(parts: st.SearchStrategy[Schedule]) -> st.SearchStrategy[Schedule]:
    return st.one_of(
        st.builds(lambda a, b, at: a.then(b, at=at), parts, parts, STEPS),
        st.builds(lambda a, b: a * b, parts, parts),
        st.builds(lambda a, n: a.shift(n), parts, st.integers(-20, 20)),
        st.builds(lambda a, n: a.warmup(n), parts, STEPS),
        st.builds(lambda a, f: a.scale(f), parts, VALUE),
        st.builds(lambda a, low, more: a.clip(low, low + more), parts, VALUE, VALUE),
    )


ANY = st.recursive(PLAIN, composed, max_leaves=5)
AT = st.integers(0, 300)


@given(ANY, AT, AT)
def test_asked_again_or_elsewhere_it_says_the_same(schedule, before, at):
    """It remembers nothing, so it can be resumed from a number."""
    first = schedule(at)
    schedule(before)
    assert schedule(at) == first == pickle.loads(pickle.dumps(schedule))(at)


@given(ANY)
def test_pickled_and_written_out_it_is_the_same_value(schedule):
    assert pickle.loads(pickle.dumps(schedule)) == schedule == parse(repr(schedule))
    assert hash(schedule) == hash(parse(repr(schedule)))


@given(ANY, ANY, ANY, AT)
def test_the_order_of_a_product_does_not_matter(a, b, c, at):
    assert (a * b) * c == c * (b * a) == product(b, a, c)
    assert ((a * b) * c)(at) == (c * (b * a))(at)
    assert (a * b)(at) == pytest.approx(a(at) * b(at), rel=1e-13)


@given(ANY, ANY, ANY, st.integers(1, 50), st.integers(1, 50), AT)
def test_sequences_nest(a, b, c, one, other, at):
    """V15: a sequence within a sequence is the direct one."""
    direct = sequence([a, b, c], [one, one + other])
    assert a.then(b.then(c, at=other), at=one)(at) == direct(at) == a.then(b, at=one).then(c, at=one + other)(at)


@given(ANY, ANY, st.integers(1, 50), AT)
def test_what_follows_counts_from_its_own_zero(a, b, one, at):
    assert a.then(b, at=one)(at) == (a(at) if at < one else b(at - one))


@given(ANY, st.integers(1, 50), AT)
def test_shifted_scaled_clipped_and_warmed_up(schedule, n, at):
    assert schedule.shift(n)(at + n) == schedule(at)
    assert schedule.scale(0.5)(at) == pytest.approx(0.5 * schedule(at), rel=1e-15)
    assert schedule.clip(0.1, 0.2)(at) == min(max(schedule(at), 0.1), 0.2)
    warmed = schedule.warmup(n)
    assert warmed(at + n) == schedule(at)
    assert warmed(0) == 0
    if at < n:
        assert warmed(at) == pytest.approx(schedule(0) * at / n, rel=1e-12)


def test_it_reads_like_what_was_written():
    assert repr(cosine(3e-4, 10_000).warmup(100)) == "linear(0.0, 0.0003, 100).then(cosine(0.0003, 10000))"
    assert repr(constant(0.1).scale(1)) == "1.0 * constant(0.1)"
    assert repr(2 * step(0.1, 30) * linear(1, 0, 9)) == "2.0 * linear(1, 0, 9) * step(0.1, 30)"
    assert repr(constant(0.1).then(constant(0.2), at=5)) == "constant(0.1).then(constant(0.2), at=5)"


def wrong(value: Any) -> Any:
    """What the types of the arguments forbid."""
    return value


REFUSED = [
    (lambda: cosine(3e-4, -5), ValueError, "steps is -5, but it counts steps, 1 at least"),
    (lambda: cosine(3e-4, wrong(2.5)), TypeError, "steps is 2.5, not a whole number of steps"),
    (lambda: cosine(wrong("3e-4"), 5), TypeError, "The peak is '3e-4', not a number"),
    (lambda: linear(float("nan"), 1, 5), ValueError, "start is nan; a schedule has a value at every step"),
    (lambda: cosine(1.0, 10, warmup_steps=20), ValueError, "The warmup takes 21 of 10 steps"),
    (lambda: wsd(1.0, 10, 6, 6), ValueError, "The warmup with the decay takes 12 of 10 steps"),
    (lambda: wsd(1.0, 10, 1, 6, shape="round"), ValueError, "Choose 'linear' or 'cosine' or 'sqrt'"),
    (lambda: multi_step(1.0, []), ValueError, "There are no milestones"),
    (lambda: multi_step(1.0, [30, 20]), ValueError, "each must be later than the one before"),
    (lambda: sequence([], []), ValueError, "There are no schedules"),
    (lambda: sequence([constant(1), constant(2)], []), ValueError, "Give one for each"),
    (lambda: sequence([constant(1), wrong(2)], [3]), TypeError, "A part of the sequence is 2, not a schedule"),
    (lambda: constant(1).then(constant(2)), ValueError, "has no end, so nothing can follow"),
    (lambda: product(1, 2), ValueError, "has no schedule in it"),
    (lambda: constant(1) * "2", TypeError, "multiply"),
    (lambda: constant(1).clip(2, 1), ValueError, "Nothing lies between"),
    (lambda: polynomial(1, 0, 5, power=0), ValueError, "power is 0"),
    (lambda: exponential(1, -0.5), ValueError, "factor is -0.5"),
    (lambda: one_cycle(1, 10, up=2.0), ValueError, "up is 2.0"),
    (lambda: warmup(0), ValueError, "The warmup is 0"),
    (lambda: warmup(10)(3), TypeError, "does not know where it leads"),
    (lambda: warmup(10).then(wrong(3)), TypeError, "What follows the warmup is 3, not a schedule"),
    (lambda: cyclic(0, 1, 5, mode="up"), ValueError, "mode is 'up'"),
]


@pytest.mark.parametrize(("make", "kind", "words"), REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_what_cannot_be_is_refused_when_it_is_made(make, kind, words):
    with pytest.raises(kind, match=words):
        make()


TEXTS = [
    ("warmup(100) then cosine(3e-4, 10_000)", cosine(3e-4, 10_000).warmup(100)),
    ("constant(0.1, 10) then linear(0.1, 0, 5) then constant(0.0)",
     constant(0.1, 10).then(linear(0.1, 0, 5)).then(constant(0.0))),
    ("0.5 * step(0.1, every=30) * linear(1, 0, 100)", 0.5 * step(0.1, 30) * linear(1, 0, 100)),
    ("cosine(1, 10) then 2 * constant(1)", cosine(1, 10).then(2 * constant(1))),
    ("multi_step(0.1, [30, 60], factor=0.5)", multi_step(0.1, [30, 60], 0.5)),
    ("cyclic(1e-4, 1e-2, 50, mode='triangular2').clip(high=5e-3).shift(-3)",
     cyclic(1e-4, 1e-2, 50, mode="triangular2").clip(high=5e-3).shift(-3)),
    ("sequence([constant(1), constant(2)], [5])", constant(1).then(constant(2), at=5)),
]  # fmt: skip


@pytest.mark.parametrize(("text", "schedule"), TEXTS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_text_is_the_schedule_that_it_describes(text, schedule):
    assert parse(text) == schedule


MISREAD = [
    ("", "not of the form"),
    ("cosine(", "not of the form"),
    ("cosin(1, 2)", "did you mean 'cosine'"),
    ("__import__('os').system('true')", "neither a schedule nor a number"),
    ("__import__('os')", "there is no schedule '__import__'"),
    ("cosine(1, 10).__class__", "neither a schedule nor a number"),
    ("[c for c in (1, 2)]", "neither a schedule nor a number"),
    ("3e-4", "the value that stays the same is `constant(0.0003)`"),
    ("warmup(100)", "a warmup leads to something"),
    ("cosine(1, 10) + 1", "neither a schedule nor a number"),
    ("constant(1) then constant(2)", "has no end"),
    ("cosine(1, 10, 3, 4, 5)", "in `cosine(1, 10, 3, 4, 5)`"),
    ("cosine(1, 10) then 3", "not a schedule"),
    ("parse('constant(1)')", "there is no schedule 'parse'"),
    ("2 then cosine(1, 10)", "in `2 then cosine(1, 10)`"),
]


@pytest.mark.parametrize(("text", "words"), MISREAD)
def test_a_text_that_is_no_schedule_says_where(text, words):
    with pytest.raises(ValueError, match="is no schedule") as caught:
        parse(text)
    assert words in str(caught.value)


def test_a_text_may_name_every_public_schedule() -> None:
    """Each file of schedules says what is public in its `__all__`: add it there and in `schedules/__init__.py`."""
    assert {*KNOWN, "Schedule", "parse"} == {*schedules.__all__}
