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


class GaussianCoordinates:
    """For a model whose decoder returns mu and logvar: independent normal coordinates."""

    def log_likelihood(self, z, x):
        """log p(x|z), in nats, of z `(..., B, Z)` for the rows of x `(B, D)`: `(..., B)`."""
        return gaussian_log_likelihood(*self.decode(z), x)


class GaussianVAE(GaussianCoordinates, nn.Module):
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


class LinearGaussianVAE(GaussianCoordinates, nn.Module):
    """A VAE with a linear decoder, x = mean + w z + noise. It has nothing to train.

    mean: `(D,)`.  w: `(D, Z)`.  variance: `(D,)`, of the noise, positive.
    Its encoder is the posterior where that is diagonal, as it is for Z = 1; elsewhere it
    is the diagonal Gaussian with the lowest -ELBO.
    Raises ValueError for shapes that do not fit and a variance that is not positive.
    Source: Bishop (2006), section 12.2, equations 12.66 to 12.68 (factor analysis).
    """

    def __init__(self, mean, w, variance):
        super().__init__()
        checks.linear_decoder(mean, w, variance)
        self.data_dims, self.latent_dims = w.shape
        precision = torch.eye(w.shape[1]).to(w) + w.T / variance @ w
        tensors = {"mean": mean, "w": w, "variance": variance}
        tensors["to_mu"] = torch.linalg.solve(precision, w.T / variance)  # (Z, D)
        tensors["z_logvar"] = -precision.diagonal().log()
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor)

    def encode(self, x):
        """Map x `(B, D)` to mu and logvar of the code, each `(B, Z)`."""
        mu = (x - self.mean) @ self.to_mu.T
        return mu, self.z_logvar.expand_as(mu)

    def decode(self, z):
        """Map z `(..., Z)` to mu and logvar of p(x|z), each `(..., D)`."""
        mu = self.mean + z @ self.w.T
        return mu, self.variance.log().expand_as(mu)


def probabilistic_pca(mean, cov, latent_dims):
    """The `LinearGaussianVAE` of one variance whose model is closest to N(mean, cov).

    mean: `(D,)`.  cov: `(D, D)`, symmetric and positive definite.  latent_dims: Z < D.
    The columns of w lie along the Z longest axes; the first entry of each is not negative.
    Raises ValueError for arguments that do not fit and a cov that is no covariance matrix.
    Source: Tipping & Bishop (1999), equations 6 to 8.
    """
    checks.covariance("cov", cov)
    checks.shape("mean", mean, cov.shape[:1])
    checks.positive_int("latent_dims", latent_dims)
    if latent_dims >= len(mean):
        limit = f"less than {len(mean)}, the dimensions of the data"
        raise ValueError(f"latent_dims must be {limit}, got {latent_dims}")
    values, vectors = torch.linalg.eigh(cov)  # ascending
    values, vectors = values.flip(0), vectors.flip(1)
    variance = values[latent_dims:].mean()
    w = vectors[:, :latent_dims] * (values[:latent_dims] - variance).sqrt()
    w = torch.where(w[0] < 0, -w, w)
    return LinearGaussianVAE(mean, w, variance.expand(len(mean)).clone())
