"""Many copies of one small model trained at once, each with hyperparameters of its own.

A small model leaves a processor waiting for Python; so many of them in one step do not.  The members' parameters are
stacked in one dimension more, `torch.func.vmap` turns the model's operations into those of all members, and a kernel
steps each member by its own numbers.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from steepest.hyperparameters.arguments import check_names
from steepest.torch.internals import map_tree

Loss = Callable[[nn.Module, Any], Tensor]
Named = dict[str, Tensor]


class population:  # noqa: N801 - called like a function, as torch.func's are
    """Members of one architecture that are trained at once: losses and steps equal those of each one alone.

    What one member does, a loss that is not finite included, reaches no other.  Rounding differs as that of a product
    of matrices and of many such products do: about 1e-6 a step.

    Args:
        model: The model that each member begins as, or a sequence of one model for each member, of one architecture.
        optimizer: A class of ours or of `torch.optim`, called with one parameter group for each member.
        members: For each member the hyperparameters in which it differs from the optimizer's defaults.
        randomness: "same": members draw the same numbers, such as the masks of dropout, as runs of one seed do;
            "different": each its own; "error": a model that draws numbers is refused.

    Raises:
        ValueError: The models are not of one architecture, or not as many as members.

    Examples:
        >>> import torch, steepest
        >>> model = torch.nn.Linear(3, 1)
        >>> many = steepest.population(model, steepest.SGD, [{"lr": 0.1}, {"lr": 0.2}])
        >>> x, y = torch.ones(8, 3), torch.zeros(8, 1)
        >>> losses = many.step(lambda model, batch: (model(batch[0]) - batch[1]).square().mean(), (x, y))
        >>> losses.shape
        torch.Size([2])
        >>> first = many[0]  # a module of its own
    """

    def __init__(
        self,
        model: nn.Module | Sequence[nn.Module],
        optimizer: Callable[..., Any],
        members: Sequence[Mapping[str, Any]],
        *,
        randomness: str = "same",
    ) -> None:
        models = [model] * len(members) if isinstance(model, nn.Module) else [*model]
        _check(models, members)
        self._template = _WithLoss(copy.deepcopy(models[0]))
        self._randomness = randomness
        self.parameters = {n: _stacked(m.get_parameter(n) for m in models) for n, _ in models[0].named_parameters()}
        self.buffers = {n: _stacked(m.get_buffer(n) for m in models) for n, _ in models[0].named_buffers()}
        each = range(len(members))
        self._own = [[nn.Parameter(p.detach()[i], p.requires_grad) for p in self.parameters.values()] for i in each]
        self.optimizer = optimizer([{"params": own, **given} for own, given in zip(self._own, members, strict=True)])
        for given in members:  # as options of a group, names that nobody knows would be kept and have no effect
            check_names(type(self.optimizer).__name__, given, self.optimizer.defaults)
        self._find_gradients()

    def __len__(self) -> int:
        return len(self._own)

    def __getitem__(self, member: int) -> nn.Module:
        """A model with this member's parameters and buffers of now, for itself."""
        made = copy.deepcopy(self._template.model)
        with torch.no_grad():
            for name, value in (*made.named_parameters(), *made.named_buffers()):
                value.copy_((self.parameters if name in self.parameters else self.buffers)[name][member])
        return made

    def __iter__(self) -> Iterator[nn.Module]:
        return map(self.__getitem__, range(len(self)))

    def train(self, mode: bool = True) -> "population":
        """Have all members train, or evaluate, as `nn.Module.train` does."""
        self._template.train(mode)
        return self

    def eval(self) -> "population":
        """Have all members evaluate."""
        return self.train(False)

    def keep(self, members: Sequence[int]) -> None:
        """Go on with these members alone, in this order: one that has diverged need not be computed any longer."""
        for of in (self.parameters, self.buffers):
            for name, value in of.items():
                of[name] = value.detach()[[*members]].requires_grad_(value.requires_grad)
        groups = self.optimizer.param_groups
        for gone in set(range(len(self))) - {*members}:
            for p in self._own[gone]:
                self.optimizer.state.pop(p, None)
        groups[:] = [groups[member] for member in members]
        self._own = [self._own[member] for member in members]
        for place, own in enumerate(self._own):
            for p, value in zip(own, self.parameters.values(), strict=True):
                p.data = value.detach()[place]
        self._find_gradients()

    def call(self, function: Loss, batch: Any, *, own: bool = False) -> Tensor:
        """What a function of a model and a batch returns for each member, stacked.

        Args:
            function: `function(model, batch)`; it returns a tensor.
            batch: Tensors, or nested dicts, lists and tuples of them, for all members.
            own: Whether they have one dimension more, the first, and each member its own part.

        Raises:
            RuntimeError: The model cannot be computed for many at once: it reads values of tensors, as `.item()` does.
        """
        self._template.loss = function
        of_all = vmap(self._of_one, in_dims=(0, 0, 0 if own else None), randomness=self._randomness)
        try:
            with sdpa_kernel(SDPBackend.MATH):  # the others would be called for one member after the other
                return of_all(self.parameters, self.buffers, batch)
        except RuntimeError as error:
            self._try_one(batch, own=own)
            raise RuntimeError(
                f"This model cannot be computed for many members at once, though it can for one: {_first_line(error)} "
                "Train the members one by one, or change what the model does there."
            ) from error
        finally:
            self._template.loss = None

    def _try_one(self, batch: Any, *, own: bool) -> None:
        """Raise what the model of one member raises, in its own words."""
        p, b = ({name: value[0].clone() for name, value in of.items()} for of in (self.parameters, self.buffers))
        with torch.no_grad():
            self._of_one(p, b, map_tree(lambda t: t[0] if isinstance(t, Tensor) else t, batch) if own else batch)

    def step(self, loss: Loss, batch: Any, *, own: bool = False) -> Tensor:
        """Take a step of every member along the gradient of its loss.

        Args:
            loss: `loss(model, batch)`; it returns one number.
            batch: As for `call`.
            own: As for `call`.

        Returns:
            The loss of each member before the step.
        """
        losses = self._losses(loss, batch, own=own)
        for p in self.parameters.values():
            if p.grad is not None:
                p.grad.zero_()
        losses.sum().backward()
        self.optimizer.step()
        return losses.detach()

    def _losses(self, loss: Loss, batch: Any, *, own: bool) -> Tensor:
        losses = self.call(loss, batch, own=own)
        if losses.shape != (len(self),):
            raise ValueError(
                f"The loss must be one number, but it has the shape {tuple(losses.shape[1:])}. Use .mean()."
            )
        return losses

    def _of_one(self, parameters: Named, buffers: Named, batch: Any) -> Tensor:
        tensors = {f"model.{name}": value for name, value in (parameters | buffers).items()}
        return functional_call(self._template, tensors, (batch,))

    def _find_gradients(self) -> None:
        """Each member's gradients are parts of those of all, which stay where they are."""
        for place, p in enumerate(self.parameters.values()):
            if p.requires_grad:
                p.grad = torch.zeros_like(p)
                for own, g in zip(self._own, p.grad, strict=True):
                    own[place].grad = g


class _WithLoss(nn.Module):
    """A model and a function of it as one module, so that both are called with other tensors in place of its own."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.loss: Loss | None = None

    def forward(self, batch: Any) -> Tensor:
        assert self.loss is not None
        return self.loss(self.model, batch)


def _stacked(tensors: Iterator[Tensor]) -> Tensor:
    found = [*tensors]
    return torch.stack([one.detach() for one in found]).requires_grad_(found[0].requires_grad)


def _check(models: Sequence[nn.Module], members: Sequence[Any]) -> None:
    if not members:
        raise ValueError("A population needs members: give a list of their hyperparameters, such as [{'lr': 0.1}].")
    if len(models) != len(members):
        raise ValueError(
            f"There are {len(models)} models for {len(members)} members. Give one for each, or one for all."
        )
    first = _architecture(models[0])
    for place, model in enumerate(models):
        if _architecture(model) != first:
            raise ValueError(
                f"Model {place} is not of the architecture of model 0: train it in a population of its own."
            )


def _architecture(model: nn.Module) -> list[tuple[Any, ...]]:
    found = (*model.named_parameters(), *model.named_buffers())
    return [(name, one.shape, one.dtype, one.device, one.requires_grad) for name, one in found]


def _first_line(error: Exception) -> str:
    line = str(error).strip().splitlines()[0]
    return line if line.endswith(".") else f"{line}."
