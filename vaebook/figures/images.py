"""Images, in rows and side by side."""

from vaebook.figures.style import as_array, new_figure


def show_image(axes, image):
    """Draw `(H, W)` in [0, 1] in grey without ticks or frame."""
    axes.imshow(as_array(image), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)


def image_rows(rows, image_shape=(28, 28), titles=None, image_inches=0.75):
    """One row of images for each entry of `rows`: a dict from the row's name to `(B, D)`.

    titles: a text above each column, or None.
    """
    columns = max(len(images) for images in rows.values())
    width = columns * image_inches + 1.5
    figure, axes = new_figure(
        width, len(rows) * image_inches + 0.25, len(rows), columns, squeeze=False
    )
    for row_axes, (name, images) in zip(axes, rows.items(), strict=True):
        for ax in row_axes:
            ax.axis("off")
        for ax, image in zip(row_axes, images, strict=False):
            ax.axis("on")
            show_image(ax, image.reshape(image_shape))
        row_axes[0].set_ylabel(name, rotation=0, ha="right", va="center")
    if titles is not None:
        for ax, title in zip(axes[0], titles, strict=False):
            ax.set_title(title, fontsize=8.5)
    return figure


def image_panels(panels, inches=3.4):
    """Pictures `(H, W)` side by side: a dict from title to picture."""
    figure, axes = new_figure(
        inches * len(panels), inches + 0.25, 1, len(panels), squeeze=False
    )
    for ax, (title, picture) in zip(axes[0], panels.items(), strict=True):
        show_image(ax, picture)
        ax.set_title(title)
    return figure
