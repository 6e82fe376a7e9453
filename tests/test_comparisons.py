"""One rule for what counts as a difference."""

import math

import pytest
import torch
from scipy import stats

from vaebook.comparisons import paired

OURS, THEIRS = [1.0, 2.0, 3.5, 4.0, 5.0], [0.6, 1.5, 2.9, 3.7, 4.1]  # differences of 0.3 to 0.9


def test_mean_and_error_are_those_of_the_differences_not_of_the_runs():
    found = paired(OURS, THEIRS)
    differences = torch.tensor(OURS, dtype=torch.float64) - torch.tensor(THEIRS, dtype=torch.float64)
    assert found.mean == pytest.approx(differences.mean().item())
    assert found.error == pytest.approx(differences.std().item() / math.sqrt(5))
    assert (found.decided, found.higher, found.lower) == (True, True, False)
    other = paired(THEIRS, OURS)
    assert other.mean == pytest.approx(-found.mean) and (other.higher, other.lower) == (False, True)


def test_it_is_students_t_with_the_level_shared_by_all_comparisons():
    p = stats.ttest_rel(OURS, THEIRS).pvalue
    assert 0.001 < p < 0.01
    assert paired(OURS, THEIRS, comparisons=math.floor(0.05 / p)).decided
    assert not paired(OURS, THEIRS, comparisons=math.floor(0.05 / p) + 1).decided
    assert paired(OURS, THEIRS, level=1.01 * p).decided and not paired(OURS, THEIRS, level=0.99 * p).decided


def test_by_chance_a_table_of_ten_calls_a_difference_decided_once_in_twenty_at_most():
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(2000, 10, 2, 5, generator=generator, dtype=torch.float64)
    wrong = [any(paired(*pair.tolist(), comparisons=10).decided for pair in table) for table in noise]
    assert 0.03 < sum(wrong) / len(wrong) < 0.06
    alone = [any(paired(*pair.tolist()).decided for pair in table) for table in noise]
    assert sum(alone) / len(alone) > 0.3


def test_words_mark_what_is_not_told_from_0():
    assert str(paired(OURS, THEIRS)) == "+0.54 ± 0.10"
    assert paired(THEIRS, OURS, comparisons=1000).words(1) == "-0.5 ± 0.1 ?"


@pytest.mark.parametrize("constant, decided", [(0.0, False), (0.25, True)])
def test_equal_differences_are_decided_unless_they_are_0(constant, decided):
    found = paired([1 + constant, 2 + constant], [1, 2])
    assert (found.mean, found.error, found.decided) == (constant, 0, decided)


@pytest.mark.parametrize(
    "ours, theirs, options, message",
    [
        ([1.0], [2.0], {}, "ours and theirs must hold as many numbers, two or more, got 1 and 1"),
        ([1.0, 2.0], [2.0, 3.0, 4.0], {}, "ours and theirs must hold as many numbers, two or more, got 2 and 3"),
        ([1.0, math.nan], [2.0, 3.0], {}, r"ours - theirs must be finite, got \[-1.0, nan\]"),
        ([1.0, 2.0], [2.0, 3.0], {"comparisons": 0}, "comparisons must be an integer of at least 1, got 0"),
        ([1.0, 2.0], [2.0, 3.0], {"level": 0}, r"level must be in \(0, 1\), got 0"),
    ],
)
def test_what_cannot_be_compared_is_named(ours, theirs, options, message):
    with pytest.raises(ValueError, match=message):
        paired(ours, theirs, **options)
