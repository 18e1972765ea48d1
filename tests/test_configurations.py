"""Nothing that a law of structure could see of the table is missing among the representatives."""

from support.configurations import REPRESENTATIVES, STANDS_FOR, TABLE


def test_every_representative_is_a_row_of_the_table() -> None:
    assert {row.id for row in REPRESENTATIVES} == {*STANDS_FOR}
    assert len(REPRESENTATIVES) < len(TABLE) / 3


def test_they_have_every_shape() -> None:
    """If a row is missing here, add one of its shape to `STANDS_FOR`, with what it stands for."""
    found = {row.shape for row in REPRESENTATIVES}
    assert not [row.id for row in TABLE if row.shape not in found]


def test_they_are_of_every_optimizer() -> None:
    assert {row.name for row in REPRESENTATIVES} == {row.name for row in TABLE}


def test_they_go_up_the_gradient_with_state_and_without() -> None:
    assert {bool(row.shape[0]) for row in REPRESENTATIVES if row.maximize} == {False, True}


def test_they_give_every_hyperparameter_that_changes_the_kind_of_a_step() -> None:
    """A pair of numbers is read otherwise than one; a decay makes another program."""
    assert any(isinstance(value, tuple) for row in REPRESENTATIVES for value in row.hyperparameters.values())
    assert {"weight_decay", "amsgrad", "momentum", "nesterov", "decoupled_weight_decay"} <= {
        name for row in REPRESENTATIVES for name, value in row.options.items() if value
    }
