"""Chapter 4's live figure: a VAE that trains in the page, beside its answer key."""

import copy
import math

import numpy as np
import torch
from scipy.special import roots_hermitenorm
from torch.distributions import MultivariateNormal

from vaebook.figures.style import LINES, new_figure
from vaebook.live.figure import Button, Choice, LiveFigure, Panel, Range
from vaebook.live.random import Generator
from vaebook.models import probabilistic_pca
from vaebook.quadrature import exact_parts

MEAN = torch.tensor([1.0, 0.5], dtype=torch.float64)
POINTS = 12  # of the quadrature, on each axis
WINDOW = {"x": [-3.0, 5.0], "y": [-3.5, 4.5]}
BLUE, ORANGE, GREEN, PINK = LINES[0], LINES[1], "#007a5a", "#a8457c"


def covariance(rho):
    return torch.tensor([[1.0, rho], [rho, 1.0]], dtype=torch.float64)


def density(rho):
    """The distribution of chapter 4's data, with another correlation."""
    return MultivariateNormal(MEAN, covariance(rho))


def common_information(rho):
    return 0.5 * math.log((1 + abs(rho)) / (1 - abs(rho)))


def training(copies=None, rho=0.5):
    """A Gaussian VAE, 2-64-1, that trains in the page on rows that it draws there.

    copies: what the stills show: a dict from step to the `GaussianVAE(2, 64, 1)` as it was
    then, with a step 0.  Without them the stills show the answer key alone.
    rho: the correlation of the data, at first; their means are (1, 0.5), their variances 1.
    """
    copies = {
        step: copy.deepcopy(model).double().cpu()
        for step, model in (copies or {}).items()
    }
    places, weights = roots_hermitenorm(POINTS)
    settings = {"quadrature": {"places": places.tolist(), "weights": weights.tolist()}}
    history = {
        step: exact_parts(copies[step], density(rho), POINTS)
        for step in sorted(copies)
        if step
    }
    last = copies[max(copies)] if copies else None
    return LiveFigure(
        "training",
        "Train a VAE in this page",
        [plane_panel(last, rho), [gap_panel(history), kl_panel(history, rho)]],
        [
            Range(
                "rho", "correlation \N{GREEK SMALL LETTER RHO}", -0.95, 0.95, 0.05, rho
            ),
            Range("rate", "learning rate, at first", -4, 0, 0.25, -2, log=True),
            Range("seed", "seed", 1, 20, 1, 1),
            Choice("samples", "codes a row, N", [1, 10, 50], 1),
            Button("run", "Train", first=True),
            Button("step", "Step"),
            Button("again", "Start again"),
        ],
        {
            "step": "step",
            "state": "",
            "gap": "nats above the truth",
            "decoder": "decoder's part",
            "encoder": "encoder's part",
            "kl": "KL",
            "floor": "its floor",
        },
        settings | {"window": WINDOW},
    )


@torch.no_grad()
def plane_panel(model, rho):
    """The rows, the density's contours, the decoder and the key, on the plane of the data."""
    figure, ax = new_figure(4, 4)
    standard = torch.from_numpy(Generator(1001).normals(400)).reshape(200, 2)
    rows = MEAN + standard @ torch.linalg.cholesky(covariance(rho)).T
    ax.plot(*rows.T, ".", color="0.6", markersize=2)
    for radius in (1, 2):
        draw_ellipse(ax, MEAN.numpy(), covariance(rho).numpy(), "black", "-", 1, radius)
    if model is not None:
        noise = torch.from_numpy(Generator(0).normals(600).reshape(200, 3))
        mu, logvar = model.decode(noise[:, :1])
        ax.plot(
            *(mu + (0.5 * logvar).exp() * noise[:, 1:]).T,
            ".",
            color=BLUE,
            markersize=2.5,
        )
        draw_decoder(ax, model, BLUE, "-", 2)
    draw_decoder(ax, probabilistic_pca(MEAN, covariance(rho), 1), ORANGE, "--", 1.6)
    ax.set(xlim=WINDOW["x"], ylim=WINDOW["y"], xlabel="$x_1$", ylabel="$x_2$")
    shown = (
        "Rows of the data and the contours of their density, a tilted ellipse. The answer key's means lie on a dashed "
        "straight line along its long axis, with round ellipses around them"
    )
    if model is None:
        shown += "; no network is shown."
    else:
        shown += (
            ". The trained decoder's line and ellipses lie nearly on the key's; "
            "generated points fill the contours."
        )
    keys = {"rows of the data": "faint dotted", "their density": "text"}
    keys |= {
        "the network: means and \N{PLUS-MINUS SIGN} one sd": "blue",
        "generated": "blue dotted",
        "the answer key": "orange dashed",
    }
    return Panel("plane", figure, shown, 1.25, keys)


def draw_ellipse(ax, centre, cov, color, line, width, radius=1):
    angle = np.linspace(0, 2 * np.pi, 100)
    circle = radius * np.stack([np.cos(angle), np.sin(angle)])
    points = np.asarray(centre)[:, None] + np.linalg.cholesky(cov) @ circle
    ax.plot(*points, line, color=color, linewidth=width)


def draw_decoder(ax, model, color, line, width):
    """Its means for codes from -2.5 to 2.5, and its standard deviations at five of them."""
    z = torch.linspace(-2.5, 2.5, 41, dtype=torch.float64)[:, None]
    ax.plot(*model.decode(z)[0].T, line, color=color, linewidth=width)
    for mu, logvar in zip(*model.decode(z[4:37:8]), strict=True):
        draw_ellipse(
            ax, mu.numpy(), np.diag(logvar.exp().numpy()), color, line, 0.6 * width
        )


def gap_panel(history):
    """How far above the truth, stacked as the decoder's and the encoder's part."""
    figure, ax = new_figure(3.4, 2.6)
    steps = [*history]
    decoder, gap = (
        np.array([parts[name] for parts in history.values()])
        for name in ("decoder", "gap")
    )
    if steps:
        ax.fill_between(
            steps, 1e-4, decoder.clip(1e-4), color=BLUE, alpha=0.75, linewidth=0
        )
        ax.fill_between(
            steps,
            decoder.clip(1e-4),
            gap.clip(1e-4),
            color=PINK,
            alpha=0.75,
            linewidth=0,
        )
        ax.plot(steps, gap, color="black", linewidth=1.2)
    ax.set(
        xscale="log",
        yscale="log",
        xlim=(1, 2000),
        ylim=(1e-4, 10),
        xlabel="step",
        ylabel="nats above the truth",
    )
    shown = "Axes of nats above the truth over the steps of training, both logarithmic. No network is shown."
    if steps:
        shown = (
            f"Nats above the truth over the steps of training, on two logarithmic axes, from {gap[0]:.1f} at step "
            f"{steps[0]} to {gap[-1]:.4f} at step {steps[-1]}, stacked as the decoder's and the encoder's part."
        )
    return Panel(
        "gap", figure, shown, 1, {"decoder's part": "blue", "encoder's part": "pink"}
    )


def kl_panel(history, rho):
    """The KL over the steps, and the common information."""
    figure, ax = new_figure(3.4, 2.6)
    floor = common_information(rho)
    ax.axhline(floor, color=ORANGE, linestyle="--", linewidth=1.6)
    ax.plot(
        [*history],
        [parts["kl"] for parts in history.values()],
        color=GREEN,
        linewidth=2,
    )
    ax.set(
        xscale="log",
        xlim=(1, 2000),
        ylim=(0, max(1, 1.3 * floor)),
        xlabel="step",
        ylabel="KL, nats",
    )
    shown = f"The floor of the KL at all steps of training: the common information, {floor:.3f} nats."
    if history:
        shown = f"The KL over the steps of training, and its floor, the common information, {floor:.3f} nats."
    else:
        shown += " No network is shown."
    return Panel(
        "kl",
        figure,
        shown,
        1,
        {"KL": "green", "its floor, the common information": "orange dashed"},
    )
