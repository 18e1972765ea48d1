"""What a program cannot find out about an optimizer: what its arguments mean, where it comes from, where torch differs.

A key `rule.name` is used before the key `name`, for a rule in which the argument means something else.
"""

_DECOUPLED = "The parameter is multiplied by 1 − lr · weight_decay; the gradient is not changed."

_TWO_AVERAGES = "The fractions of the averages of the gradient and of its square that are kept from step to step."
_OF_TORCH = (
    "adadelta", "adagrad", "adam", "adamw", "adamax", "asgd", "nadam", "radam", "rmsprop", "sgd", "sparse_adam",
)  # fmt: skip
"""Rules whose `weight_decay` and `betas` mean the same; a rule of another paper says itself what they do in it."""

MEANINGS = {
    "lr": "The learning rate: the size of a step.",
    "adadelta.lr": "A factor of the step; Adadelta finds the length of a step by itself.",
    "adafactor.lr": "The largest relative step; from step 1/lr² on, the relative step is 1/√t.",
    "muon.lr": "The learning rate: the size of every singular value of a step.",
    "lion.lr": "The learning rate: how far every element moves, whatever its gradient. A third to a tenth of AdamW's.",
    "rprop.lr": "The first step size of every element; from then on each element has its own.",
    "lbfgs.lr": "The length of a step, in units of its direction; with a line search, the first length that it tries.",
    "momentum": "The fraction of the running sum that is kept from step to step.",
    "muon.momentum": "The fraction of the running average that is kept from step to step.",
    "dampening": "The fraction of each gradient that does not enter the momentum, from the second step on.",
    "nesterov": "Look ahead along the momentum: step by the gradient plus the momentum after it.",
    "sgd.nesterov": "Look ahead along the momentum. Needs `momentum` > 0 and `dampening` 0.",
    **{f"{rule}.weight_decay": "Adds this much of the parameter to its gradient." for rule in _OF_TORCH},
    "adamw.weight_decay": _DECOUPLED,
    "lion.weight_decay": _DECOUPLED,
    "adafactor.weight_decay": _DECOUPLED,
    "muon.weight_decay": _DECOUPLED,
    "decoupled_weight_decay": "The decay shrinks the parameter itself, as in AdamW, and does not enter the gradient.",
    **{f"{rule}.betas": _TWO_AVERAGES for rule in _OF_TORCH},
    "adamax.betas": "The fractions of the average and of the largest gradient that are kept from step to step.",
    "lion.betas": "The weight of the average in a step, and the fraction of it that is kept from step to step.",
    "alpha": "The fraction of the average square that is kept from step to step.",
    "asgd.alpha": "The exponent with which the rate falls.",
    "rho": "The fraction of both average squares that is kept from step to step.",
    "eps": "Added to the divisor, so that it is never zero.",
    "adadelta.eps": "Added to both averages under their roots. It decides how small the first steps are.",
    "adamax.eps": "Added to the gradient's magnitude, so that the divisor is never zero.",
    "adafactor.eps": "The smallest divisor (the epsilon of the dtype if `None`), and the smallest root mean square of "
    "the parameter, to which a step is relative.",
    "muon.eps": "The smallest norm in a division.",
    "amsgrad": "Divide by the largest average square so far, instead of the present one.",
    "centered": "Subtract the squared average from the average square, to divide by the gradient's standard deviation.",
    "momentum_decay": "How fast the momentum grows to its full value: at step t it is β₁ (1 − 0.96^(t ψ) / 2).",
    "lr_decay": "How fast the rate falls with the steps.",
    "initial_accumulator_value": "The value at which the sum of squares starts.",
    "lambd": "How fast the rate falls and the parameter shrinks.",
    "t0": "The step from which the average begins.",
    "etas": "The factors of a step size after the gradient changed its sign, and after it did not.",
    "step_sizes": "The smallest and the largest step size of an element.",
    "beta2_decay": "The exponent of the step count in the rate at which the average square forgets.",
    "d": "The largest root mean square of an update; larger updates are scaled down.",
    "ns_coefficients": "The polynomial of an iteration: a X + b (XXᵀ) X + c (XXᵀ)² X.",
    "ns_steps": "The number of iterations that make the singular values nearly equal.",
    "adjust_lr_fn": "How the rate depends on the shape: a factor √max(1, rows/columns) (also for `None`), "
    "0.2 √max(rows, columns), with which you can use the rates of AdamW, or √(rows/columns).",
    "beyond_matrices": "How a tensor of more than two dimensions becomes matrices: all dimensions but the first are "
    "joined, as for convolutions; or the last two are a matrix, and the others count matrices. `None`: an error.",
    "max_iter": "The most iterations in one call of `step`.",
    "max_eval": "The most evaluations of the closure in one call of `step`; 5/4 of `max_iter` if `None`.",
    "tolerance_grad": "Stop when no element of the gradient is larger than this.",
    "tolerance_change": "Stop when neither the loss nor an element of the parameters changes by more than this.",
    "history_size": "The number of past steps that the direction is computed from.",
    "maximize": "Maximize the function instead of minimizing it.",
    "line_search_fn": "Search along the direction for a point that is lower and flatter, instead of one step of `lr`.",
}

RANGES_IN_WORDS = {
    "etas": "0 < first < 1 < second",
    "step_sizes": "0 ≤ first ≤ second",
    "adjust_lr_fn": '`None`, `"original"`, `"match_rms_adamw"` or `"spectral_unclamped"`',
    "beyond_matrices": '`None`, `"flatten"` or `"batch"`',
    "line_search_fn": '`None` or `"strong_wolfe"`',
    "lbfgs.lr": "≥ 0",
    "max_iter": "≥ 0",
    "max_eval": "`None` or ≥ 0",
    "history_size": "≥ 1, whole",
}
"""For hyperparameters of which `steepest.hyperparameters.ranges` has no interval."""

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
    "{} used in float64, and rounded to float32 only to be stored; torch rounds before it uses them: "
    "a relative difference of up to 6e-8."
)

DIFFERENCES = {
    "SGD": "With momentum and sparse gradients the momentum buffer is dense; torch's is sparse. The results are equal.",
    "Adagrad": "A complex sparse gradient is treated as its real and its imaginary part, like a dense one; torch "
    "squares it as complex numbers.",
    "RMSprop": "`centered=True`: the variance is never below zero; in torch rounding can make it negative, and the "
    "result NaN.",
    "NAdam": _ROUNDED_LATE.format("`mu_product` is"),
    "ASGD": _ROUNDED_LATE.format("`eta` and `mu` are"),
    "Muon": "Accepts tensors of more than two dimensions if `beyond_matrices` is given; torch has no such argument.",
}
"""Of one optimizer alone; what holds for all of them is on the page of what they share."""

PICTURE_NOTES = {
    "SGD": "Without momentum the steep walls limit the rate, and the steps on the flat floor are just as small.",
    "Adagrad": "The first step moves both coordinates by lr. The sum of squares only grows, so the steps shrink.",
    "RMSprop": "The average starts at zero, so the first step is lr / √(1 − alpha), ten times as long as later ones.",
    "Adadelta": "The average of past steps starts at zero, so the first steps are tiny; an lr of 1 is too small here.",
    "Adam": "The first step moves both coordinates by lr, whatever the gradient is.",
    "AdamW": "The weight decay pulls toward (0, 0), so the path would come to rest beside the minimum, not at it.",
    "RAdam": "The first five steps are not divided by anything, so the steep walls limit the rate, as for SGD; at such "
    "a rate the later, divided steps are short.",
    "SparseAdam": "x and y are two rows, and the sparse gradient contains both at every step: this is Adam's path.",
    "ASGD": "Averaging begins at step `t0`, one million; before that, this is SGD with a slowly falling rate.",
    "Rprop": "Each coordinate adapts its step size by the sign of its gradient; the first step size matters little.",
    "Lion": "Every step moves both coordinates by lr, so the path cannot come to rest.",
    "Adafactor": "x and y are one vector; a step is relative to its root mean square, and falls as 1/√t.",
    "Muon": "x and y are one 1 × 2 matrix, whose only singular value is made nearly 1: all steps are about as long. "
    "The weight decay pulls toward (0, 0).",
    "LBFGS": "Each point is one iteration with the strong Wolfe line search and the default lr; no rate was searched.",
}
"""What a picture shows."""


def about(words: dict[str, str], rule: str, name: str) -> str:
    """The text about an argument of a rule; empty if there is none."""
    return words.get(f"{rule}.{name}", words.get(name, ""))
