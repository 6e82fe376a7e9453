"""The chapters' data: tensors already in memory, checked before anyone trains on them."""

from vaebook.data.digits import (
    Digits,
    MNISTDamaged,
    MNISTUnavailable,
    data_folder,
    handwritten_digits,
    mnist,
)
from vaebook.data.synthetic import Rectangles, all_rectangles, rectangles

__all__ = [
    "Digits",
    "MNISTDamaged",
    "MNISTUnavailable",
    "Rectangles",
    "all_rectangles",
    "data_folder",
    "handwritten_digits",
    "mnist",
    "rectangles",
]
