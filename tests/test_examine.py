"""`vaebook.examine`: right models are passed, slips are named, what cannot be examined is refused in a sentence."""

import copy
import importlib
import math

import pytest
import torch
from torch import nn

from tests.readers import READERS, distributions_loss
from vaebook.data import all_rectangles
from vaebook.examine import Refused, examine, gradient, noise, value
from vaebook.slips import SLIPS, built

SQUARES = all_rectangles(image_shape=(12, 12), height=5, width=5).images
X = SQUARES[torch.randperm(64, generator=torch.Generator().manual_seed(0))][:32]
SEEN = [slip for slip in SLIPS if slip.alarm != "none"]


@pytest.fixture
def quick(monkeypatch):
    """Fewer calls than a reader's examination makes: enough for all but Laplace noise."""
    monkeypatch.setattr(noise, "CALLS", 1200)
    monkeypatch.setattr(value, "CALLS", 150)
    monkeypatch.setattr(gradient, "CALLS", 30)


def data(shape):
    if shape == (2,):
        return torch.randn(32, 2, generator=torch.Generator().manual_seed(0))
    return X.reshape(-1, *shape)


@pytest.mark.parametrize("name", READERS)
def test_a_right_model_is_passed_whatever_its_style(name, quick):
    make, loss, shape, options = READERS[name]
    torch.manual_seed(1)
    report = examine(make(), loss, data(shape), **options)
    assert report.rang == [], str(report)


@pytest.mark.parametrize("slip", SEEN, ids=lambda slip: slip.name)
def test_a_slip_that_can_be_seen_is_named(slip, quick, monkeypatch):
    if slip.name == "laplace":
        monkeypatch.setattr(noise, "CALLS", 8000)
    module = built(slip)
    torch.manual_seed(2)
    x_train, _ = module.data()
    x = x_train[torch.randperm(len(x_train), generator=torch.Generator().manual_seed(0))][:32]
    report = examine(module.VAE(**slip.options), module.loss, x)
    assert slip.alarm in report.rang, str(report)
    named = [finding.slip for finding in report.findings if finding.rang]
    assert slip.name in named, str(report)
    assert {*named} <= {slip.name for slip in SLIPS} | {""}


def test_the_model_its_gradients_and_the_random_numbers_are_left_as_they_were(quick):
    make, loss, shape, options = READERS["torch.distributions"]
    model = make().eval()
    before, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    first = examine(model, loss, data(shape), **options)
    assert torch.equal(torch.get_rng_state(), state) and not model.training
    assert all(torch.equal(part, before[name]) for name, part in model.state_dict().items())
    assert all(part.grad is None for part in model.parameters())
    assert str(examine(model, loss, data(shape), **options)) == str(first)


class Two(nn.Module):
    """What is needed and no more."""

    def __init__(self, encode, decode):
        super().__init__()
        self.encode, self.decode = encode, decode


def bad(**changes):
    model = READERS["torch.distributions"][0]()
    for name, change in changes.items():
        setattr(model, name, change) if not isinstance(change, nn.Module) else model.add_module(name, change)
    return model


class Broken(nn.Module):
    def forward(self, x):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")


REFUSED = {
    "model must be a torch.nn.Module, got int": (1, distributions_loss, X),
    "got a Linear without encode": (nn.Linear(2, 2), distributions_loss, X),
    "loss must be a function": (bad(), 3, X),
    "x must be a floating-point tensor": (bad(), distributions_loss, X.int()),
    "at least 4 examples": (bad(), distributions_loss, X[:3]),
    "x must be finite": (bad(), distributions_loss, X / 0),
    "x must be on the device of the model": (bad(), distributions_loss, X.to("meta")),
    "must return logits of shape (32, 144), got (32, 7)": (bad(decode=nn.Linear(3, 7)), distributions_loss, X),
    "got RuntimeError: mat1 and mat2": (bad(decode=Broken()), distributions_loss, X),
    "must return one finite number, a tensor of shape (), got (32,)": (bad(), lambda model, x: x.sum(1), X),
    "got nan": (bad(), lambda model, x: x.sum() * math.nan, X),
    "a tensor of shape (), got float": (bad(), lambda model, x: 1.0, X),
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_examined_is_refused_in_a_sentence(words):
    with pytest.raises(Refused) as caught:
        examine(*REFUSED[words])
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_training_that_undercuts_the_floor_rings(quick):
    make, loss, shape, options = READERS["torch.distributions"]
    for reported, rings in ((math.log(64) - 0.2, True), (math.log(64) + 0.3, False)):
        report = examine(make(), loss, data(shape), train=lambda x, reported=reported: reported)
        assert ("floor" in report.rang) == rings
    with pytest.raises(Refused, match="train"):
        examine(make(), loss, data(shape), train=lambda x: "low")


OTHERS = {  # by someone who had not seen the list of slips; tests/others/KEY.md says what is wrong
    "one": "parts",
    "two": "gradient",
    "three": "outputs",
    "four": "gradient",
    "five": "value",
}


@pytest.mark.parametrize("name", [*OTHERS, *(f"{name}_right" for name in OTHERS)])
def test_slips_of_others_ring_and_their_mended_versions_do_not(name, quick):
    module = importlib.import_module(f"tests.others.{name}")
    torch.manual_seed(0)
    report = examine(module.Model(), module.loss, module.data(), likelihood=module.LIKELIHOOD)
    assert report.rang == ([OTHERS[name]] if name in OTHERS else []), str(report)
