"""The package behind the book *Variational Auto-Encoders, executed*."""

__version__ = "0.1.0"
