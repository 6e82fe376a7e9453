"""VAE whose reconstruction term is averaged over several draws per image."""

import torch
from torch import nn
from torch.nn import functional as F

from vaebook.data import all_rectangles

LIKELIHOOD = "bernoulli"
N_DRAWS = 5


def mlp(n_in, n_hidden, n_out):
    return nn.Sequential(
        nn.Linear(n_in, n_hidden), nn.ELU(), nn.Linear(n_hidden, n_hidden), nn.ELU(), nn.Linear(n_hidden, n_out)
    )


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.z_dim = 4
        self.enc = mlp(144, 100, 2 * self.z_dim)
        self.dec = mlp(self.z_dim, 100, 144)

    def encode(self, x):
        out = self.enc(x)
        return out[:, : self.z_dim], out[:, self.z_dim :]

    def decode(self, z):
        return self.dec(z)


def loss(model, x):
    mu, logvar = model.encode(x)
    batch = x.shape[0]

    # N_DRAWS latent vectors for every image
    eps = torch.randn(N_DRAWS, batch, model.z_dim, device=x.device, dtype=x.dtype)
    z = mu + eps * (0.5 * logvar).exp()

    # one big pass through the decoder
    logits = model.decode(z.reshape(N_DRAWS * batch, model.z_dim))
    target = x.repeat_interleave(N_DRAWS, dim=0)
    nll = F.binary_cross_entropy_with_logits(logits, target, reduction="none").sum(1)

    kl = 0.5 * (mu.square() + logvar.exp() - 1.0 - logvar).sum(1)
    return nll.mean() + kl.mean()


def data():
    images = all_rectangles(image_shape=(12, 12), height=5, width=5).images
    return torch.as_tensor(images, dtype=torch.float32)
