"""What people do to parameters, gradients, state and groups between two steps, mistakes and malice included.

Each deed takes a world, one of its parameters and a number that chooses among its ways.
"""

from support.deeds.choosing import Deed
from support.deeds.gradients import (
    gradient_in_anothers_memory,
    new_gradient,
    sparse_gradient_in_anothers_memory,
    swap_gradients,
)
from support.deeds.groups import edit_a_group, edit_the_options, replace_a_parameter
from support.deeds.memory import (
    data_expanded,
    data_in_anothers_memory,
    new_data,
    new_data_of_another_shape,
    resize_a_storage,
    set_in_place,
    transpose_in_place,
)
from support.deeds.optimizers import another_optimizer, go_on_with_a_copy, load_a_checkpoint
from support.deeds.state import drop_state, exchange_states, replace_a_number, replace_a_state, write_as_wrappers_do
from support.deeds.types import new_data_of_another_dtype, retype_a_number

DEEDS: list[Deed] = [
    resize_a_storage, new_data, new_data_of_another_shape, new_data_of_another_dtype,
    transpose_in_place, set_in_place, data_in_anothers_memory, data_expanded, replace_a_state, replace_a_number,
    drop_state, exchange_states, new_gradient, gradient_in_anothers_memory, sparse_gradient_in_anothers_memory,
    swap_gradients, edit_a_group, edit_the_options, load_a_checkpoint, go_on_with_a_copy, another_optimizer,
]  # fmt: skip

ALONE: list[Deed] = [*DEEDS, retype_a_number, write_as_wrappers_do, replace_a_parameter]
"""Those that are tried one by one; random lives of the last three have not been looked through yet."""
