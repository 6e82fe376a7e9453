"""Checks at the public door: each names the argument, what came and what was expected."""

import torch


def check_floating(name, x):
    """Raise unless `x` is a floating-point tensor."""
    if not isinstance(x, torch.Tensor) or not x.is_floating_point():
        came = (
            f"a {x.dtype} tensor" if isinstance(x, torch.Tensor) else type(x).__name__
        )
        raise TypeError(f"{name} must be a floating-point tensor, got {came}")


def check_last_axis(name, tensor, other_name, other):
    """Raise unless both tensors have the same size along their last axis and broadcast before it."""
    try:
        matches = (
            torch.broadcast_shapes(tensor.shape, other.shape)[-1:]
            == tensor.shape[-1:]
            == other.shape[-1:]
        )
    except RuntimeError:
        matches = False
    if not matches:
        raise ValueError(
            f"{name} must match {other_name} of shape {tuple(other.shape)}, got {tuple(tensor.shape)}"
        )


def check_same_shape(name, tensor, other_name, other):
    """Raise unless both tensors have the same shape."""
    if tensor.shape != other.shape:
        raise ValueError(
            f"{name} must have the shape of {other_name}, {tuple(other.shape)}, got {tuple(tensor.shape)}"
        )


def check_examples(name, x, dims=None):
    """Raise unless `x` is a finite floating-point tensor `(B, D)` with at least one row (and `D == dims`)."""
    check_floating(name, x)
    expected = f"(B, {dims if dims is not None else 'D'})"
    if x.dim() != 2 or (dims is not None and x.shape[1] != dims):
        raise ValueError(f"{name} must have shape {expected}, got {tuple(x.shape)}")
    if x.shape[0] == 0:
        raise ValueError(
            f"{name} must hold at least one example, got shape {tuple(x.shape)}"
        )
    if (
        not torch.isfinite(x.sum()) and not torch.isfinite(x).all()
    ):  # the sum alone is ten times faster
        raise ValueError(
            f"{name} must be finite, got {int((~torch.isfinite(x)).sum())} NaN or infinite entries"
        )


def check_data(name, x, model):
    """Raise unless `x` suits `model`: its `data_dims` and its `data_range`, where it states them."""
    check_examples(name, x, getattr(model, "data_dims", None))
    low, high = getattr(model, "data_range", (-torch.inf, torch.inf))
    if x.min() < low or x.max() > high:
        raise ValueError(
            f"{name} must hold values in [{low}, {high}], got values from {x.min():g} to {x.max():g}"
        )


def check_positive_int(name, value):
    """Raise unless `value` is an integer of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} must be an integer of at least 1, got {value!r}")


def check_layer_sizes(data_dims, hidden_sizes, latent_dims):
    """Raise unless all sizes of an auto-encoder are integers of at least 1."""
    check_positive_int("data_dims", data_dims)
    check_positive_int("latent_dims", latent_dims)
    for size in hidden_sizes:
        check_positive_int("hidden_sizes", size)


def check_pair(name, value, expected):
    """Raise unless `value` is a tuple or list of two; `expected` says so in the argument's terms."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise ValueError(f"{name} must be {expected}, got {value!r}")


def check_positive(name, value):
    """Raise unless `value` is a finite number above 0."""
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} must be a positive number, got {value!r}")


def check_not_negative(name, value):
    """Raise unless `value` is a finite number of at least 0."""
    if not 0 <= value < float("inf"):
        raise ValueError(f"{name} must be a number of at least 0, got {value!r}")


def check_probability(name, value):
    """Raise unless `value` is a number in [0, 1]."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be in [0, 1], got {value!r}")


def check_binary(name, x):
    """Raise unless `x` is a floating-point tensor that holds only 0 and 1."""
    check_floating(name, x)
    other = (x != 0) & (x != 1)
    if other.any():
        raise ValueError(
            f"{name} must hold only 0 and 1, got {int(other.sum())} other entries such as {x[other][0].item():g}"
        )


def check_gaussian(gaussian):
    """Return mu and logvar; raise unless `gaussian` is a pair of floating-point tensors of one shape."""
    if not isinstance(gaussian, tuple | list) or len(gaussian) != 2:
        came = (
            f"{len(gaussian)} of them"
            if isinstance(gaussian, tuple | list)
            else type(gaussian).__name__
        )
        raise TypeError(f"gaussian must be a pair (mu, logvar), got {came}")
    for name, tensor in zip(("mu", "logvar"), gaussian, strict=True):
        check_floating(name, tensor)
    mu, logvar = gaussian
    check_same_shape("logvar", logvar, "mu", mu)
    return mu, logvar


def check_covariance(name, cov):
    """Raise unless `cov` is a finite, symmetric and positive definite matrix `(D, D)`."""
    shape = tuple(cov.shape)
    if cov.dim() != 2 or shape[0] != shape[1] or shape[0] == 0:
        raise ValueError(f"{name} must have shape (D, D), got {shape}")
    if not torch.isfinite(cov).all():
        raise ValueError(f"{name} of shape {shape} must be finite, got {cov.tolist()}")
    if not torch.allclose(cov, cov.T, rtol=1e-10, atol=0):
        raise ValueError(
            f"{name} of shape {shape} must be symmetric, got {cov.tolist()}"
        )
    eigenvalues = torch.linalg.eigvalsh(cov)
    smallest, rounding = eigenvalues[0].item(), len(cov) * torch.finfo(cov.dtype).eps
    if smallest <= rounding * eigenvalues[-1].item():
        raise ValueError(
            f"{name} of shape {shape} must be positive definite, got {cov.tolist()} "
            f"with smallest eigenvalue {smallest:g}"
        )


def check_noise(name, noise, batch_size, latent_dims):
    """Raise unless `noise` is a floating-point tensor `(N, batch_size, latent_dims)` with N at least 1."""
    check_floating(name, noise)
    if (
        noise.dim() != 3
        or noise.shape[1:] != (batch_size, latent_dims)
        or len(noise) == 0
    ):
        raise ValueError(
            f"{name} must have shape (N, {batch_size}, {latent_dims}) with N at least 1, got {tuple(noise.shape)}"
        )
