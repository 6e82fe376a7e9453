"""Rectangles: where they are, how often, and the entropy that is claimed for them."""

import itertools
import math

import pytest
import torch

from vaebook.data import all_rectangles, rectangles


def test_every_square_is_listed_once():
    squares = all_rectangles()
    assert squares.images.shape == (289, 576) and squares.images.dtype == torch.float32
    assert len(squares.images.unique(dim=0)) == 289 and squares.images.unique().tolist() == [0, 1]
    for image, box in zip(squares.images, squares.boxes.tolist(), strict=True):
        top, left, height, width = box
        assert (height, width) == (8, 8)
        expected = torch.zeros(24, 24)
        expected[top : top + 8, left : left + 8] = 1
        assert torch.equal(image, expected.flatten())


def test_the_entropy_of_the_squares_is_ln_289():
    assert all_rectangles().entropy == pytest.approx(math.log(289), abs=1e-12)
    assert rectangles(5).entropy == pytest.approx(5.666, abs=5e-4)


def test_draws_come_from_the_list_and_as_often_as_they_should(generator):
    drawn, listed = rectangles(50_000, generator=generator), all_rectangles()
    assert drawn.images.shape == (50_000, 576)
    assert set(map(tuple, drawn.boxes.tolist())) == set(map(tuple, listed.boxes.tolist()))
    counts = torch.unique(drawn.boxes, dim=0, return_counts=True)[1].double()
    chi_square = ((counts - 50_000 / 289).square() / (50_000 / 289)).sum()
    assert abs(chi_square - 288) < 5 * math.sqrt(2 * 288)


def test_draws_follow_the_generator():
    first, again, other = (rectangles(50, generator=torch.Generator().manual_seed(seed)).images for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


SMALL = {"image_shape": (5, 4), "height": (2, 4), "width": (1, 3)}


def by_counting():
    """The probability of each box of SMALL: a size first, then one of the places left for it."""
    probabilities = {}
    for height, width in itertools.product(range(2, 5), range(1, 4)):
        places = list(itertools.product(range(5 - height + 1), range(4 - width + 1)))
        for top, left in places:
            probabilities[top, left, height, width] = 1 / 9 / len(places)
    return probabilities


def test_random_sizes_are_drawn_before_places(generator):
    drawn, expected = rectangles(40_000, **SMALL, generator=generator), by_counting()
    boxes, counts = torch.unique(drawn.boxes, dim=0, return_counts=True)
    assert set(map(tuple, boxes.tolist())) == set(expected)
    for box, count in zip(boxes.tolist(), counts.tolist(), strict=True):
        p = expected[tuple(box)]
        assert abs(count - 40_000 * p) < 5 * math.sqrt(40_000 * p)


def test_the_entropy_of_random_sizes_is_that_of_the_boxes():
    expected = -sum(p * math.log(p) for p in by_counting().values())
    assert all_rectangles(**SMALL).entropy == pytest.approx(expected, abs=1e-12)
    assert len(all_rectangles(**SMALL).images.unique(dim=0)) == len(by_counting())


def test_a_rectangle_that_fills_the_image_has_no_entropy():
    full = all_rectangles(image_shape=(3, 4), height=3, width=4)
    assert full.images.tolist() == [[1] * 12] and full.entropy == 0


@pytest.mark.parametrize("draw", [all_rectangles, lambda **options: rectangles(3, **options)])
@pytest.mark.parametrize(
    "options, message",
    [
        ({"height": 25}, r"height must fit into image_shape\[0\] = 24, smallest first, got 25"),
        ({"width": (4, 30)}, r"width must fit into image_shape\[1\] = 24, smallest first, got \(4, 30\)"),
        ({"height": (9, 5)}, r"height must fit into .* smallest first, got \(9, 5\)"),
        ({"height": 0}, "height must be an integer of at least 1, got 0"),
        ({"width": 2.5}, "width must be an integer of at least 1, got 2.5"),
        ({"image_shape": (0, 24)}, r"image_shape\[0\] must be an integer of at least 1, got 0"),
        ({"image_shape": 24}, r"image_shape must be a pair \(H, W\), got 24"),
        ({"height": (1, 2, 3)}, r"height must be a size or a pair \(smallest, largest\), got \(1, 2, 3\)"),
    ],
)
def test_sizes_without_room_are_named(draw, options, message):
    with pytest.raises(ValueError, match=message):
        draw(**options)


@pytest.mark.parametrize("n", [0, -1, 2.0])
def test_a_number_of_draws_that_is_none_is_named(n):
    with pytest.raises(ValueError, match="n must be an integer of at least 1"):
        rectangles(n)
