"""Training on more than one process, and on more data than memory holds."""

from vaebook.scale.ranks import Ranks, Spread, check_sizes, ranks
from vaebook.scale.shards import Shards, write_shards

__all__ = ["Ranks", "Shards", "Spread", "check_sizes", "ranks", "write_shards"]
