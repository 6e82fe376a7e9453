"""The auto-encoders of the book. Each answers encode(x), decode(z), log_likelihood(z, x)."""

from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional as F

from vaebook import checks
from vaebook.distributions import bernoulli_log_likelihood, gaussian_log_likelihood
from vaebook.layers import (
    GaussianHead,
    KullbackLeiblerDivergence,
    ReparameterizationSampler,
)


def hidden_layers(sizes):
    """Stack a linear layer and a ReLU for each neighbouring pair in `sizes`."""
    layers = []
    for inputs, outputs in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return layers


def mirrored_networks(data_dims, hidden_sizes, latent_dims):
    """Two networks: x `(B, D)` to (mu, logvar), and z `(..., Z)` to x_logits `(..., D)`.

    data_dims: D, the number of pixels.  latent_dims: Z, the length of the code.
    hidden_sizes: widths of the encoder's hidden layers; the decoder mirrors them.
    Raises TypeError or ValueError for sizes that are no integers of at least 1.
    """
    checks.layer_sizes(data_dims, hidden_sizes, latent_dims)
    down, up = [data_dims, *hidden_sizes], [latent_dims, *reversed(hidden_sizes)]
    encoder = nn.Sequential(*hidden_layers(down), GaussianHead(down[-1], latent_dims))
    decoder = nn.Sequential(*hidden_layers(up), nn.Linear(up[-1], data_dims))
    return encoder, decoder


class BernoulliPixels:
    """For a model whose decoder returns logits: independent pixels, each 0 or 1."""

    data_range = (0, 1)

    def log_likelihood(self, z, x):
        """log p(x|z), in nats, of codes z `(B, Z)` or `(N, B, Z)` for the rows of x.

        x: `(B, D)`. Returns `(B,)` or `(N, B)`; codes `(K, 1, Z)` meet each row: `(K, B)`.
        """
        x_logits = self.decode(z)
        if x_logits.dim() == 3 and x_logits.shape[1] == 1:  # each code meets each row
            return x_logits[:, 0] @ x.T - F.softplus(x_logits).sum(-1)
        return bernoulli_log_likelihood(x_logits, x)


class BernoulliVAE(BernoulliPixels, nn.Module):
    """A VAE with a diagonal Gaussian code and independent Bernoulli pixels.

    Arguments as for `mirrored_networks`, which are its encode and its decode.
    Source: Kingma & Welling (2014), section 3 and appendix C.
    """

    def __init__(self, data_dims, hidden_sizes, latent_dims):
        super().__init__()
        self.data_dims, self.latent_dims = data_dims, latent_dims
        networks = mirrored_networks(data_dims, hidden_sizes, latent_dims)
        self.encode, self.decode = networks


class ModularVAE(BernoulliPixels, nn.Sequential):
    """A VAE as one chain of modules: x `(B, D)` to x_logits `(B, D)`.

    Arguments as for `mirrored_networks`. The parts are called encode, kl, sample, decode.
    The KL layer is set to nats per example: summed over the code, averaged over the
    batch, to go with a reconstruction that is averaged over the batch.
    """

    def __init__(self, data_dims, hidden_sizes, latent_dims):
        encode, decode = mirrored_networks(data_dims, hidden_sizes, latent_dims)
        kl = KullbackLeiblerDivergence(weight=latent_dims, size_average=True)
        sample = ReparameterizationSampler()
        parts = OrderedDict(encode=encode, kl=kl, sample=sample, decode=decode)
        super().__init__(parts)
        self.data_dims, self.latent_dims = data_dims, latent_dims


class GaussianMLP(nn.Module):
    """Map `(..., inputs)` to mu and logvar of a diagonal Gaussian, each `(..., outputs)`.

    One tanh layer of `hidden_size` units serves both; one linear layer gives all
    parameters and is split in two.
    Source: Kingma & Welling (2014), appendix C.2.
    """

    def __init__(self, inputs, hidden_size, outputs):
        super().__init__()
        self.hidden = nn.Linear(inputs, hidden_size)
        self.gaussian = nn.Linear(hidden_size, 2 * outputs)

    def forward(self, x):
        return self.gaussian(torch.tanh(self.hidden(x))).chunk(2, dim=-1)


class GaussianVAE(nn.Module):
    """A VAE with a Gaussian MLP as its encoder and another one as its decoder.

    data_dims: D.  hidden_size: width of both tanh layers.  latent_dims: Z.
    Source: Kingma & Welling (2014), section 3 and appendix C.2.
    """

    def __init__(self, data_dims, hidden_size, latent_dims):
        super().__init__()
        checks.layer_sizes(data_dims, [hidden_size], latent_dims)
        self.data_dims, self.latent_dims = data_dims, latent_dims
        self.encode = GaussianMLP(data_dims, hidden_size, latent_dims)
        self.decode = GaussianMLP(latent_dims, hidden_size, data_dims)

    def log_likelihood(self, z, x):
        """log p(x|z), in nats, of z `(..., B, Z)` for the rows of x `(B, D)`: `(..., B)`."""
        return gaussian_log_likelihood(*self.decode(z), x)


class LinearGaussianVAE(GaussianVAE):
    """The VAE with a code of one number that fits N(mean, cov) in two dimensions exactly.

    Its decoder is linear, along the leading eigenvector; its encoder is the posterior.
    mean: `(2,)`.  cov: `(2, 2)`, symmetric and positive definite. It has nothing to train.
    Raises ValueError for another shape and for a cov that is no covariance matrix.
    Source: Tipping & Bishop (1999), equations 6 and 7, for two dimensions.
    """

    def __init__(self, mean, cov):
        nn.Module.__init__(self)  # no MLPs to build
        self.data_dims, self.latent_dims = 2, 1
        checks.covariance("cov", cov)
        checks.shape("cov", cov, (2, 2))
        checks.shape("mean", mean, (2,))
        (small, large), vectors = torch.linalg.eigh(cov)  # ascending
        axis = torch.where(vectors[0, 1] > 0, vectors[:, 1], -vectors[:, 1])
        self.register_buffer("mean", mean)
        self.register_buffer("small", small)
        self.register_buffer("large", large)
        self.register_buffer("w", (large - small).sqrt() * axis)

    def encode(self, x):
        """Map x `(B, 2)` to mu and logvar of the exact posterior, each `(B, 1)`."""
        mu = ((x - self.mean) @ self.w / self.large)[:, None]
        return mu, (self.small / self.large).log().expand_as(mu)

    def decode(self, z):
        """Map z `(..., 1)` to mu and logvar of p(x|z), each `(..., 2)`."""
        mu = self.mean + self.w * z
        return mu, self.small.log().expand_as(mu)
