"""VAE with a Gaussian decoder (learned mean and variance) on points in the plane."""

import math

import torch
import torch.nn as nn

LIKELIHOOD = "gaussian"


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(2, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU())
        self.enc_mu = nn.Linear(64, 2)
        self.enc_logvar = nn.Linear(64, 2)
        self.dec = nn.Sequential(nn.Linear(2, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU())
        self.dec_mean = nn.Linear(64, 2)
        self.dec_logvar = nn.Linear(64, 2)

    def encode(self, x):
        h = self.enc(x)
        return self.enc_mu(h), self.enc_logvar(h)

    def decode(self, z):
        h = self.dec(z)
        return self.dec_mean(h), self.dec_logvar(h)


def loss(model, x):
    mu, logvar = model.encode(x)
    z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)

    mean, logvar = model.decode(z)
    sq = (x - mean) ** 2
    nll = 0.5 * (math.log(2 * math.pi) + logvar + sq / logvar.exp()).sum(dim=1)

    kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(dim=1)
    return torch.mean(nll + kl)


def data():
    """256 points on a noisy ring."""
    g = torch.Generator().manual_seed(0)
    angle = 2 * math.pi * torch.rand(256, generator=g)
    ring = 2.0 * torch.stack([torch.cos(angle), torch.sin(angle)], dim=1)
    return ring + 0.2 * torch.randn(256, 2, generator=g)
