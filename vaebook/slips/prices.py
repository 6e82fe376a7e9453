"""What a slip costs: the loss it reports, the loss it has, and the price against the right line."""

import math
from dataclasses import dataclass
from functools import cache

import torch

from vaebook.examine.subject import Refused, Subject
from vaebook.slips.build import built
from vaebook.slips.together import trained

SEEDS = range(3)
STEPS = 600  # of a hundred images each
DRAWS = 400  # of the codes, of each image, for the loss that a model has


@dataclass(frozen=True)
class Price:
    """Losses `(S,)`, one a seed, in nats per image: reported, had by the model, and had by the right one."""

    reported: torch.Tensor
    has: torch.Tensor
    right: torch.Tensor

    @property
    def price(self):
        """How much worse the models are than the right ones of the same seeds, `(S,)`."""
        return self.has - self.right

    @property
    def off(self):
        """How much too high the report is, `(S,)`."""
        return self.reported - self.has


@torch.no_grad()
def minus_elbo(model, x, draws=DRAWS):
    """-ELBO of a model's own `encode` and `decode` in evaluation mode, in nats per image; inf if it broke."""
    model.eval()
    try:
        subject = Subject(model, lambda model, x: x.sum(), x)
    except Refused:  # its numbers are not finite any more
        return math.inf
    terms = [sum(subject.terms(subject.model, x)) for _ in range(draws)]
    return torch.stack(terms).mean().item()


def with_the_same_draws(function, *arguments):
    """What a function returns with random numbers that are the same for each model; PyTorch's own stay as they were."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return function(*arguments)


@cache
def right_models(source, options, seeds, steps):
    """Trained right models, one a seed; options: of the model, as pairs."""
    module = built(source=source)
    x, _ = module.data()
    return trained(module, x, seeds, dict(options), steps=steps)


def reported(slip, module, model, x):
    """What the slip's own evaluation reports of a model, in nats per image."""
    if slip.reporter == "log_likelihood":
        return -module.log_likelihood(model, x)
    return module.evaluate(model, module.loss, x)


def price(slip, seeds=SEEDS, steps=STEPS):
    """The Price of a slip: models trained with its line, and right ones with the same seeds."""
    right, wrong = built(source=slip.source), built(slip)
    rights = right_models(slip.source, tuple(slip.options.items()), tuple(seeds), steps)
    (x_train, x_reported), (_, x_test) = wrong.data(), right.data()
    models = trained(wrong, x_train, seeds, slip.options, steps=steps)

    def has(model):
        if slip.spoils == "-log p(x)":
            return -right.log_likelihood(model, x_test)
        return minus_elbo(model, x_test)

    def measured(function, models):
        return torch.tensor([with_the_same_draws(function, model) for model in models])

    return Price(
        measured(lambda model: reported(slip, wrong, model, x_reported), models),
        measured(has, models),
        measured(has, rights),
    )
