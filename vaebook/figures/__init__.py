"""The book's figures: tensors in, matplotlib figure out. Nothing here trains, loads or samples."""

from vaebook.figures.curves import histograms, series_with_spread, training_curves
from vaebook.figures.images import image_panels, image_rows
from vaebook.figures.planes import plane_of_codes, score_heatmap

__all__ = [
    "histograms",
    "image_panels",
    "image_rows",
    "plane_of_codes",
    "score_heatmap",
    "series_with_spread",
    "training_curves",
]
