"""Several models of one slip, trained together: their weights are stacked, and one loss is computed for all."""

import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap


class Loss(nn.Module):
    """A model and its loss as one module, for `functional_call`."""

    def __init__(self, model, loss):
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self, x):
        return self.loss(self.model, x)


class Together:
    """M models of one class; `parameters` and `train` are what a training loop asks of a model."""

    def __init__(self, models, loss):
        self.models, self.one = models, Loss(models[0], loss)
        self.stacks, _ = stack_module_state([Loss(model, loss) for model in models])

    def parameters(self):
        return list(self.stacks.values())

    def loss(self, _, x):
        """The sum of the models' losses on one batch: each gets the gradient of its own."""

        def of_one(stack):
            return functional_call(self.one, stack, (x,))

        return vmap(of_one, randomness="different")(self.stacks).sum()

    @torch.no_grad()
    def finish(self):
        """Write what was trained into the models."""
        for number, model in enumerate(self.models):
            for name, parameter in model.named_parameters():
                parameter.copy_(self.stacks[f"model.{name}"][number])
        return self.models


def trained(module, x, seeds=range(3), options=None, **training):
    """Models of a module made by `built`, one for each seed, trained together on the same batches."""
    models = []
    for seed in seeds:
        torch.manual_seed(seed)
        models.append(module.VAE(**(options or {})))
    torch.manual_seed(len(models))
    together = Together(models, module.loss)
    module.train(together, together.loss, x, **training)
    return together.finish()
