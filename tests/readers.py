"""Right models as readers write them: the book's own four, and four in other styles. For `vaebook.examine`."""

from functools import partial

import torch
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence
from torch.nn import functional as F

from vaebook.layers import BernoulliNoise
from vaebook.models import BernoulliVAE, GaussianVAE, ModularVAE
from vaebook.objectives import modular_negative_elbo, negative_elbo


def mean_loss(objective, samples=1):
    """A loss (model, x) -> scalar of an objective of the book's."""

    def loss(model, x):
        noise = torch.randn(samples, len(x), model.latent_dims)
        return objective(model, x, noise)["loss"].mean()

    return loss


def modular_loss(model, x):
    """Chapter 1: the layer adds the KL's gradient, and its `.loss` is its value."""
    reconstruction = modular_negative_elbo(model, x, torch.randn(1, len(x), 2))["reconstruction"].mean()
    return reconstruction + model.kl.loss


def denoising():
    model = BernoulliVAE(144, [64], 2)
    model.encode.insert(0, BernoulliNoise(0.1))
    return model


class Classic(nn.Module):
    """One module with linear layers, whose decode gives probabilities; the loss is a sum over the batch."""

    def __init__(self):
        super().__init__()
        self.hidden, self.mean, self.spread = nn.Linear(144, 60), nn.Linear(60, 5), nn.Linear(60, 5)
        self.up, self.out = nn.Linear(5, 60), nn.Linear(60, 144)

    def encode(self, x):
        hidden = self.hidden(x).relu()
        return self.mean(hidden), self.spread(hidden)

    def decode(self, z):
        return self.out(self.up(z).relu()).sigmoid()

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, 144))
        z = mu + torch.exp(logvar / 2) * torch.randn_like(mu)
        return self.decode(z), mu, logvar


def classic_loss(probabilities, x, mu, logvar):
    cross_entropy = F.binary_cross_entropy(probabilities, x, reduction="sum")
    return cross_entropy - 0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp())


class WithLogits(nn.Module):
    """What the page tells to wrap around such a model: encode as it is, and the logits of what decode gives."""

    def __init__(self):
        super().__init__()
        self.vae = Classic()

    def encode(self, x):
        return self.vae.encode(x)

    def decode(self, z):
        return self.vae.decode(z).logit()


def wrapped_loss(model, x):
    probabilities, mu, logvar = model.vae(x)
    return classic_loss(probabilities, x, mu, logvar)


class Convolutional(nn.Module):
    """Images (B, 1, 12, 12), batch normalisation and dropout; two heads."""

    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Dropout(0.1)
        )
        self.heads = nn.ModuleList(nn.Linear(288, 4) for _ in range(2))
        self.up = nn.Sequential(
            nn.Linear(4, 288), nn.ReLU(), nn.Unflatten(1, (8, 6, 6)), nn.ConvTranspose2d(8, 1, 4, stride=2, padding=1)
        )

    def encode(self, x):
        hidden = self.down(x)
        return tuple(head(hidden) for head in self.heads)

    def decode(self, z):
        return self.up(z)


def convolutional_loss(model, x):
    mu, logvar = model.encode(x)
    logits = model.decode(mu + torch.randn_like(mu) * (logvar / 2).exp())
    cross_entropy = F.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(1)
    return (cross_entropy + 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)).mean()


class Distributions(nn.Module):
    """Encoder and decoder as distributions of PyTorch."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(144, 50), nn.Tanh(), nn.Linear(50, 6))
        self.decode = nn.Sequential(nn.Linear(3, 50), nn.Tanh(), nn.Linear(50, 144))

    def encode(self, x):
        return self.encoder(x).chunk(2, -1)


def distributions_loss(model, x, draws=4):
    mu, logvar = model.encode(x)
    q = Independent(Normal(mu, (0.5 * logvar).exp()), 1)
    prior = Independent(Normal(torch.zeros_like(mu), torch.ones_like(mu)), 1)
    z = q.rsample((draws,))
    likelihood = Independent(Bernoulli(logits=model.decode(z)), 1).log_prob(x)
    return (kl_divergence(q, prior) - likelihood.mean(0)).mean()


class Storing(Distributions):
    """Its encoder keeps what it gave, and its loss takes the KL of the draw: the style of many tutorials."""

    def encode(self, x):
        self.mu, self.logvar = super().encode(x)
        return self.mu, self.logvar


def storing_loss(model, x):
    model.encode(x)
    q = Normal(model.mu, (0.5 * model.logvar).exp())
    z = q.rsample()
    prior = Normal(torch.zeros_like(z), torch.ones_like(z))
    kl = (q.log_prob(z) - prior.log_prob(z)).sum(-1)
    cross_entropy = F.binary_cross_entropy_with_logits(model.decode(z), x, reduction="none").sum(-1)
    return (kl + cross_entropy).mean()


# name: what makes the model, its loss, the shape of an image, and what else `examine` is told
READERS = {
    "chapter 1": (partial(ModularVAE, 144, [64], 2), modular_loss, (144,), {}),
    "chapter 2": (partial(BernoulliVAE, 144, [64], 20), mean_loss(negative_elbo), (144,), {}),
    "chapter 3": (denoising, mean_loss(negative_elbo), (144,), {}),
    "chapter 4": (partial(GaussianVAE, 2, 16, 1), mean_loss(negative_elbo, 8), (2,), {"likelihood": "gaussian"}),
    "PyTorch's example": (WithLogits, wrapped_loss, (144,), {}),
    "convolutional": (Convolutional, convolutional_loss, (1, 12, 12), {}),
    "torch.distributions": (Distributions, distributions_loss, (144,), {}),
    "KL of the draw": (Storing, storing_loss, (144,), {}),
}
