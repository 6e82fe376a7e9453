"""The random numbers of the live figures, in Python: a seed in the page is a seed here."""

import numpy as np

from vaebook import checks

STEP, FIRST, SECOND = (np.uint32(n) for n in (0x9E3779B9, 0x85EBCA6B, 0xC2B2AE35))


class Generator:
    """The twin of `Generator` in maths.js: the same numbers in the same order.

    seed: an integer from 0 to 2^32 - 1. A counter, mixed; so a draw of many is one line.
    Sources: Steele, Lea & Flood (2014); the mixing is that of Appleby's MurmurHash3.
    """

    def __init__(self, seed):
        checks.number("seed", seed, "in [0, 2^32)", lambda seed: 0 <= seed < 2**32)
        self.state, self.spare = seed, None

    def bits(self, count):
        """`count` integers of 32 bits, each equally likely."""
        counters = np.uint32(self.state) + STEP * np.arange(
            1, count + 1, dtype=np.uint32
        )
        self.state = (self.state + int(STEP) * count) % 2**32
        mixed = (counters ^ (counters >> 16)) * FIRST
        mixed = (mixed ^ (mixed >> 13)) * SECOND
        return mixed ^ (mixed >> 16)

    def uniforms(self, count):
        """`count` numbers, uniform in (0, 1), in double precision."""
        return (self.bits(count) + 0.5) / 2**32

    def normals(self, count):
        """`count` standard normal numbers, drawn in pairs. Source: Box & Muller (1958)."""
        kept = [self.spare] if self.spare is not None else []
        missing = max(0, count - len(kept))
        pairs = self.uniforms(2 * -(-missing // 2)).reshape(-1, 2)
        radius, angle = np.sqrt(-2 * np.log(pairs[:, 0])), 2 * np.pi * pairs[:, 1]
        drawn = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).ravel()
        drawn = np.concatenate([kept, drawn])
        self.spare = drawn[count] if len(drawn) > count else None
        return drawn[:count]
