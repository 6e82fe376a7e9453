"""A Bernoulli VAE, its loss, its training and its evaluation: the one without a slip."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from vaebook.data import all_rectangles


def data():
    squares = all_rectangles(image_shape=(12, 12), height=5, width=5)
    return squares.images, squares.images  # all there are


class VAE(nn.Module):
    """A code of `codes` numbers for images of `pixels` pixels; `flips`: share that is corrupted."""

    def __init__(self, pixels=144, hidden=128, codes=2, flips=0.0):
        super().__init__()
        self.flips = flips
        self.encoder = nn.Sequential(
            nn.Linear(pixels, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 2 * codes),
        )
        self.decoder = nn.Sequential(
            nn.Linear(codes, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, pixels),
        )

    def corrupt(self, x):
        draw = torch.rand_like(x)
        flip = (draw < self.flips).float()
        return x * (1 - flip) + (1 - x) * flip

    def encode(self, x):
        if self.training:
            x = self.corrupt(x)
        mu, logvar = self.encoder(x).chunk(2, dim=-1)
        return mu, logvar

    def sample(self, mu, logvar):
        sigma = (0.5 * logvar).exp()
        noise = torch.randn_like(mu)
        return mu + sigma * noise

    def decode(self, z):
        return self.decoder(z)


def loss(model, x):
    mu, logvar = model.encode(x)
    z = model.sample(mu, logvar)
    logits = model.decode(z)
    cross_entropy = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    reconstruction = cross_entropy.sum(-1)
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(-1)
    return (reconstruction + kl).mean()


def train(model, loss, x, steps=600, batch_size=64, rate=1e-2):
    optimizer = torch.optim.Adam(model.parameters(), lr=rate, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps)
    log = []
    for step in range(steps):
        batch = x[torch.randint(len(x), (batch_size,))]
        optimizer.zero_grad()
        value = loss(model, batch)
        value.backward()
        optimizer.step()
        schedule.step()
        if step % 100 == 99:
            log.append(value.item())
    return log


@torch.no_grad()
def evaluate(model, loss, x, draws=100):
    model.eval()
    values = [loss(model, x) for _ in range(draws)]
    return torch.stack(values).mean().item()


@torch.no_grad()
def log_likelihood(model, x, draws=1000):
    model.eval()
    mu, logvar = model.encode(x)
    log_weights = []
    for _ in range(draws):
        z = model.sample(mu, logvar)
        logits = model.decode(z)
        log_p = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
        noise = (z - mu) / (0.5 * logvar).exp()
        log_weights.append(log_p + 0.5 * (noise**2 + logvar - z**2).sum(-1))
    log_weights = torch.stack(log_weights)
    bounds = log_weights.logsumexp(0) - math.log(draws)
    return bounds.mean().item()
