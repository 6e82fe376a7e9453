"""Figures that answer: stills in a notebook's output that a script brings to life."""

from vaebook.live.board import board
from vaebook.live.brush import brush
from vaebook.live.code_cost import code_cost
from vaebook.live.dimensions import dimensions
from vaebook.live.mixture import mixture
from vaebook.live.posteriors import posteriors
from vaebook.live.sheet import sheet
from vaebook.live.squares import squares
from vaebook.live.training import training
from vaebook.live.valley import valley

__all__ = [
    "board",
    "brush",
    "code_cost",
    "dimensions",
    "mixture",
    "posteriors",
    "sheet",
    "squares",
    "training",
    "valley",
]
