"""Chapter 4's live figure of the valley: exact networks of one loss, whose KL differs."""

import math

import numpy as np
import torch

from vaebook.figures.style import new_figure
from vaebook.live.figure import Button, LiveFigure, Panel, Range
from vaebook.live.training import (
    BLUE,
    GREEN,
    MEAN,
    ORANGE,
    PINK,
    WINDOW,
    common_information,
    covariance,
    draw_ellipse,
)

RHO, START = 0.5, 0.9
RANGE = [0.52, 0.98]


def key_terms(w1, rho=RHO):
    """Mean loss, reconstruction and KL of the exact linear network along (w1, rho / w1).

    By (4.4), (4.12) and the entropy: the formulas that the page's averages must give.
    """
    s2 = 1 - np.array([w1, rho / w1]) ** 2
    kl = 0.5 * math.log((1 - rho**2) / s2.prod())
    entropy = math.log(2 * math.pi * math.e) + 0.5 * math.log(1 - rho**2)
    return {"loss": entropy, "reconstruction": entropy - kl, "kl": kl}


def valley():
    """A slider over all exact linear networks of chapter 4's data, by the w1 of their means.

    The -ELBO stands still, the KL has one lowest point, Wyner's common information.
    """
    settings = {"rho": RHO, "window": WINDOW, "range": RANGE}
    numbers = {
        "w2": "w\N{SUBSCRIPT TWO}",
        "loss": "\N{MINUS SIGN}ELBO",
        "reconstruction": "reconstruction",
        "kl": "KL",
        "excess": "KL above its floor",
    }
    controls = [
        Range("w1", "w\N{SUBSCRIPT ONE}", *RANGE, 0.001, START),
        Button("lowest", "To the lowest KL"),
    ]
    title = "Move through all exact networks"
    panels = [plane_panel(), curves_panel()]
    return LiveFigure("valley", title, panels, controls, numbers, settings)


def plane_panel():
    """The density of the data, and one network's line of means with its ellipses."""
    figure, ax = new_figure(4, 4)
    mean, w = MEAN.numpy(), np.array([START, RHO / START])
    for radius in (1, 2):
        draw_ellipse(ax, mean, covariance(RHO).numpy(), "black", "-", 1, radius)
    ax.plot(*(mean[:, None] + w[:, None] * [-2.5, 2.5]), color=BLUE, linewidth=2)
    for z in (-2, -1, 0, 1, 2):
        draw_ellipse(ax, mean + w * z, np.diag(1 - w**2), BLUE, "-", 1.2)
    for radius in (1, 2):  # (4.4)
        made = np.diag(1 - w**2) + np.outer(w, w)
        draw_ellipse(ax, mean, made, ORANGE, "--", 1.6, radius)
    ax.set(xlim=WINDOW["x"], ylim=WINDOW["y"], xlabel="$x_1$", ylabel="$x_2$")
    shown = (
        f"The density of the data, a tilted ellipse, and the means of an exact network with w1 = {START}, on a line "
        "flatter than the ellipse. Around five of the means lie ellipses that are narrow across and tall. What they "
        "make together, in dashes, lies on the density of the data."
    )
    keys = {
        "density of the data": "text",
        "the network: means and \N{PLUS-MINUS SIGN} one sd": "blue",
        "what it makes, over all codes": "orange dashed",
    }
    return Panel("plane", figure, shown, 1, keys)


def curves_panel():
    """The three terms over w1, and the floor of the KL."""
    figure, ax = new_figure(4, 4)
    along = torch.linspace(*RANGE, 93).tolist()
    floor, best = common_information(RHO), math.sqrt(RHO)
    ax.plot([0.5, 1], [floor, floor], "--", color=ORANGE, linewidth=1.4)
    ax.plot([best, best], [0, floor], ":", color=ORANGE, linewidth=1.4)
    shades = {"loss": "black", "reconstruction": PINK, "kl": GREEN}
    for name, color in shades.items():
        ax.plot(
            along, [key_terms(w1)[name] for w1 in along], color=color, linewidth=1.8
        )
        ax.plot(
            START, key_terms(START)[name], "o", color=color, markerfacecolor="white"
        )
    ax.set(xlim=(0.5, 1), ylim=(0, 3), xlabel="$w_1$", ylabel="nats")
    shown = (
        "Three curves over w1 from 0.5 to 1. The negative ELBO is a flat line at 2.69 nats. The KL is a valley: its "
        "lowest point is 0.549 nats at w1 = 0.71, and it rises steeply at both ends. The reconstruction mirrors it."
    )
    keys = {
        "\N{MINUS SIGN}ELBO": "text",
        "reconstruction": "pink",
        "KL": "green",
        f"common information, {floor:.3f} nats": "orange dashed",
    }
    return Panel("curves", figure, shown, 1, keys)
