"""The stills of the mixture, and in PyTorch what they show; the page computes it in mixture_maths.js."""

import math

import torch
from matplotlib.patches import Ellipse
from matplotlib.ticker import NullLocator
from torch.distributions import Normal

from vaebook.figures.style import new_figure
from vaebook.live.random import Generator
from vaebook.live.tiles import picture_axes
from vaebook.live.training import BLUE, ORANGE
from vaebook.objectives import log_joint

PINK = "#a8457c"


def corruptions(model, x, p, count, seed, pairs):
    """Copies of x `(D,)` with flips, their Gaussians and codes, by the page's own noise.

    count: M.  Returns x' `(M, D)`, mu and sigma `(M, 2)`, z `(M, 2 * pairs, 2)`.
    """
    uniforms = Generator(2 * seed).uniforms(count * len(x)).reshape(count, -1)
    noise = Generator(2 * seed + 1).normals(2 * pairs * count).reshape(count, pairs, 2)
    noise = torch.tensor(noise, dtype=x.dtype)
    noise = torch.stack([noise, -noise], 2).flatten(1, 2)
    copies = torch.where(torch.tensor(uniforms) < p, 1 - x, x)
    mu, logvar = model.encode(copies)
    sigma = (0.5 * logvar).exp()
    return copies, mu, sigma, mu[:, None] + sigma[:, None] * noise


def estimates(model, x, mu, sigma, z):
    """The two estimates of the mixture's loss for each size of group: {size: (kept, left out)}."""
    log_p = log_joint(model, z, x.expand(*z.shape[:2], -1))
    found = {}
    for size in (2**power for power in range(len(mu).bit_length())):
        means, scales, codes, joints = (
            t.unflatten(0, (-1, size)) for t in (mu, sigma, z, log_p)
        )
        gaussians = Normal(means[:, :, None, None], scales[:, :, None, None])
        log_q = gaussians.log_prob(codes[:, None]).sum(-1)  # Gaussian, then code
        own = torch.eye(size, dtype=torch.bool)[..., None]
        others = log_q.masked_fill(own, -torch.inf).logsumexp(1)
        kept = log_q.logsumexp(1) - math.log(size)
        left_out = others - math.log(max(size - 1, 1))
        found[size] = [(each - joints).mean().item() for each in (kept, left_out)]
    return found


def posterior_on_grid(model, x, found, grid):
    """log p(x, z) on the page's grid around the posterior, `(rows, columns)` from above, and log p(x)."""
    count, reach = grid["count"], grid["reach"]
    mean, sd = (torch.tensor(found[name]) for name in ("mean", "sd"))
    axis = (2 * (torch.arange(count) + 0.5) / count - 1) * reach
    z1, z2 = mean[0] + sd[0] * axis, mean[1] + sd[1] * axis.flip(0)
    rows, columns = torch.meshgrid(z2, z1, indexing="ij")
    z = torch.stack([columns, rows], -1).reshape(-1, 1, 2)
    values = log_joint(model, z, x[None]).reshape(count, count)
    cell = (2 * reach / count) ** 2 * sd.prod()
    return values, (values.flatten().logsumexp(0) + cell.log()).item()


def window_of(found, mu, sigma):
    """What is shown of the plane, as (low, high) of both axes; mixture_maths.js has the same."""
    mean = torch.tensor(found["mean"])
    half = 3 * max(found["sd"])
    while half < ((mu - mean).abs() + 1.5 * sigma).max():
        half *= 1.25
    return [(middle - half, middle + half) for middle in found["mean"]]


def plane_still(values, found, reach, window, mu, sigma, contours):
    """The posterior shaded, an ellipse for each Gaussian, and contours of their mixture."""
    figure, ax = new_figure(4, 3.76)
    sides = zip(found["mean"], found["sd"], strict=True)
    extent = [end for m, s in sides for end in (m - reach * s, m + reach * s)]
    shade = (values - values.max()).exp()
    look = {"cmap": "Greys", "vmin": 0, "vmax": 1.3, "interpolation": "bilinear"}
    ax.imshow(shade, extent=extent, origin="upper", aspect="auto", **look)
    for i, (centre, size) in enumerate(zip(mu, 2 * sigma, strict=True)):
        style = {"color": PINK, "linewidth": 0.8, "alpha": 0.6}
        if i == 0:
            style = {"color": ORANGE, "linewidth": 2, "zorder": 3}
        ax.add_patch(Ellipse(centre, *size.tolist(), fill=False, **style))
    z1, z2 = (torch.linspace(*side, contours["count"]) for side in window)
    across, up = (
        Normal(mu[:, j], sigma[:, j]).log_prob(z[:, None]).exp()
        for j, z in enumerate((z1, z2))
    )
    density = up @ across.T
    levels = sorted((density.max() * level).item() for level in contours["levels"])
    ax.contour(z1, z2, density, levels, colors=BLUE, linewidths=1.8, zorder=4)
    ax.set(xlim=window[0], ylim=window[1], xlabel="$z_1$", ylabel="$z_2$")
    ax.set_aspect("equal")
    return figure


def end_of_axis(value):
    """Where an axis from 0 ends that is to hold a value: mixture_maths.js has the same."""
    power = 10 ** math.floor(math.log10(max(value, 0.1)))
    ends = [factor * power for factor in (1, 1.5, 2, 3, 4, 6, 8, 10, 15)]
    return next(end for end in ends if end > 1.05 * value)


def bounds_still(losses, nll, most, fewest):
    """Both estimates over the number of Gaussians, the trained loss and -log p(x), as nats above that."""
    figure, ax = new_figure(4, 3.76)
    sizes = [*losses]
    kept = [losses[size][0] - nll for size in sizes]
    large = [size for size in sizes if size >= fewest]
    left_out = [losses[size][1] - nll for size in large]
    ax.fill_between(
        large, kept[-len(large) :], left_out, color=BLUE, alpha=0.2, linewidth=0
    )
    ax.plot([1, most], [0, 0], "--", color="black")
    ax.plot([1, most], [kept[0]] * 2, color=ORANGE, linewidth=2)
    ax.plot(sizes, kept, color=BLUE, linewidth=2.2)
    ax.plot(large, left_out, "--", color=BLUE, linewidth=2.2)
    for end, last in ((sizes[-1], kept[-1]), (large[-1], left_out[-1])):
        ax.plot(end, last, "o", mfc="white", mec=BLUE, mew=2)
    top = end_of_axis(max(kept))
    ax.set(xscale="log", xlim=(0.9, 142), ylim=(-0.15 * top, top))
    ticks = [2**power for power in range(most.bit_length())]
    ax.set_xticks(ticks, ticks)
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set(xlabel="Gaussians in the estimate, $M$", ylabel=r"nats above $-\log\,p(x)$")
    return figure


def copy_still(pixels):
    """The first corrupted copy `(H, W)`."""
    return picture_axes(pixels)[0]
