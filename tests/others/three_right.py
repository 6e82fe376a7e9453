"""Convolutional VAE for 12x12 binary images."""

import torch
import torch.nn as nn
import torch.nn.functional as F

from vaebook.data import all_rectangles

LIKELIHOOD = "bernoulli"


class Model(nn.Module):
    def __init__(self, nz=8, nf=16):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, nf, 4, stride=2, padding=1),  # 6 x 6
            nn.LeakyReLU(0.2),
            nn.Conv2d(nf, 2 * nf, 4, stride=2, padding=1),  # 3 x 3
            nn.LeakyReLU(0.2),
            nn.Flatten(),
        )
        self.to_mu = nn.Linear(2 * nf * 9, nz)
        self.to_logvar = nn.Linear(2 * nf * 9, nz)
        self.generator = nn.Sequential(
            nn.Linear(nz, 2 * nf * 9),
            nn.ReLU(),
            nn.Unflatten(1, (2 * nf, 3, 3)),
            nn.ConvTranspose2d(2 * nf, nf, 4, stride=2, padding=1),  # 6 x 6
            nn.ReLU(),
            nn.ConvTranspose2d(nf, 1, 4, stride=2, padding=1),  # 12 x 12
        )

    def encode(self, x):
        h = self.features(x)
        return self.to_mu(h), self.to_logvar(h)

    def decode(self, z):
        return self.generator(z)


def loss(model, x):
    mu, logvar = model.encode(x)
    z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
    logits = model.decode(z)
    bce = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    rec = bce.flatten(1).sum(dim=1)
    kld = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(dim=1)
    return (rec + kld).mean()


def data():
    images = all_rectangles(image_shape=(12, 12), height=5, width=5).images
    return torch.as_tensor(images, dtype=torch.float32).reshape(-1, 1, 12, 12)
