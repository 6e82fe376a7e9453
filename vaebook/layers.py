"""The layers that make an auto-encoder variational, with hand-written backward passes."""

import torch
from torch import nn

from vaebook import checks
from vaebook.distributions import kl_standard_normal


class EntryByEntry(torch.autograd.Function):
    """A function that treats each entry for itself, and so several models' at once.

    What vmap hands over is stacked, `(M, ...)`. Stacks of fewer axes get axes of size 1
    after the first, so that they fit together like the tensors of one model.
    """

    @classmethod
    def vmap(cls, info, in_dims, *tensors):
        stacks = []
        for tensor, axis in zip(tensors, in_dims, strict=True):
            shared = axis is None
            size = info.batch_size, *tensor.shape
            stacks.append(tensor.expand(size) if shared else tensor.movedim(axis, 0))
        dims = max(stack.dim() for stack in stacks)
        wide = []
        for stack in stacks:
            missing = [1] * (dims - stack.dim())
            wide.append(stack.reshape(len(stack), *missing, *stack.shape[1:]))
        result = cls.apply(*wide)
        return result, (0,) * len(result) if isinstance(result, tuple) else 0


class AddKLGradient(EntryByEntry):
    """Forward: mu, logvar as they are. Backward: add the gradient of scale * KL."""

    @staticmethod
    def forward(mu, logvar, scale):
        return mu.view_as(mu), logvar.view_as(logvar)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, grad_mu, grad_logvar):
        mu, logvar, scale = ctx.saved_tensors
        own_mu, own_logvar = scale * mu, scale * 0.5 * (logvar.exp() - 1)
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
        scale = torch.as_tensor(scale, dtype=mu.dtype, device=mu.device)
        with torch.no_grad():
            self.loss = scale * kl_standard_normal(mu, logvar).sum()
        return AddKLGradient.apply(mu, logvar, scale)

    def extra_repr(self):
        return f"weight={self.weight}, size_average={self.size_average}"


class Reparameterize(EntryByEntry):
    """Forward: z = mu + exp(logvar / 2) * noise. Backward: by (1.12) in chapter 1."""

    @staticmethod
    def forward(mu, logvar, noise):
        return mu + (0.5 * logvar).exp() * noise

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, grad_z):
        _, logvar, noise = ctx.saved_tensors
        shift = (0.5 * logvar).exp() * noise
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


class UniformLike(torch.autograd.Function):
    """Uniform numbers shaped like x; for several models, from the generator of each."""

    @staticmethod
    def forward(x, generator):
        return torch.rand(x.shape, generator=generator, device=x.device)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.mark_non_differentiable(output)

    @staticmethod
    def vmap(info, in_dims, x, generators):
        pairs = zip(x.movedim(in_dims[0], 0), generators, strict=True)
        return torch.stack([UniformLike.apply(*pair) for pair in pairs]), 0


def uniform_like(x, generator):
    """Uniform numbers in [0, 1), shaped like x. generator: None is PyTorch's global one."""
    return UniformLike.apply(x, generator)


class FlipPixels(EntryByEntry):
    """Forward: 1 - x where `flips`, else x. Backward: by (3.2) in chapter 3."""

    @staticmethod
    def forward(x, flips):
        return torch.where(flips, 1 - x, x)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(inputs[1])

    @staticmethod
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
        return FlipPixels.apply(x, uniform_like(x, self.generator) < self.p)

    def extra_repr(self):
        return f"p={self.p}"


class SaltAndPepper(BernoulliNoise):
    """Replace each binary entry of x (any shape) with probability `p`, in training mode.

    Salt, a 1, comes with probability `salt`, else pepper, a 0. With salt = 0.5 entries are
    flipped with probability p / 2; with salt = 0 this is masking.
    generator, evaluation mode and errors as for `BernoulliNoise`; salt is in [0, 1], too.
    Source: Vincent et al. (2010), section 3.3. The code of Im et al. (2017) has salt = p.
    """

    def __init__(self, p=0.1, salt=0.5, generator=None):
        super().__init__(p, generator)
        checks.probability("salt", salt)
        self.salt = salt

    def forward(self, x):
        checks.binary("x", x)
        if not self.training:
            return x
        replaced = uniform_like(x, self.generator) < self.p
        salted = uniform_like(x, self.generator) < self.salt
        return torch.where(replaced, salted.to(x.dtype), x)

    def extra_repr(self):
        return f"p={self.p}, salt={self.salt}"
