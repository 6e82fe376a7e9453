"""The chapters' data: tensors already in memory, checked before anyone trains on them."""

from vaebook.data.digits import (
    Digits,
    MNISTDamaged,
    MNISTUnavailable,
    data_folder,
    handwritten_digits,
    mnist,
)

__all__ = [
    "Digits",
    "MNISTDamaged",
    "MNISTUnavailable",
    "data_folder",
    "handwritten_digits",
    "mnist",
]
