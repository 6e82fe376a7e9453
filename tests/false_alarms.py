"""Right models under `examine`, many seeds: python -m tests.false_alarms [first seed] [last seed]"""

import sys
import time

import torch

from tests.readers import READERS
from tests.test_examine import data
from vaebook.examine import examine

if __name__ == "__main__":
    first, last = map(int, sys.argv[1:])
    for seed in range(first, last):
        for name, (make, loss, shape, options) in READERS.items():
            torch.manual_seed(1000 + seed)
            start = time.time()
            report = examine(make(), loss, data(shape), seed=seed, **options)
            print(seed, name, report.rang, f"{time.time() - start:.0f} s", flush=True)
            if report.rang:
                print(report, flush=True)
