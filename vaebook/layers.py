"""The layers that make an auto-encoder variational, with hand-written backward passes."""

import torch
from torch import nn
from torch.autograd.function import once_differentiable

from vaebook import checks


class AddKLGradient(torch.autograd.Function):
    """Forward: mu, logvar as they are, and scale * KL. Backward: add its gradient."""

    @staticmethod
    def forward(ctx, mu, logvar, scale):
        ctx.save_for_backward(mu, logvar)
        ctx.scale = scale
        kl = scale * 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum()
        ctx.mark_non_differentiable(kl)
        return mu.view_as(mu), logvar.view_as(logvar), kl

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_mu, grad_logvar, _):
        mu, logvar = ctx.saved_tensors
        own_mu, own_logvar = ctx.scale * mu, ctx.scale * 0.5 * (logvar.exp() - 1)
        return grad_mu + own_mu, grad_logvar + own_logvar, None


class KullbackLeiblerDivergence(nn.Module):
    """Add `weight` times KL(N(mu, exp(logvar)) || N(0, I)) to the loss that follows.

    Takes the pair (mu, logvar), each `(B, Z)`, and passes it on unchanged. `.loss` is
    `weight` times the KL, in nats and summed over the batch; size_average divides it by
    B * Z. Its gradient is added to what arrives from above, so `.loss` carries none.
    Raises TypeError or ValueError for a negative weight or a pair that does not fit.
    Source: Kingma & Welling (2014), appendix B; as a layer, after Torch's L1Penalty.
    """

    def __init__(self, weight=1.0, size_average=False):
        super().__init__()
        checks.not_negative("weight", weight)
        self.weight, self.size_average, self.loss = weight, size_average, None

    def forward(self, gaussian):
        mu, logvar = checks.gaussian(gaussian)
        scale = self.weight / mu.numel() if self.size_average else self.weight
        mu, logvar, self.loss = AddKLGradient.apply(mu, logvar, scale)
        return mu, logvar

    def extra_repr(self):
        return f"weight={self.weight}, size_average={self.size_average}"


class Reparameterize(torch.autograd.Function):
    """Forward: z = mu + exp(logvar / 2) * noise. Backward: by (1.10) in chapter 1."""

    @staticmethod
    def forward(ctx, mu, logvar, noise):
        shift = (0.5 * logvar).exp() * noise
        ctx.save_for_backward(shift)
        return mu + shift

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_z):
        (shift,) = ctx.saved_tensors
        return grad_z, grad_z * 0.5 * shift, None


class ReparameterizationSampler(nn.Module):
    """Draw one code z `(B, Z)` from N(mu, exp(logvar)), given the pair (mu, logvar).

    generator: source of the noise, on the device of mu; None is PyTorch's global one.
    A second argument, normal noise `(N, B, Z)`, takes the place of its own draw, and z
    has that shape. Raises TypeError or ValueError for a pair that does not fit.
    Source: Kingma & Welling (2014), section 2.4.
    """

    def __init__(self, generator=None):
        super().__init__()
        self.generator = generator

    def forward(self, gaussian, noise=None):
        mu, logvar = checks.gaussian(gaussian)
        if noise is None:
            like_mu = {"device": mu.device, "dtype": mu.dtype}
            noise = torch.randn(mu.shape, generator=self.generator, **like_mu)
        return Reparameterize.apply(mu, logvar, noise)


class GaussianHead(nn.Module):
    """Two linear layers side by side: `(B, inputs)` to mu and logvar, each `(B, Z)`."""

    def __init__(self, inputs, latent_dims):
        super().__init__()
        self.mu = nn.Linear(inputs, latent_dims)
        self.logvar = nn.Linear(inputs, latent_dims)

    def forward(self, hidden):
        return self.mu(hidden), self.logvar(hidden)


class FlipPixels(torch.autograd.Function):
    """Forward: 1 - x where `flips`, else x. Backward: by (3.2) in chapter 3."""

    @staticmethod
    def forward(ctx, x, flips):
        ctx.save_for_backward(flips)
        return torch.where(flips, 1 - x, x)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_x):
        (flips,) = ctx.saved_tensors
        return torch.where(flips, -grad_x, grad_x), None


class BernoulliNoise(nn.Module):
    """Flip each binary entry of x (any shape) with probability `p`, in training mode.

    In evaluation mode x passes as it is, and no random number is drawn.
    generator: source of the flips, on the device of x; None is PyTorch's global one.
    Raises ValueError for p outside [0, 1] and for entries of x other than 0 and 1,
    TypeError for an x that is no floating-point tensor.
    Source: Im et al. (2017); noise at the input after Vincent et al. (2008).
    """

    def __init__(self, p=0.05, generator=None):
        super().__init__()
        checks.probability("p", p)
        self.p, self.generator = p, generator

    def forward(self, x):
        checks.binary("x", x)
        if not self.training:
            return x
        uniform = torch.rand(x.shape, generator=self.generator, device=x.device)
        return FlipPixels.apply(x, uniform < self.p)

    def extra_repr(self):
        return f"p={self.p}"
