"""The same model with derivatives written by hand, as chapter 1 writes them."""

import torch
from torch.nn import functional as F

from vaebook.slips import right
from vaebook.slips.right import data, evaluate, log_likelihood, train

__all__ = ["VAE", "data", "evaluate", "log_likelihood", "loss", "train"]


class KullbackLeibler(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(mu, logvar):
        return 0.5 * (mu**2 + logvar.exp() - 1 - logvar)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, grad):
        mu, logvar = ctx.saved_tensors
        grad_mu = mu
        grad_logvar = 0.5 * (logvar.exp() - 1)
        return grad * grad_mu, grad * grad_logvar


class Sample(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(mu, logvar, noise):
        return mu + (0.5 * logvar).exp() * noise

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs[1:])

    @staticmethod
    def backward(ctx, grad):
        logvar, noise = ctx.saved_tensors
        shift = 0.5 * (0.5 * logvar).exp() * noise
        return grad, grad * shift, None


class VAE(right.VAE):
    def sample(self, mu, logvar):
        return Sample.apply(mu, logvar, torch.randn_like(mu))


def loss(model, x):
    mu, logvar = model.encode(x)
    logits = model.decode(model.sample(mu, logvar))
    cross_entropy = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    kl = KullbackLeibler.apply(mu, logvar)
    return (cross_entropy.sum(-1) + kl.sum(-1)).mean()
