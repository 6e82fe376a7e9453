"""One rule for what counts as a difference between two ways of training."""

import math
from dataclasses import dataclass

from scipy import stats

from vaebook import checks


@dataclass(frozen=True)
class Difference:
    """Of paired runs: the mean difference, its standard error, and if it is told from 0."""

    mean: float
    error: float
    decided: bool

    @property
    def higher(self):
        return self.decided and self.mean > 0

    @property
    def lower(self):
        return self.decided and self.mean < 0

    def __str__(self):
        return self.words()

    def words(self, digits=2):
        """Such as "+1.30 ± 0.08", with "?" where it is not told from 0."""
        mark = "" if self.decided else " ?"
        return f"{self.mean:+.{digits}f} ± {self.error:.{digits}f}{mark}"


def paired(ours, theirs, comparisons=1, level=0.05):
    """The difference ours - theirs of runs that share a seed, as a `Difference`.

    ours, theirs: as many numbers each, the same seed at the same place.
    comparisons: how many of the kind a table makes. By chance alone the table then calls
    one decided with a probability of at most `level`: Student's t of the differences is
    held to the share level / comparisons of its tails (Bonferroni's correction).
    Raises ValueError for fewer than two pairs, numbers that are not finite, or a
    different count on both sides.
    """
    checks.positive_int("comparisons", comparisons)
    checks.number("level", level, "in (0, 1)", lambda level: 0 < level < 1)
    if len(ours) != len(theirs) or len(ours) < 2:
        came = f"{len(ours)} and {len(theirs)}"
        expected = "as many numbers, two or more"
        raise ValueError(f"ours and theirs must hold {expected}, got {came}")
    differences = [float(a) - float(b) for a, b in zip(ours, theirs, strict=True)]
    if not all(map(math.isfinite, differences)):
        raise ValueError(f"ours - theirs must be finite, got {differences}")
    if len(set(differences)) == 1:  # t is 0 / 0, or infinite
        return Difference(differences[0], 0.0, differences[0] != 0)
    found = stats.ttest_1samp(differences, 0)
    mean, error = sum(differences) / len(differences), float(stats.sem(differences))
    return Difference(mean, error, bool(found.pvalue < level / comparisons))
