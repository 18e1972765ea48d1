"""The best setting without what makes no difference: a hyperparameter that gains nothing stays at its default."""

from __future__ import annotations

import numpy as np

from steepest.workbench.model.key import Setting, settings_text, values_of
from steepest.workbench.search.space import SearchSpace
from steepest.workbench.search.surrogate import Surrogate

FREE = 0.5
"""Of the noise of a seed: what all defaults together may cost.  Five fresh seeds find a difference of about that."""


def simpler(space: SearchSpace, model: Surrogate, best: Setting) -> Setting | None:
    """The best setting with as many hyperparameters at their defaults as the model expects to be free.

    None where each of them is needed.  The rate always keeps its value.
    """
    given, point, defaults = values_of(best.others), np.array(space.point_of(best)), space.defaults()
    places = [place for place, one in enumerate(space.dimensions, 1) if one.name in given]

    def cost(left: list[int]) -> float:
        changed = point.copy()
        changed[left] = [defaults[place] for place in left]
        return model.difference(changed, point)[0]

    left: list[int] = []
    for place in sorted(places, key=lambda one: cost([one])):
        if cost([*left, place]) <= FREE * model.noise:
            left.append(place)
    if not left:
        return None
    names = {space.dimensions[place - 1].name for place in left}
    return Setting(best.rate, settings_text({name: value for name, value in given.items() if name not in names}))
