"""Pictures of the plane of codes, and of tables of scores."""

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.patches import Ellipse

from vaebook.figures.style import DIGITS, LINES, as_array, new_figure


def plane_of_codes(codes, labels, regions, extent):
    """Codes `(B, 2)` coloured by label, beside the label each point of the plane decodes to `(H, W)`.

    extent: (left, right, bottom, top) of `regions`, whose first row is the bottom.
    """
    codes, labels, regions = as_array(codes), as_array(labels), as_array(regions)
    figure, (left, right) = new_figure(7.8, 3.9, 1, 2, sharex=True, sharey=True)
    by_digit = {"cmap": ListedColormap(DIGITS), "vmin": -0.5, "vmax": 9.5}
    left.scatter(*codes.T, c=labels, s=2, linewidths=0, rasterized=True, **by_digit)
    nearest = {"origin": "lower", "interpolation": "nearest"}
    right.imshow(regions, extent=extent, **nearest, **by_digit)
    rows, columns = regions.shape
    for digit in range(10):
        if (labels == digit).any():
            mark_digit(left, *np.median(codes[labels == digit], axis=0), digit)
        inside = np.argwhere(regions == digit)
        if len(inside):
            centre = inside[np.abs(inside - np.median(inside, axis=0)).sum(1).argmin()]
            x = extent[0] + (centre[1] + 0.5) / columns * (extent[1] - extent[0])
            y = extent[2] + (centre[0] + 0.5) / rows * (extent[3] - extent[2])
            mark_digit(right, x, y, digit)
    left.set(title="where the test images are encoded", xlabel="$z_1$", ylabel="$z_2$")
    left.set(xlim=extent[:2], ylim=extent[2:], aspect="equal")
    right.set(title="which digit each code decodes to", xlabel="$z_1$", aspect="equal")
    return figure


def mark_digit(axes, x, y, digit):
    """Write a digit on a white disc, so that colour is not the only way to read the plane."""
    disc = {"boxstyle": "circle,pad=0.2", "facecolor": "white"}
    disc["edgecolor"] = DIGITS[digit]
    axes.text(x, y, str(digit), ha="center", va="center", fontsize=8, bbox=disc)


def meshes(panels, grid_shape, color_name, columns=2):
    """Codes of shapes on a grid of places, with lines that join the codes of neighbours.

    panels: a dict from title to (codes `(R * C, 2)`, values `(R * C,)` that colour them),
    both listed row by row.  grid_shape: (R, C).  columns: panels in a row.
    """
    rows = -(-len(panels) // columns)
    height = 7.6 / columns * rows + 0.3
    figure, axes = new_figure(8.2, height, rows, columns, sharex=True, sharey=True)
    for ax, (title, (codes, values)) in zip(axes.flat, panels.items(), strict=True):
        codes, values = as_array(codes), as_array(values)
        mesh = codes.reshape(*grid_shape, 2)
        for lines in (mesh, mesh.transpose(1, 0, 2)):
            for line in lines:
                ax.plot(*line.T, color="0.75", linewidth=0.6, zorder=1)
        dots = {"cmap": "viridis", "s": 10, "linewidths": 0, "zorder": 2}
        points = ax.scatter(*codes.T, c=values, **dots)
        ax.set(title=title, aspect="equal")
    for ax in np.atleast_2d(axes)[-1]:
        ax.set_xlabel("$z_1$")
    for ax in np.atleast_2d(axes)[:, 0]:
        ax.set_ylabel("$z_2$")
    figure.colorbar(points, ax=axes, label=color_name, shrink=0.6)
    return figure


def posteriors(densities, extents, mu, sigma, titles):
    """Densities over the plane `(T, H, W)`, each with the Gaussian's ellipses drawn on it.

    extents: `(T, 4)`, left, right, bottom and top of each; its first row is the bottom.
    mu, sigma: of the Gaussians, drawn at one and two standard deviations: `(T, 2)`, one
    to a panel, or `(T, M, 2)`, M to a panel, drawn at one standard deviation.
    """
    mu, sigma = as_array(mu), as_array(sigma)
    radii = [(1, "-")]
    if mu.ndim == 2:
        mu, sigma, radii = mu[:, None], sigma[:, None], [(1, "-"), (2, "--")]
    figure, axes = new_figure(2.5 * len(titles), 2.75, 1, len(titles), squeeze=False)
    panels = zip(as_array(densities), extents, mu, sigma, titles, strict=True)
    style = {
        "fill": False,
        "color": LINES[1],
        "linewidth": 0.9 if mu.shape[1] > 1 else 1.4,
    }
    for ax, (density, extent, means, scales, title) in zip(
        axes[0], panels, strict=True
    ):
        ax.imshow(density, extent=extent, origin="lower", cmap="Greys", aspect="equal")
        for mean, scale in zip(means, scales, strict=True):
            for radius, line in radii:
                width, height = 2 * radius * scale
                ax.add_patch(Ellipse(mean, width, height, linestyle=line, **style))
        ax.set(title=title, xlabel="$z_1$")
        ax.locator_params(nbins=4)
    axes[0, 0].set_ylabel("$z_2$")
    return figure


def score_heatmap(means, spreads, row_names, column_names):
    """Numbers in [0, 1] `(rows, columns)` as coloured cells, with each mean and its spread written in."""
    means, spreads = as_array(means), as_array(spreads)
    figure, ax = new_figure(1.2 * len(column_names) + 1.2, 0.42 * len(row_names) + 0.7)
    ax.imshow(means, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    for (row, column), mean in np.ndenumerate(means):
        text = f"{mean:.2f} ± {spreads[row, column]:.2f}"
        color = "white" if mean < 0.5 else "black"
        ax.text(column, row, text, ha="center", va="center", color=color)
    ax.set_xticks(range(len(column_names)), column_names)
    ax.set_yticks(range(len(row_names)), row_names)
    ax.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    for spine in ax.spines.values():
        spine.set_visible(False)
    return figure
