"""How names are written in formulas, in one place: one letter each, the papers' where these agree."""

from collections.abc import Mapping

from steepest.compiler.formula import GREEK

_OF_ALL = {
    # hyperparameters
    **GREEK, "dampening": "τ", "lr_decay": "κ", "initial_accumulator_value": "s_0", "momentum_decay": "ψ", "lambd": "δ",
    "t0": "t_0", "etaminus": "η_−", "etaplus": "η_+", "smallest": "Δ_min", "largest": "Δ_max", "beta2_decay": "γ",
    "d": "d", "ns_steps": "N", "history_size": "m",
    # state
    "exp_avg": "m", "exp_avg_sq": "v", "max_exp_avg_sq": "v_max", "square_avg": "v", "grad_avg": "bar:g",
    "momentum_buffer": "b", "sum": "s", "acc_delta": "u", "exp_inf": "u", "mu_product": "Π", "eta": "η_t", "mu": "μ_t",
    "ax": "bar:p", "prev": "g_before", "step_size": "Δ", "row_var": "R", "col_var": "C", "variance": "V",
    "step": "t",
    # what lines compute on the way
    "correction": "c", "second_moment": "w", "update": "u", "delta": "Δ", "mu_next": "μ_t+1", "longest": "ρ_∞",
    "length": "ρ_t", "divisor": "k", "rectification": "r", "adaptive": "a", "turn": "q", "rate": "α", "matrix": "U",
    "gram": "G", "x": "X",
}  # fmt: skip

_OF_RULES = {
    "rmsprop": {"variance": "w"},
    "adafactor": {"second_moment": "W"},
    "muon": {"step": "O"},
    "lbfgs": {
        "step": "s", "change": "y", "g_before": "g_before", "s_i": "s_i", "y_i": "y_i", "alpha_i": "α_i",
        "old_stps": "s_i", "old_dirs": "y_i",
    },
}  # fmt: skip
"""Where a name means something else than in most rules."""


def letter(name: str, rule: str = "") -> str:
    """What `elements.symbol` takes for a name: a letter with what stands below it, or the name itself."""
    known: Mapping[str, str] = _OF_ALL | _OF_RULES.get(rule, {})
    stem = name.rstrip("0123456789")
    if name not in known and stem in known:
        return f"{known[stem]}_{name[len(stem) :]}"
    return known.get(name, name.replace("_", " ").strip())


def letters(name: str, rule: str) -> list[str]:
    """The letters of an argument or a state, none where it is written as it is spelt; several of a tuple."""
    members = _MEMBERS.get(f"{rule}.{name}", _MEMBERS.get(name))
    if members is not None:
        return [letter(member, rule) for member in members]
    return [letter(name, rule)] if letter(name, rule) != name.replace("_", " ") else []


_MEMBERS = {
    "betas": ("beta1", "beta2"),
    "etas": ("etaminus", "etaplus"),
    "step_sizes": ("smallest", "largest"),
    "adafactor.eps": ("eps1", "eps2"),
    "ns_coefficients": ("a", "b", "c"),
}
"""What rules call the numbers of a tuple."""
