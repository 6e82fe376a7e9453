"""A plain fully connected VAE built from nn.Sequential blocks."""

import torch
import torch.nn as nn
import torch.nn.functional as F

from vaebook.data import all_rectangles

LIKELIHOOD = "bernoulli"
LATENT = 10


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(144, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 2 * LATENT)
        )
        self.decoder = nn.Sequential(
            nn.Linear(LATENT, 64), nn.ReLU(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 144)
        )

    def encode(self, x):
        mu, logvar = self.encoder(x).chunk(2, dim=1)
        return mu, logvar

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        return mu + std * torch.randn_like(std)

    def decode(self, z):
        return self.decoder(z)


def loss(model, x):
    mu, logvar = model.encode(x)
    z = model.reparameterize(mu, logvar)
    logits = model.decode(z)
    # both terms are per image, averaged over the batch
    recon = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / x.size(0)
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / x.size(0)
    return recon + kl


def data():
    images = all_rectangles(image_shape=(12, 12), height=5, width=5).images
    return torch.as_tensor(images, dtype=torch.float32)
