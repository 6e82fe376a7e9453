"""Models of one structure, computed together: each product is one product for all."""

import contextlib

import torch
from torch import nn
from torch.func import functional_call, vmap

from vaebook import checks


class LossTerms(nn.Module):
    """A model and its loss as one module, for `functional_call`."""

    def __init__(self, model, loss_fn):
        super().__init__()
        self.model, self.loss_fn = model, loss_fn

    def forward(self, x, noise):
        terms = self.loss_fn(self.model, x, noise)
        checks.terms(terms, len(x))
        return terms


class Ensemble:
    """M models of one structure, whose losses are computed in one go.

    Within `with`, their weights are stacked, `(M, ...)`, and those of each model are
    parts of the stack. What else may differ is read at each step: the numbers that
    layers hold, such as a weight or a probability, and their generators, each of which
    serves its own model. One model alone is left as it is.
    Raises ValueError for models that are not of one structure.
    """

    def __init__(self, models, loss_fn):
        checks.alike(models)
        self.models, self.one, self.stacks = models, LossTerms(models[0], loss_fn), {}
        self.layers = list(zip(*(model.modules() for model in models), strict=True))

    def __enter__(self):
        if len(self.models) > 1:
            for name, tensors in self.tensors():
                stack = torch.stack([tensor.detach() for tensor in tensors])
                for part, tensor in zip(stack, tensors, strict=True):
                    tensor.data = part
                self.stacks[name] = stack.requires_grad_(tensors[0].requires_grad)
        return self

    def __exit__(self, *_):
        for _, tensors in self.tensors() if self.stacks else ():
            for tensor in tensors:
                tensor.data = tensor.data.clone()  # in a memory of its own again

    def tensors(self):
        """The name of each weight and buffer, and the tensors that the models have there."""
        for part in ("named_parameters", "named_buffers"):
            of_each = (getattr(model, part)() for model in self.models)
            for same in zip(*of_each, strict=True):
                yield same[0][0], [tensor for _, tensor in same]

    def parameters(self):
        """What an optimizer changes."""
        stacks = [stack for stack in self.stacks.values() if stack.requires_grad]
        return stacks or self.models[0].parameters()

    def train(self):
        """Put each model into training mode."""
        for model in self.models:
            model.train()

    def tell(self, callbacks, step):
        """Call each callback that is not None with the step and its model."""
        for callback, model in zip(callbacks, self.models, strict=True):
            if callback is not None:
                callback(step, model)

    def terms(self, x, noise):
        """The loss terms, each `(M, B)`, of x `(M, B, D)` and noise `(M, N, B, Z)`."""
        if not self.stacks:
            return {name: term[None] for name, term in self.one(x[0], noise[0]).items()}
        stacks = {f"model.{name}": stack for name, stack in self.stacks.items()}

        def terms_of_one(stacks, numbers, x, noise):
            with self.standing_for_all(numbers):
                return functional_call(self.one, stacks, (x, noise))

        return vmap(terms_of_one)(stacks, self.numbers(x), x, noise)

    def numbers(self, x):
        """By place, the numbers in which layers of the models differ, each `(M,)`."""
        differ, like_x = {}, {"dtype": x.dtype, "device": x.device}
        for place, layers in enumerate(self.layers):
            for name, first in vars(layers[0]).items():
                if type(first) in (float, int):
                    values = [getattr(layer, name) for layer in layers]
                    if values != [first] * len(values):
                        differ[place, name] = torch.tensor(values, **like_x)
        return differ

    @contextlib.contextmanager
    def standing_for_all(self, numbers):
        """Let the first model hold what differs: a number per model, all generators."""
        before = [dict(vars(first)) for first, *_ in self.layers]
        for first, *others in self.layers:
            if getattr(first, "generator", None) is not None:
                first.generator = tuple(layer.generator for layer in (first, *others))
        for (place, name), values in numbers.items():
            setattr(self.layers[place][0], name, values)
        try:
            yield
        finally:
            for (first, *_), attributes in zip(self.layers, before, strict=True):
                vars(first).update(attributes)
