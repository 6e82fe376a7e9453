"""A drawing becomes the 28 x 28 pixels of a digit, centred as MNIST's were or as it lies.

board_maths.js has the same. The ink is 0 or 1 on a board of 112 x 112, four by four to a pixel.
"""

import numpy as np

SIDE, FINE = 28, 4
INK = SIDE * FINE
BOX = 20  # pixels along a digit's longer side
SMALLEST = 7  # pixels on the board; what is smaller has just been begun: it is enlarged as much, and no more
MIDDLE = (
    SIDE / 2 + 0.5
)  # of the pixel (14, 14), counted from 0: there MNIST's centres are


def overlaps(scale, start):
    """How much of each pixel each of the ink's lines covers, `(28, 112)`.

    scale: the width of a line, in pixels.  start: where the first one begins.
    """
    edges = start + scale * np.arange(INK + 1)
    pixels = np.arange(SIDE)[:, None]
    inside = np.minimum(pixels + 1, edges[1:]) - np.maximum(pixels, edges[:-1])
    return np.maximum(inside, 0)


def coverage(ink, scale, top, left):
    """The part of each pixel that is inked `(28, 28)`, where the ink is scaled and moved."""
    return overlaps(scale, top) @ ink @ overlaps(scale, left).T


def centred_coverage(ink):
    """The same of ink that fills a box of 20 pixels, its centre of mass in the middle.

    The longer side fills the box, so the shape is kept: LeCun et al. (1998), "Gradient-based
    learning applied to document recognition", section III.A.
    """
    if not ink.any():
        return np.zeros((SIDE, SIDE))
    places = [np.flatnonzero(ink.any(axis)) for axis in (1, 0)]  # rows, columns
    longer = max(place[-1] + 1 - place[0] for place in places)
    scale = BOX / max(longer, SMALLEST * FINE)
    lines = np.arange(INK) + 0.5
    mass = ink.sum()
    middles = [(ink.sum(axis) * lines).sum() / mass for axis in (1, 0)]
    return coverage(ink, scale, *(MIDDLE - scale * middle for middle in middles))


def seen(ink, is_centred):
    """The picture that the model gets `(28, 28)`: 1 where more than half a pixel is inked."""
    if is_centred:
        covered = centred_coverage(ink)
    else:
        covered = coverage(ink, 1 / FINE, 0, 0)
    return (covered > 0.5).astype(np.float32)
