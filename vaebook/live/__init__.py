"""Figures that answer: stills in a notebook's output that a script brings to life."""

from vaebook.live.training import training

__all__ = ["training"]
