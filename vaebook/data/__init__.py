"""The chapters' data: tensors already in memory, checked before anyone trains on them."""

from vaebook.data.digits import (
    Digits,
    MNISTDamaged,
    MNISTUnavailable,
    data_folder,
    handwritten_digits,
    mnist,
)
from vaebook.data.synthetic import (
    CorrelatedGaussian,
    Rectangles,
    all_rectangles,
    correlated_gaussian,
    rectangles,
)

__all__ = [
    "CorrelatedGaussian",
    "Digits",
    "MNISTDamaged",
    "MNISTUnavailable",
    "Rectangles",
    "all_rectangles",
    "correlated_gaussian",
    "data_folder",
    "handwritten_digits",
    "mnist",
    "rectangles",
]
