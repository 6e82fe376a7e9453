"""Chapter 1's live figure of what a code costs: the KL of one number of a code, and its gradient."""

import math

import numpy as np
import torch

from vaebook.distributions import kl_standard_normal
from vaebook.figures.style import new_figure
from vaebook.live.figure import Button, LiveFigure, Panel, Range
from vaebook.live.training import BLUE, GREEN, ORANGE

MU, SIGMA = 1.0, 0.25  # where it starts
MUS = [-3.0, 3.0]
STEP = round(math.log10(2) / 20, 11)  # twenty steps of the slider double sigma
EXPONENTS = [-100 * STEP, 30 * STEP]  # of ten: sigma from 1/32 to 2.83
LEVELS = [0.1, 0.5, 1.0, 2.0, 3.0, 5.0]  # contours of the KL, nats


def code_cost():
    """Sliders for the mean and the standard deviation of one number of a code, and what it costs."""
    sigmas = [10**exponent for exponent in EXPONENTS]
    numbers = {
        "logvar": "log-variance \N{GREEK SMALL LETTER LAMDA}",
        "kl": "KL, nats",
        "bits": "KL, bits",
        "bymu": "\N{PARTIAL DIFFERENTIAL}KL/\N{PARTIAL DIFFERENTIAL}\N{GREEK SMALL LETTER MU}",
        "bylogvar": "\N{PARTIAL DIFFERENTIAL}KL/\N{PARTIAL DIFFERENTIAL}\N{GREEK SMALL LETTER LAMDA}",
    }
    controls = [
        Range("mu", "mean \N{GREEK SMALL LETTER MU}", *MUS, 0.05, MU),
        Range(
            "sigma",
            "standard deviation \N{GREEK SMALL LETTER SIGMA}",
            *EXPONENTS,
            STEP,
            -40 * STEP,
            log=True,
        ),
        Button("halve", "Halve \N{GREEK SMALL LETTER SIGMA}", first=True),
        Button("prior", "To the prior"),
    ]
    settings = {"mus": MUS, "sigmas": sigmas, "levels": LEVELS}
    title = "Move one number of a code"
    note = (
        "For a derivative of 1 an arrow is as long as 1 on the axis of \N{GREEK SMALL LETTER MU}. "
        "The axis of the density ends above its peak, at 0.5, 1, 2, 4, 8 or 16."
    )
    panels = [density_panel(), plane_panel()]
    return LiveFigure(
        "code_cost", title, panels, controls, numbers, settings, note=note
    )


def density_panel():
    """q over the prior."""
    figure, ax = new_figure(4, 3.4)
    z = np.linspace(-5, 5, 400)

    def density(mu, sigma):
        return np.exp(-0.5 * ((z - mu) / sigma) ** 2) / (sigma * math.sqrt(2 * math.pi))

    ax.plot(z, density(0, 1), "--", color="black")
    ax.fill_between(z, density(MU, SIGMA), color=BLUE, alpha=0.25, linewidth=0)
    ax.plot(z, density(MU, SIGMA), color=BLUE, linewidth=2)
    ax.set(xlim=(-5, 5), ylim=(0, 2), xlabel="$z$", ylabel="density")
    shown = (
        f"Two bells: the prior, wide and centred on 0, and q with mean {MU:g} and standard deviation {SIGMA:g}, "
        "narrow and four times as high."
    )
    keys = {"q(z|x)": "blue", "the prior p(z)": "text dashed"}
    return Panel("density", figure, shown, 1, keys)


def plane_panel():
    """Contours of the KL, and minus its two derivatives at one point."""
    figure, ax = new_figure(4, 3.4)
    low, high = (2 * math.log(10) * exponent for exponent in EXPONENTS)
    mu, logvar = torch.meshgrid(
        torch.linspace(*MUS, 121), torch.linspace(low, high, 121), indexing="xy"
    )
    kl = kl_standard_normal(mu[..., None], logvar[..., None])
    lines = ax.contour(mu, logvar, kl, LEVELS, colors="0.55", linewidths=1)
    ax.clabel(lines, fmt="%g", fontsize=8, colors="black")
    at = torch.tensor([MU, 2 * math.log(SIGMA)], requires_grad=True)
    by_mu, by_logvar = torch.autograd.grad(kl_standard_normal(at[:1], at[1:]), at)[
        0
    ].tolist()
    x, y = at.tolist()
    ax.plot(0, 0, "s", color="black", markersize=4)
    ax.set(
        xlim=MUS,
        ylim=(low, high),
        xlabel=r"mean $\mu$",
        ylabel=r"log-variance $\lambda$",
    )
    figure.draw_without_rendering()  # only then the axes have their size
    corners = ax.transData.transform([(0, 0), (1, 1)])
    across, up = corners[1] - corners[0]  # pixels of a one on each axis
    tips = {ORANGE: (x - by_mu, y), GREEN: (x, y - by_logvar * across / up)}
    for color, tip in tips.items():
        style = {"arrowstyle": "-|>", "color": color, "linewidth": 2.5}
        style |= {"shrinkA": 0, "shrinkB": 0}
        ax.annotate("", tip, (x, y), arrowprops=style)
    ax.plot(x, y, "o", color=BLUE, markerfacecolor="white", markersize=7, zorder=4)
    shown = (
        "Contours of the KL over mean and log-variance. They close around the prior at 0 and 0, nearer together above "
        "it than below. From one code two arrows point towards the prior, along the mean and along the log-variance."
    )
    keys = {
        "\N{MINUS SIGN}\N{PARTIAL DIFFERENTIAL}KL/\N{PARTIAL DIFFERENTIAL}\N{GREEK SMALL LETTER MU}": "orange",
        "\N{MINUS SIGN}\N{PARTIAL DIFFERENTIAL}KL/\N{PARTIAL DIFFERENTIAL}\N{GREEK SMALL LETTER LAMDA}": "green",
        "the code": "blue",
        "contours of the KL, nats": "faint",
    }
    return Panel("plane", figure, shown, 1, keys)
