"""The same model, for the digits that scikit-learn ships: 8 x 8 pixels, in black and white."""

from functools import partial

import torch
from sklearn.datasets import load_digits

from vaebook.slips import right
from vaebook.slips.right import evaluate, log_likelihood, loss, train

__all__ = ["VAE", "data", "evaluate", "log_likelihood", "loss", "train"]

VAE = partial(right.VAE, pixels=64, codes=8)


def data():
    grey = torch.tensor(load_digits().data).float() / 16
    x = (grey > 0.5).float()
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    x_train, x_test = x[order[:1400]], x[order[1400:]]
    return x_train, x_test
