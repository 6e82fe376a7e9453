"""Checks at the public door: each names the argument, what came and what was expected."""

import torch
from torch.func import debug_unwrap


def floating(name, x):
    """Raise unless `x` is a floating-point tensor."""
    is_tensor = isinstance(x, torch.Tensor)
    if not is_tensor or not x.is_floating_point():
        came = f"a {x.dtype} tensor" if is_tensor else type(x).__name__
        raise TypeError(f"{name} must be a floating-point tensor, got {came}")


def last_axis(name, tensor, other_name, other):
    """Raise unless both have the same last axis, of one size, and broadcast before it."""
    came, expected = tuple(tensor.shape), tuple(other.shape)
    try:
        torch.broadcast_shapes(came, expected)
        matches = came[-1:] == expected[-1:]
    except RuntimeError:
        matches = False
    if not matches:
        raise ValueError(
            f"{name} must match {other_name} of shape {expected}, got {came}"
        )


def shape(name, tensor, expected):
    """Raise unless the tensor has the shape `expected`."""
    came, expected = tuple(tensor.shape), tuple(expected)
    if came != expected:
        raise ValueError(f"{name} must have shape {expected}, got {came}")


def same_shape(name, tensor, other_name, other):
    """Raise unless both tensors have the same shape."""
    came, expected = tuple(tensor.shape), tuple(other.shape)
    if came != expected:
        raise ValueError(
            f"{name} must have the shape of {other_name}, {expected}, got {came}"
        )


def examples(name, x, dims="D"):
    """Raise unless `x` is a finite floating-point tensor `(B, dims)` with a row at least."""
    floating(name, x)
    shape = tuple(x.shape)
    if x.dim() != 2 or dims not in ("D", shape[1]):
        raise ValueError(f"{name} must have shape (B, {dims}), got {shape}")
    if shape[0] == 0:
        raise ValueError(f"{name} must hold at least one example, got shape {shape}")
    if torch.isfinite(x.sum()):  # ten times faster than to look at each entry
        return
    others = int((~torch.isfinite(x)).sum())
    if others:
        raise ValueError(f"{name} must be finite, got {others} NaN or infinite entries")


CONTRACT = {
    "encode": "encode(x) -> mu, logvar",
    "decode": "decode(z) -> the parameters of p(x|z)",
    "log_likelihood": "log_likelihood(z, x) -> log p(x|z)",
}


def contract(model):
    """Raise unless `model` answers the three calls and says how long its code is."""
    kind = type(model).__name__
    for call, words in CONTRACT.items():
        if not callable(getattr(model, call, None)):
            raise TypeError(f"model must answer {words}, got a {kind} without {call}")
    if not hasattr(model, "latent_dims"):
        raise TypeError(f"model must state its latent_dims, got a {kind} without them")


def data(name, x, model):
    """Raise unless `model` keeps the contract and `x` suits its `data_dims` and `data_range`.

    Of an x that reads its rows from files only the shape is looked at.
    """
    contract(model)
    if hasattr(x, "minibatches"):
        shape(name, x, (len(x), getattr(model, "data_dims", x.shape[1])))
        return
    examples(name, x, getattr(model, "data_dims", "D"))
    low, high = getattr(model, "data_range", (-torch.inf, torch.inf))
    if x.min() < low or x.max() > high:
        came = f"values from {x.min():g} to {x.max():g}"
        raise ValueError(f"{name} must hold values in [{low}, {high}], got {came}")


def terms(loss_terms, batch_size):
    """Raise unless `loss_terms` is what a loss_fn returns: a dict of `(B,)` with "loss"."""
    if not isinstance(loss_terms, dict):
        came = type(loss_terms).__name__
        raise TypeError(f"loss_fn must return a dict of (B,) tensors, got {came}")
    if "loss" not in loss_terms:
        came = ", ".join(map(repr, loss_terms)) or "no term"
        raise ValueError(f"loss_fn must return a term 'loss', got {came}")
    for name, term in loss_terms.items():
        shape = tuple(getattr(term, "shape", ()))
        if shape != (batch_size,):
            expected = f"one value per example, shape ({batch_size},)"
            raise ValueError(f"loss_fn must return {expected}, got {name!r} of {shape}")


def positive_int(name, value):
    """Raise unless `value` is an integer of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} must be an integer of at least 1, got {value!r}")


def positive_ints(values):
    """Raise unless each of `values`, a dict from name to value, is an integer of at least 1."""
    for name, value in values.items():
        positive_int(name, value)


def layer_sizes(data_dims, hidden_sizes, latent_dims):
    """Raise unless all sizes of an auto-encoder are integers of at least 1."""
    positive_ints({"data_dims": data_dims, "latent_dims": latent_dims})
    if not isinstance(hidden_sizes, tuple | list):
        raise TypeError(
            f"hidden_sizes must be a list of integers, got {hidden_sizes!r}"
        )
    for size in hidden_sizes:
        positive_int("hidden_sizes", size)


def pair(name, value, expected):
    """Raise unless `value` is a tuple or list of two; `expected` says so in the argument's terms."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise ValueError(f"{name} must be {expected}, got {value!r}")


def number(name, value, expected, fits):
    """Raise unless fits(value) is true; `expected` says in words what fits."""
    try:
        if fits(value):
            return
    except TypeError as error:
        raise TypeError(f"{name} must be {expected}, got {value!r}") from error
    raise ValueError(f"{name} must be {expected}, got {value!r}")


def positive(name, value):
    """Raise unless `value` is a finite number above 0."""
    number(name, value, "a positive number", lambda value: 0 < value < torch.inf)


def not_negative(name, value):
    """Raise unless `value` is a finite number of at least 0."""
    number(name, value, "a number of at least 0", lambda value: 0 <= value < torch.inf)


def probability(name, value):
    """Raise unless `value` is a number in [0, 1]."""
    number(name, value, "in [0, 1]", lambda value: 0 <= value <= 1)


def binary(name, x):
    """Raise unless `x` is a floating-point tensor that holds only 0 and 1."""
    floating(name, x)
    x = debug_unwrap(x)  # where vmap computes for several models, look at all of them
    if ((x == 0) | (x == 1)).all():
        return
    other = x[(x != 0) & (x != 1)]
    if len(other):
        came = f"{len(other)} other entries such as {other[0].item():g}"
        raise ValueError(f"{name} must hold only 0 and 1, got {came}")


def gaussian(pair):
    """Return mu and logvar; raise unless `pair` holds two floating-point tensors of one shape."""
    expected, is_sequence = "a pair (mu, logvar)", isinstance(pair, tuple | list)
    if not is_sequence or len(pair) != 2:
        came = f"{len(pair)} of them" if is_sequence else type(pair).__name__
        raise TypeError(f"gaussian must be {expected}, got {came}")
    mu, logvar = pair
    floating("mu", mu)
    floating("logvar", logvar)
    same_shape("logvar", logvar, "mu", mu)
    return mu, logvar


def covariance(name, cov):
    """Raise unless `cov` is a finite, symmetric and positive definite matrix `(D, D)`."""
    shape = tuple(cov.shape)
    if cov.dim() != 2 or shape[0] != shape[1] or shape[0] == 0:
        raise ValueError(f"{name} must have shape (D, D), got {shape}")
    came = f"got {cov.tolist()}"
    if not torch.isfinite(cov).all():
        raise ValueError(f"{name} of shape {shape} must be finite, {came}")
    if not torch.allclose(cov, cov.T, rtol=1e-10, atol=0):
        raise ValueError(f"{name} of shape {shape} must be symmetric, {came}")
    eigenvalues = torch.linalg.eigvalsh(cov)
    smallest, rounding = eigenvalues[0].item(), len(cov) * torch.finfo(cov.dtype).eps
    if smallest <= rounding * eigenvalues[-1].item():
        expected = f"positive definite, {came} with smallest eigenvalue {smallest:g}"
        raise ValueError(f"{name} of shape {shape} must be {expected}")


def linear_decoder(mean, w, variance):
    """Raise unless mean `(D,)`, w `(D, Z)` and variance `(D,)`, positive, go together."""
    if w.dim() != 2 or 0 in w.shape:
        raise ValueError(f"w must have shape (D, Z), got {tuple(w.shape)}")
    shape("mean", mean, w.shape[:1])
    shape("variance", variance, w.shape[:1])
    if not (variance > 0).all() or not torch.isfinite(variance).all():
        raise ValueError(f"variance must be positive, got {variance.tolist()}")


def noise(name, noise, x, model):
    """Raise unless `model` keeps the contract and `noise` is `(N, B, Z)` for the rows of x."""
    contract(model)
    floating(name, noise)
    shape = tuple(noise.shape)
    if len(shape) != 3 or shape[1:] != (len(x), model.latent_dims) or shape[0] == 0:
        expected = f"(N, {len(x)}, {model.latent_dims}) with N at least 1"
        raise ValueError(f"{name} must have shape {expected}, got {shape}")


def structure(model):
    """What models that are computed together must agree in, by its place in the model."""
    found = {}
    for path, layer in model.named_modules():
        found[f"{path}.class"] = type(layer)
        for name, value in vars(layer).items():
            if value is None or isinstance(value, bool | str | tuple):
                found[f"{path}.{name}"] = value
        for name, tensor in [*layer._parameters.items(), *layer._buffers.items()]:
            if tensor is not None:
                facts = tuple(tensor.shape), tensor.dtype, tensor.requires_grad
                found[f"{path}.{name}"] = facts
    return {place.lstrip("."): value for place, value in found.items()}


def different(name, values):
    """Raise unless `values` holds an object at least, and none twice; None is no object."""
    objects = [value for value in values if value is not None]
    if not values or len({id(value) for value in objects}) < len(objects):
        expected = "one object for each model, and another for each"
        raise ValueError(f"{name} must be {expected}, got {values!r}")


def alike(models):
    """Raise unless `models` are modules of one structure, in one mode."""
    first = structure(models[0])
    for number, model in enumerate(models[1:], start=2):
        other = structure(model)
        for place in first | other:
            ours, theirs = first.get(place), other.get(place)
            if ours != theirs:
                came = f"{theirs} in model {number} and {ours} in model 1"
                raise ValueError(f"{place} must be the same in all models, got {came}")


def one_each(num_models, **values):
    """Return a list with an entry for each model, for each value: lists as they are.

    num_models: None is one model by itself, for which a list is no list of entries.
    """
    lists = []
    for name, value in values.items():
        if num_models is None or not isinstance(value, list | tuple):
            value = [value] * (num_models or 1)
        if len(value) != (num_models or 1):
            expected = f"one, or {num_models} of them, one for each model"
            raise ValueError(f"{name} must be {expected}, got {len(value)}")
        lists.append(value)
    return lists
