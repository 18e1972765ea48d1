"""The constructors: torch's signatures, and torch's words for what is wrong."""

import inspect
import pickle

import pytest
import torch

import steepest
from steepest.compiler.rule import RuleError

NAMES = ("SGD", "RMSprop", "Adagrad", "Adam", "AdamW")
P = torch.nn.Parameter


@pytest.mark.parametrize("name", NAMES)
def test_the_signature_is_torchs(name):
    ours = inspect.signature(getattr(steepest, name)).parameters.values()
    theirs = inspect.signature(getattr(torch.optim, name)).parameters.values()
    assert [(p.name, p.kind, p.default) for p in ours] == [(p.name, p.kind, p.default) for p in theirs]


@pytest.mark.parametrize("name", NAMES)
def test_groups_hold_what_torchs_hold(name):
    ours = getattr(steepest, name)([P(torch.ones(2))]).param_groups[0]
    theirs = getattr(torch.optim, name)([P(torch.ones(2))]).param_groups[0]
    assert {k: v for k, v in ours.items() if k != "params"} == {k: v for k, v in theirs.items() if k != "params"}
    assert (
        getattr(steepest, name)([P(torch.ones(2))]).defaults == getattr(torch.optim, name)([P(torch.ones(2))]).defaults
    )


def test_positional_arguments_mean_what_they_mean_in_torch():
    for name, positional in [
        ("SGD", (0.1, 0.9, 0.1, 0.2)),
        ("RMSprop", (0.1, 0.8, 1e-3, 0.2, 0.9, True, False, None, True)),
        ("Adagrad", (0.1, 0.2, 0.3, 0.4, 1e-3, None)),
        ("Adam", (0.1, (0.5, 0.6), 1e-3, 0.2, True)),
        ("AdamW", (0.1, (0.5, 0.6), 1e-3, 0.2, True)),
    ]:
        groups = [
            getattr(lib, name)([P(torch.ones(2))], *positional).param_groups[0] for lib in (steepest, torch.optim)
        ]
        assert {k: v for k, v in groups[0].items() if k != "params"} == {
            k: v for k, v in groups[1].items() if k != "params"
        }


ONE, TWO = torch.tensor(0.5), torch.tensor([0.5, 0.5])
EVERY = [
    {"lr": -1.0},
    {"lr": torch.tensor([0.1, 0.2])},
    {"lr": torch.tensor(-0.1)},
    {"weight_decay": -0.5},
    {"foreach": True, "fused": True},
    {"differentiable": True, "fused": True},
    {"lr": -1.0, "weight_decay": -1.0},
]
WRONG = {
    "SGD": [*EVERY, {"momentum": -1.0}, {"nesterov": True}, {"nesterov": True, "momentum": 0.9, "dampening": 0.1}],
    "RMSprop": [*EVERY, {"eps": -1.0}, {"momentum": -1.0}, {"alpha": -1.0}, {"lr": float("nan")}],
    "Adagrad": [*EVERY, {"eps": -1.0}, {"lr_decay": -1.0}, {"initial_accumulator_value": -1.0}, {"lr": float("nan")}],
    "Adam": [
        *EVERY,
        {"lr": float("nan")},
        {"eps": -1.0},
        {"betas": (1.0, 0.9)},
        {"betas": (0.9, -0.1)},
        {"betas": (0, 0.9)},
        {"betas": (0.9, ONE)},
        {"betas": (ONE, ONE), "foreach": True},
        {"betas": (TWO, ONE)},
        {"lr": ONE, "foreach": True},
        {"lr": ONE, "foreach": True, "capturable": False},
        {"weight_decay": -1.0, "eps": -1.0},
    ],
}  # fmt: skip
WRONG["AdamW"] = WRONG["Adam"]
FINE = {
    "Adam": [
        {"lr": ONE},
        {"lr": torch.tensor([0.1])},
        {"betas": (ONE, ONE)},
        {"lr": ONE, "foreach": True, "capturable": True},
        {"lr": 0.0},
        {"lr": 1},
        {"eps": 0},
        {"foreach": True},
        {"fused": True},
        {"capturable": True},
        {"differentiable": True},
    ],
    "SGD": [{"lr": 0}, {"momentum": 2}, {"fused": True}, {"foreach": False}, {"dampening": -1.0}],
}


def answer(library, name: str, arguments: dict) -> tuple[type, str] | None:
    try:
        getattr(library, name)([P(torch.ones(2))], **arguments)
    except Exception as error:
        return type(error), str(error)
    return None


@pytest.mark.parametrize(("name", "arguments"), [(n, a) for n in WRONG for a in WRONG[n]], ids=str)
def test_wrong_arguments_are_refused_in_torchs_words(name, arguments):
    theirs = answer(torch.optim, name, arguments)
    if name == "RMSprop" and "fused" in arguments:
        assert theirs is not None
        assert theirs[0] is TypeError
        ours = answer(steepest, name, arguments)
        assert ours is not None
        assert ours[0] is TypeError  # it names the nearest as well
        return
    assert theirs is not None, "a row that torch accepts tests nothing"
    assert answer(steepest, name, arguments) == theirs


@pytest.mark.parametrize("rate", ["0.1", None, [0.1]], ids=repr)
@pytest.mark.parametrize("name", NAMES)
def test_a_rate_that_is_no_number_is_a_type_error(name, rate):
    """As in torch, where the words are Python's own about `<`."""
    for library in (torch.optim, steepest):
        with pytest.raises(
            TypeError, match="not supported between instances" if library is torch.optim else "^lr must"
        ):
            getattr(library, name)([P(torch.ones(2))], lr=rate)


@pytest.mark.parametrize(("name", "arguments"), [(n, a) for n in FINE for a in FINE[n]], ids=str)
def test_what_torch_accepts_is_accepted(name, arguments):
    assert answer(torch.optim, name, arguments) is None
    assert answer(steepest, name, arguments) is None


PARAMETERS = {
    "none": lambda: [],
    "a tensor": lambda: P(torch.ones(2)),
    "numbers": lambda: [1.0, 2.0],
    "not a leaf": lambda: [P(torch.ones(2)) * 2],
    "a set": lambda: [{"params": {P(torch.ones(1)), P(torch.ones(1))}}],
    "one of two groups twice": lambda: [{"params": [p]} for p in [P(torch.ones(1))] * 2],
    "some with names": lambda: [("a", P(torch.ones(1))), P(torch.ones(1))],
}


@pytest.mark.parametrize("case", PARAMETERS)
@pytest.mark.parametrize("name", NAMES)
def test_wrong_parameters_are_refused_in_torchs_words(name, case):
    answers = []
    for library in (steepest, torch.optim):
        with pytest.raises((ValueError, TypeError)) as caught:
            getattr(library, name)(PARAMETERS[case]())
        answers.append((type(caught.value), str(caught.value)))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("name", NAMES)
def test_one_parameter_twice_is_a_warning_as_in_torch(name):
    p = P(torch.ones(2))
    messages = []
    for library in (steepest, torch.optim):
        with pytest.warns(UserWarning, match="duplicate parameters") as caught:
            getattr(library, name)([p, p])
        messages.append([str(w.message) for w in caught])
    assert messages[0] == messages[1]


@pytest.mark.parametrize("name", NAMES)
def test_a_misspelt_argument_names_the_nearest(name):
    with pytest.raises(TypeError, match=rf"{name}\(\) .*'weigth_decay'.*'weight_decay'"):
        getattr(steepest, name)([P(torch.ones(2))], weigth_decay=0.1)
    with pytest.raises(TypeError, match=r"zzz.*lr"):
        getattr(steepest, name)([P(torch.ones(2))], zzz=0.1)
    with pytest.raises(TypeError, match="params"):
        getattr(steepest, name)()


def double_rate(p, g, *, lr=0.1, power=2.0, twice=False):
    """Step along the gradient, once or twice."""
    p = p - lr * g
    if twice:
        p = p - lr * g
    return p


def with_velocity(p, g, velocity, step, *, lr=0.1, friction=0.5, scales=(1.0, 2.0)):
    """A velocity that friction slows."""
    first, second = scales
    velocity = friction * velocity + g / step
    p = p - lr * first * second * velocity
    return p, velocity


def sgd(p, g, *, lr=0.25, leak=0.5):
    """A stranger's own rule, whose name torch has too."""
    p = (1 - lr * leak) * p - lr * g
    return p


def test_a_strangers_rule_is_an_optimizer():
    cls = steepest.optimizer(with_velocity)
    assert [*inspect.signature(cls).parameters][:4] == ["params", "lr", "friction", "scales"]
    p = P(torch.linspace(-1, 1, 4099, dtype=torch.float64))
    optimizer = cls([p], friction=0.25)
    expected, velocity = p.detach().numpy().copy(), 0.0
    for step in range(1, 5):
        p.grad = torch.full_like(p, 1.5)
        optimizer.step()
        velocity = 0.25 * velocity + 1.5 / step
        expected = expected - 0.1 * 1.0 * 2.0 * velocity
    torch.testing.assert_close(p.detach().numpy(), expected, rtol=1e-14, atol=1e-14)
    assert [*optimizer.state[p]] == ["step", "velocity"]
    assert not vars(optimizer)["_plans"][0][0].unfused, "it runs as one fused kernel"
    again = cls([p], friction=0.25)
    again.load_state_dict(optimizer.state_dict())
    assert torch.equal(again.state[p]["velocity"], optimizer.state[p]["velocity"])


def test_a_strangers_rule_has_checked_hyperparameters():
    cls = steepest.optimizer(double_rate)
    with pytest.raises(ValueError, match="Invalid learning rate: -1"):
        cls([P(torch.ones(1))], lr=-1.0)
    with pytest.raises(TypeError, match="'friktion'"):
        steepest.optimizer(with_velocity)([P(torch.ones(1))], friktion=1.0)
    with pytest.raises(ValueError, match="Tensor power must be 1-element"):
        cls([P(torch.ones(1))], power=torch.ones(2))
    with pytest.raises(RuleError):
        steepest.optimizer(lambda p, g: p - g)


@pytest.mark.parametrize("rate", [0.5, torch.tensor(0.5), torch.tensor([0.5], dtype=torch.float64)], ids=repr)
def test_a_strangers_rule_takes_a_rate_that_is_a_tensor(rate):
    p = P(torch.ones(17))
    optimizer = steepest.optimizer(double_rate)([p], lr=rate, twice=True)
    p.grad = torch.ones(17)
    optimizer.step()
    assert torch.equal(p, torch.zeros(17))
    if isinstance(rate, torch.Tensor):
        optimizer.param_groups[0]["lr"].fill_(0.25)
    else:
        optimizer.param_groups[0]["lr"] = 0.25
    optimizer.step()
    assert torch.equal(p, torch.full((17,), -0.5))


def test_a_strangers_rule_may_have_a_name_that_torch_has():
    p = P(torch.ones(9))
    optimizer = steepest.optimizer(sgd)([p], lr=0.5, leak=0.5)
    p.grad = torch.ones(9)
    optimizer.step()
    assert torch.equal(p, torch.full((9,), 0.25))
    p = P(torch.ones(9))
    optimizer = steepest.optimizer(sgd)([p])
    assert optimizer.param_groups[0]["lr"] == 0.25


@pytest.mark.parametrize("name", NAMES)
def test_a_rate_that_is_a_tensor_is_read_at_every_step(name):
    runs = []
    for library in (steepest, torch.optim):
        p = P(torch.linspace(-1, 1, 19, dtype=torch.float64))
        optimizer = getattr(library, name)([p], lr=torch.tensor(0.125, dtype=torch.float64), foreach=False)
        for rate in (0.5, 0.25, 0.0, 1.0):
            optimizer.param_groups[0]["lr"].fill_(rate)
            p.grad = torch.ones_like(p)
            optimizer.step()
        runs.append(p.detach())
    torch.testing.assert_close(*runs)


@pytest.mark.parametrize(("written", "meant"), [("learning_rate", "lr"), ("beta_1", "betas"), ("epsilon", "eps")])
def test_what_other_libraries_call_an_argument_is_understood(written: str, meant: str) -> None:
    with pytest.raises(TypeError, match=rf"{written}.* Did you mean '{meant}'\?"):
        getattr(steepest, "Adam")([P(torch.ones(2))], **{written: 0.1})  # noqa: B009 - pyright would see it too


def test_a_tuple_of_another_length_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match=r"betas must be 2 numbers such as \(0.9, 0.999\), not \(0.9,\)"):
        getattr(steepest, "Adam")([P(torch.ones(2))], betas=(0.9,))  # noqa: B009


def pickled_rule(p, g, m, *, lr=0.1):
    m = m + g
    p = p - lr * m
    return p, m


def test_an_optimizer_of_a_strangers_rule_is_pickled_wherever_its_class_is_kept() -> None:
    kept = {"anywhere": steepest.optimizer(pickled_rule)}
    p = P(torch.ones(3))
    optimizer = kept["anywhere"]([p], lr=0.5)
    p.grad = torch.ones(3)
    optimizer.step()
    again = pickle.loads(pickle.dumps(optimizer))
    (q,) = again.param_groups[0]["params"]
    assert type(again) is type(optimizer)
    assert torch.equal(again.state[q]["m"], torch.ones(3))
    q.grad = torch.ones(3)
    again.step()
    assert torch.equal(q.detach(), torch.full((3,), 1 - 0.5 * 1 - 0.5 * 2))
