"""The exact posterior of an image on the plane of codes: the twin of what plane_maths.js computes."""

import math

import torch
import torch.nn.functional as F

from vaebook.objectives import log_joint


@torch.no_grad()
def exact_posterior(model, x, grid, share=0.01):
    """The exact posterior of one image x `(1, D)` on cells that cover the plane.

    grid: {count, reach}.  share: what a cell may hold of the whole, by a careful guess,
    before it is divided into four. Returns the cells' middles `(K, 2)`, sides `(K,)`,
    log p(x, z) there, and log p(x).
    """
    count, reach = grid["count"], grid["reach"]
    axis = (torch.arange(count) + 0.5) * 2 * reach / count - reach
    z = torch.cartesian_prod(axis, axis)
    side = torch.full((len(z),), 2 * reach / count)

    def log_at(z):
        parts = (log_joint(model, part[:, None], x)[:, 0] for part in z.split(5000))
        return torch.cat([*parts]).double()

    log = log_at(z)
    square = F.pad(log.reshape(1, 1, count, count), (1,) * 4, mode="replicate")
    high, low = F.max_pool2d(square, 3, 1), -F.max_pool2d(-square, 3, 1)
    slack = 0.5 * (high - low).flatten()  # how much more it may be elsewhere in a cell
    quarters = torch.tensor([[-1, -1], [-1, 1], [1, -1], [1, 1]]) / 4
    while True:
        mass = log + 2 * side.double().log()
        total = mass.logsumexp(0)
        divide = mass + slack >= total + math.log(share)
        if not divide.any():
            return z, side, log, total.item()
        parts = (z[divide, None] + quarters * side[divide, None, None]).reshape(-1, 2)
        fours = log_at(parts).reshape(-1, 4)
        spread = (fours.amax(1) - fours.amin(1)).repeat_interleave(4)
        z = torch.cat([z[~divide], parts])
        side = torch.cat([side[~divide], side[divide].repeat_interleave(4) / 2])
        log = torch.cat([log[~divide], fours.flatten()])
        slack = torch.cat([slack[~divide], spread])


def close_window(cells, mu, sigma, reach):
    """The square around mu that shows 95 % of the posterior: (low, high) on both axes.

    cells: what `exact_posterior` returns. Half its side is four standard deviations,
    doubled until it is enough. plane_maths.js has the same.
    """
    z, side, log, total = cells
    share = (log + 2 * side.double().log() - total).exp()
    half = 4 * sigma.max().item()
    while half < reach and share[((z - mu).abs() <= half).all(1)].sum() < 0.95:
        half *= 2
    return [[middle - half, middle + half] for middle in mu.tolist()]
