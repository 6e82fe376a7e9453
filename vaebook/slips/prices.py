"""What a slip costs: the loss it reports, the loss it has, and the price against the right line."""

import math
from dataclasses import dataclass
from functools import cache

import torch

from vaebook.examine.subject import Refused, Subject
from vaebook.slips.build import built
from vaebook.slips.together import trained

SEEDS = range(5)
DRAWS = 400  # of the codes, of each image, for the loss that a model has
AT_ONCE = 20  # of them, side by side in one batch


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
    rows = x.repeat(AT_ONCE, 1)
    terms = [
        sum(subject.terms(subject.model, rows))
        for _ in range(math.ceil(draws / AT_ONCE))
    ]
    return torch.stack(terms).mean().nan_to_num(nan=math.inf).item()


def measured(function, models):
    """What a function says of each model, `(S,)`, with the same random numbers; PyTorch's own stay as they were."""
    found = []
    for model in models:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            found.append(function(model))
    return torch.tensor(found)


def reported(slip, module, model, x):
    """What the slip's own evaluation reports of a model, in nats per image."""
    if slip.spoils == "-log p(x)":
        return -module.log_likelihood(model, x)
    return module.evaluate(model, module.loss, x)


@cache
def right_models(source, options, seeds, training):
    """Right models, one a seed, trained together. options, training: of model and training, as pairs."""
    module = built(source=source)
    return trained(module, module.data()[0], seeds, dict(options), **dict(training))


@cache
def right_line(spoils, *what):
    """The losses that right models have on the test set, `(S,)`; what: arguments for `right_models`."""
    module = built(source=what[0])
    _, x = module.data()

    def has(model):
        if spoils == "-log p(x)":
            return -module.log_likelihood(model, x)
        return minus_elbo(model, x)

    return measured(has, right_models(*what))


def price(slip, seeds=SEEDS, **training):
    """The Price of a slip: models trained with its line, and right ones with the same seeds.

    training: what `train` takes, like steps.  A slip that spoils the report alone is reported of the right models.
    """
    module = built(slip)
    x_train, x = module.data()
    what = (
        slip.source,
        tuple(slip.options.items()),
        tuple(seeds),
        tuple(training.items()),
    )
    right = right_line(slip.spoils, *what)
    if slip.spoils == "the model":
        _, x_test = built(source=slip.source).data()
        models = trained(module, x_train, seeds, slip.options, **training)
        has = measured(lambda model: minus_elbo(model, x_test), models)
    else:
        models, has = [module.VAE(**slip.options) for _ in seeds], right
        for model, one in zip(models, right_models(*what), strict=True):
            model.load_state_dict(one.state_dict())
    found = measured(lambda model: reported(slip, module, model, x), models)
    return Price(found, has, right)
