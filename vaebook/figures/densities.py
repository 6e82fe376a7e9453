"""Points in the plane, beside the normal density that they should follow."""

import numpy as np

from vaebook.figures.style import LINES, as_array, new_figure

REACH = 3.6  # standard deviations that a panel shows on each side of the mean


def point_clouds(panels, mean, cov, columns=3, histogram=False, inches=2.6):
    """Points `(n, 2)` in panels of one scale, with contours of N(mean, cov) at 1, 2 and 3 sd.

    panels: a dict from title to the points.  histogram: count points in cells instead of
    drawing each.  columns: panels in a row.  inches: size of a panel.
    """
    mean, cov = as_array(mean), as_array(cov)
    half = REACH * np.sqrt(np.diag(cov))
    rows = -(-len(panels) // columns)
    size, shared = (
        (inches * columns, inches * rows + 0.25),
        {"sharex": True, "sharey": True},
    )
    figure, axes = new_figure(*size, rows, columns, squeeze=False, **shared)
    for ax, (title, points) in zip(axes.flat, panels.items(), strict=False):
        x1, x2 = as_array(points).T
        if histogram:
            window = np.stack([mean - half, mean + half], 1)
            ax.hist2d(x1, x2, bins=60, range=window, cmap="Greys", rasterized=True)
        else:
            ax.plot(x1, x2, ".", color="0.35", markersize=1.5, rasterized=True)
        draw_contours(ax, mean, cov)
        ax.set(title=title, aspect="equal")
        ax.set_xlim(mean[0] - half[0], mean[0] + half[0])
        ax.set_ylim(mean[1] - half[1], mean[1] + half[1])
    for ax in axes.flat[len(panels) :]:
        ax.set_visible(False)
    for ax in axes[-1]:
        ax.set_xlabel("$x_1$")
    for ax in axes[:, 0]:
        ax.set_ylabel("$x_2$")
    return figure


def draw_contours(axes, mean, cov):
    """The ellipses at 1, 2 and 3 standard deviations of N(mean, cov)."""
    angle = np.linspace(0, 2 * np.pi, 200)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    ellipse = np.linalg.cholesky(cov) @ circle
    for radius in (1, 2, 3):
        axes.plot(*(mean[:, None] + radius * ellipse), color=LINES[1], linewidth=1)
