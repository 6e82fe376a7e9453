"""The package behind the book *Variational Auto-Encoders, executed*."""

import contextlib
import ctypes

import torch

__version__ = "0.1.0"


def flush_denormals():
    """Count numbers nearer to 0 than 1e-38 as 0, in this thread and PyTorch's workers.

    Squares of small gradients are that small, and most processors compute with them many
    times slower. A thread inherits the setting from the one that starts it. Workers that
    run already would go on without it, so they are ended; the next product starts others.
    """
    torch.set_flush_denormal(True)
    with contextlib.suppress(AttributeError, OSError, TypeError):  # no OpenMP 5 at hand
        ctypes.CDLL(None).omp_pause_resource_all(2)


flush_denormals()
