"""The book's figures: tensors in, matplotlib figure out. Nothing here trains, loads or samples."""

from vaebook.figures.curves import (
    dots,
    histograms,
    line_panels,
    series_with_spread,
    training_curves,
)
from vaebook.figures.densities import point_clouds
from vaebook.figures.diagrams import sampling_graphs
from vaebook.figures.images import image_panels, image_rows
from vaebook.figures.planes import meshes, plane_of_codes, posteriors, score_heatmap

__all__ = [
    "dots",
    "histograms",
    "image_panels",
    "image_rows",
    "line_panels",
    "meshes",
    "plane_of_codes",
    "point_clouds",
    "posteriors",
    "sampling_graphs",
    "score_heatmap",
    "series_with_spread",
    "training_curves",
]
