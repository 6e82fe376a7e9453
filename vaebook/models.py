"""The auto-encoders of the book, and the one line that makes them trainable."""

from collections import OrderedDict

from torch import nn

from vaebook.checks import check_layer_sizes
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
