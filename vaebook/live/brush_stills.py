"""The stills of the brush: images with marked pixels, and the codes of two images."""

import numpy as np
import torch
from matplotlib.patches import Ellipse

from vaebook.figures.style import new_figure
from vaebook.live.figure import Panel
from vaebook.live.random import Generator
from vaebook.live.tiles import PINK, gaussian, picture_axes

LEAST_P = 0.01  # for the exact posterior
TITLES = {"vanilla": "Vanilla", "denoising": "Denoising", "exact": "Exact posterior"}
ALTS = {
    "vanilla": "What the vanilla model restores from the corrupted image",
    "denoising": "What the denoising model restores from it",
    "exact": "What the exact posterior of the square's place restores from it",
}


def corrupted(images, p, seed):
    """Images `(B, D)` with the share p of their pixels flipped, by (3.2)."""
    uniforms = Generator(seed).uniforms(images.numel())
    flips = torch.from_numpy(uniforms < p).reshape(images.shape)
    return torch.where(flips, 1 - images, images)


def exact_posterior(images, x, p):
    """The probability of each pixel to be white, `(D,)`.

    x `(1, D)` is one of the images `(K, D)`, all equally likely, corrupted by (3.1).
    """
    flips = (images != x).sum(1).double()
    log_p = flips * np.log(p) + (images.shape[1] - flips) * np.log1p(-p)
    return log_p.softmax(0) @ images.double()


def shared_windows(gaussians):
    """What the planes show: (low, high) along both axes for each model, all as wide.

    gaussians: for each model (mu, sigma) of the clean and of the corrupted image.
    brush_maths.js has the same.
    """
    half = 5 * max(sigma.max().item() for (_, sigma), _ in gaussians)
    needed = max(
        ((mu - centre).abs() + 2.5 * sigma).max().item()
        for (centre, _), (mu, sigma) in gaussians
    )
    while half < needed:
        half *= 2
    return [
        [[middle - half, middle + half] for middle in centre.tolist()]
        for (centre, _), _ in gaussians
    ]


def marked_picture(values, marks, shape, color):
    """A figure with an image, and a small square in the middle of its marked pixels."""
    figure, ax = picture_axes(values.reshape(shape))
    rows, columns = marks.reshape(shape).nonzero(as_tuple=True)
    size = 106 / max(shape)  # in points: two fifths of a pixel, as in the page
    ax.scatter(columns, rows, s=size**2, marker="s", color=color, linewidth=0)
    return figure


def plane(pair, window):
    """A figure with the Gaussians of the clean and of the corrupted image."""
    figure, ax = new_figure(4, 3.76)
    (clean, _), (given, _) = pair
    ax.plot(*zip(clean.tolist(), given.tolist(), strict=True), color="#8a8a8a")
    for (mu, sigma), style in zip(pair, ({"color": "black"}, PINK), strict=True):
        for radius in (1, 2):
            ax.add_patch(
                Ellipse(mu, *(2 * radius * sigma).tolist(), fill=False, **style)
            )
    ax.set(xlabel="$z_1$", ylabel="$z_2$", xlim=window[0], ylim=window[1])
    ax.set_aspect("equal")
    return figure


def panels(models, images, square, place, p):
    """The six pictures, as the page shows them when it starts."""
    (height, width), side = shape, _ = square["shape"], square["side"]
    clean = images[place[0] * (width - side + 1) + place[1]][None]
    x = corrupted(clean, p, square["seed"])
    flips = x != clean
    pairs = {
        name: (gaussian(model, clean), gaussian(model, x))
        for name, model in models.items()
    }
    restored = {
        name: (model.decode(pairs[name][1][0]) > 0).float()
        for name, model in models.items()
    }
    restored["exact"] = (exact_posterior(images, x, max(p, LEAST_P)) > 0.5).float()
    found = [
        Panel(
            "board",
            marked_picture(x, flips, shape, PINK["color"]),
            f"A white square of {side} by {side} pixels on black, {height} by {width} "
            f"pixels in all, of which {flips.sum()} are flipped and marked.",
            keys={"flipped": "pink dotted", "wrong when restored": "orange dotted"},
            title="x\N{PRIME}: brush pixels over",
        )
    ]
    for name, values in restored.items():
        wrong = values.reshape(-1) != clean[0]
        found.append(
            Panel(
                name,
                marked_picture(values, wrong, shape, "#d55e00"),
                f"{ALTS[name]}, in black and white: {wrong.sum()} pixels are wrong.",
                title=f"{TITLES[name]}: {wrong.sum()}\N{NO-BREAK SPACE}wrong",
            )
        )
    windows = shared_windows([*pairs.values()])
    for name, window in zip(pairs, windows, strict=True):
        moved = (pairs[name][1][0] - pairs[name][0][0]).norm().item()
        found.append(
            Panel(
                f"{name}Plane",
                plane(pairs[name], window),
                f"A part of the plane of codes of the {name} model. Ellipses at one and two "
                "standard deviations show its Gaussian for the clean square and for "
                f"the corrupted one; a line joins their means, {moved:.2f} apart.",
                keys={"q(z|x), clean": "text", "q(z|x\N{PRIME})": "pink"},
                title=f"{TITLES[name]}: the codes",
            )
        )
    return found
