"""Data that lie in files, of which a batch at a time is read.

python -m vaebook.scale.shards FOLDER    writes the training digits as shards
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader

from vaebook import checks
from vaebook.data import handwritten_digits
from vaebook.scale.ranks import share


def write_shards(x, folder, rows=10_000):
    """Write x `(B, D)` of values in [0, 1] as files of `rows` rows each, a byte per value.

    Values are rounded to 256 levels; 0 and 1 stay what they are. Returns the files.
    """
    checks.examples("x", x)
    checks.positive_int("rows", rows)
    if x.min() < 0 or x.max() > 1:
        came = f"values from {x.min():g} to {x.max():g}"
        raise ValueError(f"x must hold values in [0, 1], got {came}")
    folder, paths, sizes = Path(folder), [], {}
    folder.mkdir(parents=True, exist_ok=True)
    for number, part in enumerate(x.split(rows)):
        paths.append(folder / f"shard-{number:05}.npy")
        np.save(paths[-1], (255 * part).round().to(torch.uint8).cpu().numpy())
        sizes[paths[-1].name] = len(part)
    index = {"columns": x.shape[1], "rows": sizes}
    (folder / "index.json").write_text(json.dumps(index, indent=2) + "\n")
    return paths


class Shards:
    """Rows `(B, D)` in files of `write_shards`; `fit` takes it in the place of x_train.

    Of a batch only the rows of this rank are read; the others are NaN, so that a loss
    that looks at them is NaN, too. Its batches are those of the same rows in memory.
    rank, world: as of `Ranks`.  workers: processes that read ahead.
    Raises ValueError for a folder without an index and a shard that is not as listed.
    """

    def __init__(self, folder, rank=0, world=1, workers=2, device="cpu", dtype=None):
        self.folder, self.rank, self.world = Path(folder), rank, world
        self.workers, self.device = workers, torch.device(device)
        self.dtype = dtype or torch.get_default_dtype()
        index = self.folder / "index.json"
        if not index.exists():
            raise ValueError(f"folder must hold shards with index.json, got {folder}")
        index = json.loads(index.read_text())
        self.ends = np.cumsum([*index["rows"].values()])
        self.shape = (int(self.ends[-1]), index["columns"])
        self.rows = index["rows"]
        self.open()

    def open(self):
        """Map the files into memory; nothing is read yet."""
        files = self.rows.items()
        self.files = [self.opened(name, (rows, self.shape[1])) for name, rows in files]

    def __getstate__(self):
        """For another process, which opens the files itself and copies none."""
        return vars(self) | {"files": None}

    def __setstate__(self, state):
        vars(self).update(state)
        self.open()

    def opened(self, name, expected):
        """A file's rows, read when they are asked for."""
        try:
            rows = np.load(self.folder / name, mmap_mode="r")
        except (OSError, EOFError, ValueError) as error:
            raise ValueError(f"shard {name} cannot be read: {error}") from error
        if rows.shape != expected or rows.dtype != np.uint8:
            came = f"{rows.dtype} of shape {rows.shape}"
            rule = f"must hold uint8 of shape {expected}"
            raise ValueError(f"shard {name} {rule}, got {came}")
        return rows

    def __len__(self):
        return self.shape[0]

    def __getitems__(self, rows):
        """A batch `(len(rows), D)`; what other ranks read is NaN."""
        x = torch.full((len(rows), self.shape[1]), torch.nan, dtype=self.dtype)
        places = share(len(rows), self.rank, self.world)
        mine = np.asarray(rows)[places.numpy()]
        files = np.searchsorted(self.ends, mine, side="right")
        read = np.empty((len(mine), self.shape[1]), dtype=np.uint8)
        for file in np.unique(files):
            here, start = files == file, self.ends[file] - len(self.files[file])
            read[here] = self.files[file][mine[here] - start]
        x[places] = torch.from_numpy(read).to(self.dtype) / 255
        return x

    def minibatches(self, batch_size, epochs, generator=None, skip=0):
        """As `vaebook.training.minibatches`, read ahead by PyTorch's DataLoader."""
        for _ in range(epochs):
            order = torch.randperm(len(self), generator=generator, device=self.device)
            batches = [rows.tolist() for rows in order.split(batch_size)[skip:]]
            loader = DataLoader(
                self,
                batch_sampler=batches,
                num_workers=self.workers,
                collate_fn=lambda x: x,
                pin_memory=self.device.type == "cuda",
            )
            for x in loader:
                yield x.to(self.device, non_blocking=True)
            skip = 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=10_000, help="rows of a file")
    arguments = parser.parse_args()
    train, _ = handwritten_digits()
    paths = write_shards(train.images, arguments.folder, arguments.rows)
    print(f"{len(train.images):,} images of {train.name} in {len(paths)} files")


if __name__ == "__main__":
    main()
