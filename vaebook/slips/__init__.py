"""Slips that still train: each is a replacement in the source of the one right model."""

from vaebook.slips.build import Slip, built, source_of
from vaebook.slips.entries import GROUPS, SLIPS

__all__ = ["GROUPS", "SLIPS", "Slip", "built", "source_of"]
