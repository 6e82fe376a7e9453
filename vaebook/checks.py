"""Checks at the public door: each names the argument, what came and what was expected."""

import torch


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
    if not isinstance(x, torch.Tensor) or not x.is_floating_point():
        came = (
            f"a {x.dtype} tensor" if isinstance(x, torch.Tensor) else type(x).__name__
        )
        raise TypeError(f"{name} must be a floating-point tensor, got {came}")
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


def check_positive(name, value):
    """Raise unless `value` is a finite number above 0."""
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} must be a positive number, got {value!r}")
