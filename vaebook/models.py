"""The auto-encoders of the book, and the one line that makes them trainable."""

from collections import OrderedDict

import torch
from torch import nn

from vaebook.checks import check_covariance, check_layer_sizes, check_noise
from vaebook.layers import (
    GaussianHead,
    KullbackLeiblerDivergence,
    ReparameterizationSampler,
)


def sample_latents(mu, logvar, noise):
    """Turn standard normal noise into codes: z = mu + sigma * noise.

    mu, logvar: `(B, Z)`, the mean and the log-variance of q(z|x).
    noise: `(B, Z)`, or `(N, B, Z)` for N codes per example.
    Returns z, shaped like `noise`. Source: Kingma & Welling (2014), section 2.4.
    """
    return mu + (0.5 * logvar).exp() * noise


def hidden_layers(sizes):
    """Stack a linear layer and a ReLU for each neighbouring pair in `sizes`."""
    layers = []
    for inputs, outputs in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers)


class BernoulliVAE(nn.Module):
    """A VAE with a diagonal Gaussian code and independent Bernoulli pixels.

    data_dims: D, the number of pixels.  latent_dims: Z, the length of the code.
    hidden_sizes: widths of the encoder's hidden layers; the decoder mirrors them.
    Source: Kingma & Welling (2014), section 3 and appendix C.
    """

    data_range = (0, 1)

    def __init__(self, data_dims, hidden_sizes, latent_dims):
        super().__init__()
        check_layer_sizes(data_dims, hidden_sizes, latent_dims)
        self.data_dims, self.latent_dims = data_dims, latent_dims
        down = [data_dims, *hidden_sizes]
        up = [latent_dims, *reversed(hidden_sizes)]
        self.encoder = hidden_layers(down)
        self.to_mu = nn.Linear(down[-1], latent_dims)
        self.to_logvar = nn.Linear(down[-1], latent_dims)
        self.decoder = nn.Sequential(hidden_layers(up), nn.Linear(up[-1], data_dims))

    def encode(self, x):
        """Map x `(B, D)` to mu and logvar, each `(B, Z)`."""
        hidden = self.encoder(x)
        return self.to_mu(hidden), self.to_logvar(hidden)

    def decode(self, z):
        """Map z `(..., Z)` to x_logits `(..., D)`."""
        return self.decoder(z)

    def forward(self, x, noise):
        """Map x `(B, D)` and noise `(B, Z)` to x_logits `(B, D)`, mu and logvar."""
        mu, logvar = self.encode(x)
        return self.decode(sample_latents(mu, logvar, noise)), mu, logvar


def modular_vae(data_dims, hidden_sizes, latent_dims):
    """The same kind of VAE as one chain of modules: x `(B, D)` to x_logits `(B, D)`.

    Arguments as for BernoulliVAE. The parts are called encode, kl, sample and decode.
    The KL layer is set to nats per example: summed over the code, averaged over the
    batch, to go with a reconstruction that is averaged over the batch.
    """
    check_layer_sizes(data_dims, hidden_sizes, latent_dims)
    down, up = [data_dims, *hidden_sizes], [latent_dims, *reversed(hidden_sizes)]
    model = nn.Sequential(
        OrderedDict(
            encode=nn.Sequential(
                *hidden_layers(down), GaussianHead(down[-1], latent_dims)
            ),
            kl=KullbackLeiblerDivergence(weight=latent_dims, size_average=True),
            sample=ReparameterizationSampler(),
            decode=nn.Sequential(*hidden_layers(up), nn.Linear(up[-1], data_dims)),
        )
    )
    model.data_dims, model.latent_dims, model.data_range = (
        data_dims,
        latent_dims,
        (0, 1),
    )
    return model


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
        check_layer_sizes(data_dims, [hidden_size], latent_dims)
        self.data_dims, self.latent_dims = data_dims, latent_dims
        self.encode = GaussianMLP(data_dims, hidden_size, latent_dims)
        self.decode = GaussianMLP(latent_dims, hidden_size, data_dims)

    def forward(self, x, noise):
        """Map x `(B, D)` and noise `(N, B, Z)` to four tensors: x_mu, x_logvar, mu, logvar.

        x_mu, x_logvar: `(N, B, D)`, of p(x|z).  mu, logvar: `(B, Z)`, of q(z|x).
        Raises ValueError for noise of another shape and for N = 0.
        """
        check_noise("noise", noise, len(x), self.latent_dims)
        mu, logvar = self.encode(x)
        z = sample_latents(mu, logvar, noise)  # (N, B, Z)
        decoded = self.decode(z.flatten(0, 1))  # two of (N * B, D)
        x_mu, x_logvar = (part.unflatten(0, z.shape[:2]) for part in decoded)
        return x_mu, x_logvar, mu, logvar


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
        check_covariance("cov", cov)
        for name, value, shape in (("mean", mean, (2,)), ("cov", cov, (2, 2))):
            if value.shape != shape:
                raise ValueError(
                    f"{name} must have shape {shape}, got {tuple(value.shape)}"
                )
        (small, large), vectors = torch.linalg.eigh(cov)  # ascending
        axis = vectors[:, 1] if vectors[0, 1] > 0 else -vectors[:, 1]
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
