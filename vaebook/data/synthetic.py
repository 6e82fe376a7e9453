"""Data drawn from a known distribution, so that the best possible loss is known too."""

from typing import NamedTuple

import torch
from torch.distributions import MultivariateNormal

from vaebook import checks


class Rectangles(NamedTuple):
    """Black images with one white rectangle each, and the entropy of where and how large it is.

    images: `(B, H * W)`, 0 or 1.  boxes: `(B, 4)`, top, left, height and width in pixels.
    entropy: of one image, in nats; no model's mean -ELBO can be lower.
    """

    images: torch.Tensor
    boxes: torch.Tensor
    entropy: float


def rectangles(
    n, *, image_shape=(24, 24), height=8, width=8, generator=None, device="cpu"
):
    """Draw `n` images of a filled rectangle at a random place where it fits.

    image_shape: (H, W).  height, width: of the rectangle in pixels; a pair (smallest,
    largest) draws a size uniformly first, and then a place uniformly among those left.
    Returns Rectangles. Raises ValueError for sizes below 1 or larger than the image.
    """
    checks.positive_int("n", n)
    rows, columns = spans_of_both(image_shape, height, width, device)
    row_span, column_span = (
        spans[torch.multinomial(p, n, replacement=True, generator=generator)]
        for spans, p in (rows, columns)
    )
    return draw_rectangles(row_span, column_span, image_shape, rows, columns)


def all_rectangles(*, image_shape=(24, 24), height=8, width=8, device="cpu"):
    """Every image that `rectangles` can draw, once each, row by row; arguments as there."""
    rows, columns = spans_of_both(image_shape, height, width, device)
    row_number, column_number = torch.cartesian_prod(
        torch.arange(len(rows[0]), device=device),
        torch.arange(len(columns[0]), device=device),
    ).T
    return draw_rectangles(
        rows[0][row_number], columns[0][column_number], image_shape, rows, columns
    )


def spans_of_both(image_shape, height, width, device):
    """The spans along both axes and their probabilities: see `spans`."""
    checks.pair("image_shape", image_shape, "a pair (H, W)")
    return (
        spans("height", height, "image_shape[0]", image_shape[0], device),
        spans("width", width, "image_shape[1]", image_shape[1], device),
    )


def spans(name, sizes, axis_name, axis_size, device):
    """Every (start, size) that fits on an axis, `(S, 2)`, and its probability, `(S,)`."""
    checks.positive_int(axis_name, axis_size)
    if isinstance(sizes, tuple | list):
        checks.pair(name, sizes, "a size or a pair (smallest, largest)")
        low, high = sizes
    else:
        low = high = sizes
    for size in (low, high):
        checks.positive_int(name, size)
    if not low <= high <= axis_size:
        raise ValueError(
            f"{name} must fit into {axis_name} = {axis_size}, smallest first, got {sizes!r}"
        )
    fitting = [
        (start, size, 1 / (high - low + 1) / (axis_size - size + 1))
        for size in range(low, high + 1)
        for start in range(axis_size - size + 1)
    ]
    starts, lengths, probabilities = torch.tensor(
        fitting, dtype=torch.float64, device=device
    ).T
    return torch.stack([starts, lengths], 1).long(), probabilities


def draw_rectangles(row_span, column_span, image_shape, rows, columns):
    """Fill the rectangles given by their spans `(B, 2)` along the rows and the columns."""

    def inside(span, axis_size):
        position = torch.arange(axis_size, device=span.device)
        start, size = span[:, :1], span[:, 1:]
        return (position >= start) & (position < start + size)

    in_row, in_column = (
        inside(span, size)
        for span, size in zip((row_span, column_span), image_shape, strict=True)
    )
    images = (in_row[:, :, None] & in_column[:, None, :]).float().flatten(1)
    boxes = torch.stack([row_span, column_span], 2).flatten(1)
    entropy = sum(torch.special.entr(p).sum().item() for _, p in (rows, columns))
    return Rectangles(images, boxes, entropy)


class CorrelatedGaussian(NamedTuple):
    """Draws from a normal distribution with a full covariance, and the distribution itself.

    x: `(n, D)`.  distribution: a MultivariateNormal in double precision; its `log_prob(x)`
    is the true log p(x) of each row, its `entropy()` the mean of -log p(x), both in nats.
    """

    x: torch.Tensor
    distribution: MultivariateNormal


def correlated_gaussian(
    n, *, mean=(1.0, 0.5), cov=((1.0, 0.5), (0.5, 1.0)), generator=None, device="cpu"
):
    """Draw `n` rows from N(mean, cov).

    mean: `(D,)`.  cov: `(D, D)`, symmetric and positive definite; both numbers or tensors.
    Returns CorrelatedGaussian. Raises ValueError for a cov that is no covariance matrix
    and for a mean that does not fit it.
    """
    checks.positive_int("n", n)
    double = {"dtype": torch.float64, "device": device}
    mean, cov = torch.as_tensor(mean, **double), torch.as_tensor(cov, **double)
    checks.covariance("cov", cov)
    if mean.shape != cov.shape[:1]:
        raise ValueError(
            f"mean must have shape {tuple(cov.shape[:1])}, as long as cov, got {tuple(mean.shape)}"
        )
    distribution = MultivariateNormal(mean, cov)
    noise = torch.randn(n, len(mean), generator=generator, **double)
    x = mean + noise @ distribution.scale_tril.T
    return CorrelatedGaussian(x.to(torch.get_default_dtype()), distribution)
