"""Small data and models shared by the tests."""

import pytest
import torch

from vaebook.models import BernoulliVAE


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def small_model():
    """A model of 12 pixels and a code of 3, in double precision."""
    torch.manual_seed(0)
    return BernoulliVAE(12, [8], 3).double()


@pytest.fixture
def small_x(generator):
    """30 binary rows of 12 pixels, in double precision."""
    return (torch.rand(30, 12, generator=generator) > 0.5).double()
