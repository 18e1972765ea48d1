"""What no program can find out about an optimizer: what its arguments mean, where it comes from, where torch differs.

Each text stands here once.  A key `rule.name` goes before the key `name` where a rule means something else by it.
"""

_DECOUPLED = "Takes lr times this share off the parameter, apart from its gradient."

MEANINGS = {
    "lr": "The learning rate: how far a step goes.",
    "adadelta.lr": "Scales the step, whose length Adadelta finds by itself.",
    "adafactor.lr": "The largest relative step; from step 1/lr² on it is 1/√t.",
    "muon.lr": "The learning rate: the size of every singular value of a step.",
    "lion.lr": "The learning rate: how far every element goes, whatever its gradient. A third to a tenth of AdamW's.",
    "rprop.lr": "The first step of every element; each finds its own from there.",
    "lbfgs.lr": "The length of a step in units of its direction; with a line search, the first length that is tried.",
    "momentum": "The share of the running sum that is kept from step to step.",
    "muon.momentum": "The share of the running average that is kept from step to step.",
    "dampening": "The share of a gradient that is kept out of the momentum from the second step on.",
    "nesterov": "Look ahead along the momentum: step by the gradient plus the momentum that it will have.",
    "sgd.nesterov": "Look ahead along the momentum. Needs `momentum` > 0 and `dampening` 0.",
    "weight_decay": "Adds this much of the parameter to its gradient.",
    "adamw.weight_decay": _DECOUPLED,
    "lion.weight_decay": _DECOUPLED,
    "adafactor.weight_decay": _DECOUPLED,
    "muon.weight_decay": _DECOUPLED,
    "decoupled_weight_decay": "Let the decay shrink the parameter itself, as in AdamW, and not enter the gradient.",
    "betas": "How much of the averages of the gradient and of its square is kept from step to step.",
    "adamax.betas": "How much of the average gradient, and of the largest one, is kept from step to step.",
    "lion.betas": "The share of the average in a step, and how much of the average is kept from step to step.",
    "alpha": "How much of the average square is kept from step to step.",
    "asgd.alpha": "The power with which the rate falls.",
    "rho": "How much of the average squares is kept from step to step.",
    "eps": "Added to the divisor, so that it is never zero.",
    "adadelta.eps": "Added to both averages under their roots. It sets how small the first steps are.",
    "adamax.eps": "Added to the gradient's magnitude, so that the divisor is never zero.",
    "adafactor.eps": "The smallest divisor, the dtype's own epsilon if `None`; the smallest root mean square of a "
    "parameter that a step is relative to.",
    "muon.eps": "The smallest norm that is divided by.",
    "amsgrad": "Divide by the largest average square so far instead of the present one.",
    "centered": "Take the squared average off the average square: divide by the gradient's deviation.",
    "momentum_decay": "How slowly the momentum grows to its full value.",
    "lr_decay": "How fast the rate falls with the steps.",
    "initial_accumulator_value": "Where the sum of squares starts.",
    "lambd": "How fast the rate falls and the parameter shrinks.",
    "t0": "The step from which the average begins.",
    "etas": "What a step is multiplied by after its gradient has turned, and after it has not.",
    "step_sizes": "The smallest and the largest step of an element.",
    "beta2_decay": "The power of the step count by which the average square forgets.",
    "d": "The largest root mean square that an update may have; longer ones are scaled down.",
    "ns_coefficients": "The polynomial of an iteration: a X + b (XXᵀ) X + c (XXᵀ)² X.",
    "ns_steps": "How many iterations make the singular values equal.",
    "adjust_lr_fn": "How the rate follows the shape: √max(1, rows/columns) (`None` means this one as well), or "
    "0.2 √max(rows, columns), with which rates found for AdamW can be used.",
    "beyond_matrices": "How tensors of more than two dimensions are seen: all but the first as one, as for "
    "convolutions; or the last two as matrices, the others as their number. `None` refuses them.",
    "max_iter": "The most iterations in one call of `step`.",
    "max_eval": "The most evaluations of the closure in one call of `step`; 5/4 of `max_iter` if `None`.",
    "tolerance_grad": "Enough when no element of the gradient is larger.",
    "tolerance_change": "Enough when neither the loss nor an element of the parameters changes by more.",
    "history_size": "How many past steps the direction remembers.",
    "line_search_fn": "Look along the direction for a point that is lower and flatter, instead of one step of `lr`.",
}

RANGES_IN_WORDS = {
    "etas": "0 < first < 1 < second",
    "step_sizes": "0 ≤ first ≤ second",
    "adjust_lr_fn": '`None`, `"original"` or `"match_rms_adamw"`',
    "beyond_matrices": '`None`, `"flatten"` or `"batch"`',
    "line_search_fn": '`None` or `"strong_wolfe"`',
    "lbfgs.lr": "≥ 0",
    "max_iter": "≥ 0",
    "max_eval": "`None` or ≥ 0",
    "history_size": "≥ 1, whole",
}
"""Where `steepest.ranges` has no interval."""

SOURCES = {
    "Chen et al., 2023": ("Symbolic Discovery of Optimization Algorithms", "https://arxiv.org/abs/2302.06675"),
    "Dozat, 2016": (
        "Incorporating Nesterov Momentum into Adam",
        "https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ",
    ),
    "Duchi et al., 2011": (
        "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization",
        "https://jmlr.org/papers/v12/duchi11a.html",
    ),
    "Graves, 2013": ("Generating Sequences with Recurrent Neural Networks", "https://arxiv.org/abs/1308.0850"),
    "Hinton, 2012, lecture 6e": (
        "Neural Networks for Machine Learning",
        "https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf",
    ),
    "Jordan, 2024": (
        "Muon: An optimizer for hidden layers in neural networks",
        "https://kellerjordan.github.io/posts/muon/",
    ),
    "Kingma and Ba, 2015": ("Adam: A Method for Stochastic Optimization", "https://arxiv.org/abs/1412.6980"),
    "Liu et al., 2020": (
        "On the Variance of the Adaptive Learning Rate and Beyond",
        "https://arxiv.org/abs/1908.03265",
    ),
    "Liu et al., 2025": ("Muon is Scalable for LLM Training", "https://arxiv.org/abs/2502.16982"),
    "Loshchilov and Hutter, 2019": ("Decoupled Weight Decay Regularization", "https://arxiv.org/abs/1711.05101"),
    "Nocedal and Wright, 2006": ("Numerical Optimization, algorithms 3.5, 3.6 and 7.4", ""),
    "Polyak and Juditsky, 1992": (
        "Acceleration of Stochastic Approximation by Averaging",
        "https://doi.org/10.1137/0330046",
    ),
    "Reddi et al., 2018": ("On the Convergence of Adam and Beyond", "https://arxiv.org/abs/1904.09237"),
    "Riedmiller and Braun, 1993": (
        "A direct adaptive method for faster backpropagation learning: the RPROP algorithm",
        "https://doi.org/10.1109/ICNN.1993.298623",
    ),
    "Shazeer and Stern, 2018": (
        "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost",
        "https://arxiv.org/abs/1804.04235",
    ),
    "Sutskever et al., 2013": (
        "On the importance of initialization and momentum in deep learning",
        "https://proceedings.mlr.press/v28/sutskever13.html",
    ),
    "Zeiler, 2012": ("ADADELTA: An Adaptive Learning Rate Method", "https://arxiv.org/abs/1212.5701"),
}
"""Title and address of what a docstring cites."""

_ROUNDED_LATE = (
    "{} used in float64 and rounded to float32 only when stored; torch rounds before it uses them, "
    "a relative difference of up to 6e-8."
)

DIFFERENCES = {
    "SGD": "With momentum and sparse gradients the momentum buffer is dense, and torch's is sparse; results are equal.",
    "Adagrad": "Complex sparse gradients are stepped by real and imaginary part, as dense ones are; torch squares them "
    "as complex numbers.",
    "RMSprop": "`centered=True`: the variance is held at or above zero; rounding can bring torch's below it, to NaN.",
    "NAdam": _ROUNDED_LATE.format("`mu_product` is"),
    "ASGD": _ROUNDED_LATE.format("`eta` and `mu` are"),
    "Lion": "Not in torch.optim.",
    "Muon": "Takes tensors of more than two dimensions when asked: `beyond_matrices` is ours alone.",
}
"""Beside what holds for all of them."""

PICTURE_NOTES = {
    "SGD": "Without momentum the steep walls bound the rate, and the flat floor is walked in steps as small.",
    "Adagrad": "The first step goes as far as lr in both coordinates. The sum of squares only grows, and steps shrink.",
    "RMSprop": "The average begins at zero, so the first step is lr / √(1 − alpha), ten times as long as later ones.",
    "Adadelta": "The average of past steps begins at zero, so the first are tiny; the default of 1 is too small here.",
    "Adam": "The first step goes as far as lr in both coordinates, whatever the gradient.",
    "AdamW": "The weight decay pulls toward (0, 0): the path would come to rest beside the minimum, not in it.",
    "RAdam": "The first five steps are not divided by anything, so the steep walls bound the rate as they do SGD's; "
    "divided steps at such a rate are short.",
    "SparseAdam": "x and y are two rows, and the sparse gradient has both at every step: this is Adam's path.",
    "ASGD": "Averaging begins at step `t0`, a million; until then this is SGD with a slowly falling rate.",
    "Rprop": "Each coordinate finds its own length of step by the signs of its gradient; its start matters little.",
    "Lion": "Every step goes as far as any other, in both coordinates: it cannot come to rest.",
    "Adafactor": "x and y are one vector; a step is relative to its root mean square and falls with 1/√t.",
    "Muon": "x and y are one 1 × 2 matrix, whose only singular value is made nearly 1: all steps are about as long. "
    "The weight decay pulls toward (0, 0).",
    "LBFGS": "Each point is one iteration with the strong Wolfe line search and the default lr: nothing was searched.",
}
"""What to see in a picture."""


def about(words: dict[str, str], rule: str, name: str) -> str:
    """What is said of a rule's argument, or nothing."""
    return words.get(f"{rule}.{name}", words.get(name, ""))
