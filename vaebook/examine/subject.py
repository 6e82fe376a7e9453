"""What is examined: a reader's model, loss and data, how they are called, and what is asked of them."""

import copy
import math

import torch
from torch.nn import functional as F

from vaebook.distributions import kl_standard_normal

LIKELIHOODS = ("bernoulli", "gaussian")
DECODED = {"bernoulli": "logits", "gaussian": "mean, logvar, or a mean and deviation="}


class Refused(ValueError):
    """What was given cannot be examined; the message says which argument, what came and what was expected."""


def called(words, function, *arguments):
    """What a reader's function returns. Raises Refused, in one sentence, where it fails."""
    try:
        return function(*arguments)
    except Refused:
        raise
    except Exception as error:
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        raise Refused(f"{words}, got {what}") from None


def copied(model):
    """A deep copy; of what the model has stored of its last call, a copy that no gradient passes."""
    stored = [
        kept
        for part in model.modules()
        for kept in vars(part).values()
        if isinstance(kept, torch.Tensor) and not kept.is_leaf
    ]
    return copy.deepcopy(model, {id(kept): kept.detach().clone() for kept in stored})


class Subject:
    """A model, its loss and a batch; the right terms are computed from `encode` and `decode` alone.

    Arguments as for `examine`. Raises Refused for what cannot be examined.
    """

    def __init__(self, model, loss, x, likelihood="bernoulli", deviation=None):
        self.loss, self.x, self.likelihood = loss, x, likelihood
        self.deviation = deviation
        self.check(model)
        self.model = called(
            "model must be one that copy.deepcopy can copy", copied, model
        )
        self.parameters = dict(self.model.named_parameters())
        self.check_calls()

    def check(self, model):
        """Raise Refused for arguments that no call is needed to refuse."""
        if not isinstance(model, torch.nn.Module):
            raise Refused(
                f"model must be a torch.nn.Module, got {type(model).__name__}"
            )
        for call, gives in (("encode", "encode(x) -> mu, logvar"), ("decode", None)):
            gives = gives or f"decode(z) -> {DECODED.get(self.likelihood)}"
            if not callable(getattr(model, call, None)):
                kind = type(model).__name__
                raise Refused(f"model must answer {gives}, got a {kind} without {call}")
        if not callable(self.loss):
            raise Refused(
                f"loss must be a function loss(model, x), got {type(self.loss).__name__}"
            )
        if self.likelihood not in LIKELIHOODS:
            raise Refused(
                f"likelihood must be one of {LIKELIHOODS}, got {self.likelihood!r}"
            )
        if self.deviation is not None:
            self.check_deviation()
        if not isinstance(self.x, torch.Tensor) or not self.x.is_floating_point():
            came = getattr(self.x, "dtype", type(self.x).__name__)
            raise Refused(f"x must be a floating-point tensor, got {came}")
        if self.x.dim() < 2 or len(self.x) < 4:
            raise Refused(
                f"x must be a batch (B, ...) of at least 4 examples, got shape {tuple(self.x.shape)}"
            )
        for tensor in [*model.parameters(), *model.buffers()]:
            if tensor.device != self.x.device:
                raise Refused(
                    f"x must be on the device of the model, {tensor.device}, got {self.x.device}"
                )
        precise = (torch.float32, torch.float64)
        kinds = {t.dtype for t in [self.x, *model.parameters()]} - {*precise}
        if kinds:
            raise Refused(
                f"x and model must be in single or double precision, got {kinds.pop()}"
            )
        if not torch.isfinite(self.x).all():
            raise Refused("x must be finite, got NaN or infinite entries")

    def check_deviation(self):
        """Raise Refused for a deviation that is none, or that nobody asked for."""
        if self.likelihood != "gaussian":
            raise Refused("deviation= belongs to likelihood='gaussian'")
        number = isinstance(self.deviation, int | float)
        if not number or not 0 < self.deviation < math.inf:
            raise Refused(f"deviation must be a positive number, got {self.deviation}")

    def check_calls(self):
        """Raise Refused unless one call each of encode, decode and loss gives what it should."""
        with torch.no_grad():
            mu, _ = self.encode(self.model, self.x)
            self.terms(self.model, self.x)
        self.latent_dims = mu[0].numel()
        self.value(self.model, self.x)

    def encode(self, model, x):
        """mu and logvar of a copy of the model, as it gives them."""
        expected = "model.encode(x) must return mu and logvar, each (B, Z)"
        pair = called(expected, model.encode, x)
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            came = f"{len(pair)} of them" if isinstance(pair, tuple | list) else ""
            raise Refused(f"{expected}, got {came or type(pair).__name__}")
        for part in pair:
            shape = tuple(getattr(part, "shape", ()))
            if len(shape) < 2 or shape[0] != len(x) or shape != tuple(pair[0].shape):
                raise Refused(f"{expected} with B = {len(x)}, got {shape}")
            if not torch.isfinite(part).all():
                raise Refused(f"{expected}, all finite, got NaN or infinite entries")
        return pair

    def minus_log_likelihood(self, decoded, x):
        """-log p(x|z) of each row, in nats, of what `decode` has returned."""
        target = x.flatten(1)
        if self.likelihood == "bernoulli":
            logits = self.flat("decode(z) must return logits", decoded, target)
            return (F.softplus(logits) - target * logits).sum(-1)
        if self.deviation is not None:
            expected = "with deviation= decode(z) must return the mean"
            logvar = torch.full_like(target, 2 * math.log(self.deviation))
            mean = self.flat(expected, decoded, target)
        else:
            expected = "decode(z) must return mean and logvar"
            if not isinstance(decoded, tuple | list) or len(decoded) != 2:
                raise Refused(
                    f"{expected}, or a deviation= must be stated, got {type(decoded).__name__}"
                )
            mean, logvar = (self.flat(expected, part, target) for part in decoded)
        scaled = (target - mean).square() / logvar.exp()
        return 0.5 * (math.log(2 * math.pi) + logvar + scaled).sum(-1)

    @staticmethod
    def flat(expected, decoded, target):
        """What was decoded as `(B, D)`. Raises Refused where it is not one number for each number of x."""
        if not isinstance(decoded, torch.Tensor) or decoded.numel() != target.numel():
            came = getattr(decoded, "shape", None)
            came = type(decoded).__name__ if came is None else tuple(came)
            raise Refused(f"{expected} of shape {tuple(target.shape)}, got {came}")
        return decoded.reshape(target.shape)

    def decode(self, model, z):
        return called("model.decode(z) must run on codes like mu", model.decode, z)

    def terms(self, model, x):
        """Reconstruction and KL of a batch, in nats per example, with one draw of the codes."""
        mu, logvar = self.encode(model, x)
        z = mu + (0.5 * logvar).exp() * torch.randn_like(mu)
        reconstruction = self.minus_log_likelihood(self.decode(model, z), x)
        kl = kl_standard_normal(mu.flatten(1), logvar.flatten(1))
        return reconstruction.mean(), kl.mean()

    def value(self, model, x):
        """What the reader's loss returns. Raises Refused unless it is one finite number."""
        expected = "loss(model, x) must return one finite number, a tensor of shape ()"
        value = called(expected, self.loss, model, x)
        if not isinstance(value, torch.Tensor) or value.numel() != 1:
            shape = getattr(value, "shape", None)
            came = type(value).__name__ if shape is None else tuple(shape)
            raise Refused(f"{expected}, got {came}")
        if not torch.isfinite(value):
            raise Refused(f"{expected}, got {value.item()}")
        return value.reshape(())

    @torch.no_grad()
    def values(self, model, x, calls):
        """What the loss returns in each of many calls, `(calls,)`, in double precision."""
        found = [self.value(model, x) for _ in range(calls)]
        return torch.stack(found).cpu().double()


def reseed(seed):
    """As torch.manual_seed, for the processor and for GPUs in use; many times faster."""
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)


@torch.no_grad()
def drawn(function, calls, seed=0):
    """What a function returns in each of many calls, `(calls, ...)`, in double precision; call i has seed + i."""
    found = []
    for number in range(calls):
        reseed(seed + number)
        found.append(function())
    return torch.stack(found).cpu().double()
