"""VAE with two encoder heads, the objective written with torch.distributions."""

import torch
from torch import nn
from torch.distributions import Bernoulli, Normal, kl_divergence

from vaebook.data import all_rectangles

LIKELIHOOD = "bernoulli"


class Model(nn.Module):
    def __init__(self, x_dim=144, h_dim=200, z_dim=6):
        super().__init__()
        self.hidden = nn.Linear(x_dim, h_dim)
        self.mu_head = nn.Linear(h_dim, z_dim)
        self.logvar_head = nn.Linear(h_dim, z_dim)
        self.dec_hidden = nn.Linear(z_dim, h_dim)
        self.dec_out = nn.Linear(h_dim, x_dim)

    def encode(self, x):
        h = torch.tanh(self.hidden(x))
        return self.mu_head(h), self.logvar_head(h)

    def decode(self, z):
        h = torch.tanh(self.dec_hidden(z))
        return self.dec_out(h)

    def posterior(self, x):
        mu, logvar = self.encode(x)
        return Normal(mu, torch.exp(0.5 * logvar))

    def likelihood(self, z):
        return Bernoulli(logits=self.decode(z))


def loss(model, x):
    q = model.posterior(x)
    p = Normal(torch.zeros_like(q.loc), torch.ones_like(q.scale))
    z = q.sample()
    log_px = model.likelihood(z).log_prob(x).sum(dim=-1)
    kl = kl_divergence(q, p).sum(dim=-1)
    elbo = log_px - kl
    return -elbo.sum()


def data():
    images = all_rectangles(image_shape=(12, 12), height=5, width=5).images
    return torch.as_tensor(images, dtype=torch.float32)
