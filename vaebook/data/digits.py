"""Handwritten digits: MNIST, checked as it is read, and a small substitute where it cannot be had."""

import contextlib
import hashlib
import io
import os
import socket
import sys
import tempfile
import warnings
from pathlib import Path
from typing import NamedTuple

import platformdirs
import torch
from torch.nn import functional as F

from vaebook.progress import someone_is_watching

# md5 of the uncompressed files, in torchvision's layout below the data folder
CHECKSUMS = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
TIMEOUT_S = 10


class Digits(NamedTuple):
    """Images `(B, 784)` in [0, 1], labels `(B,)` from 0 to 9, and the name of the data set."""

    images: torch.Tensor
    labels: torch.Tensor
    name: str


class MNISTUnavailable(OSError):
    """MNIST is not in the data folder and could not be downloaded into it."""


class MNISTDamaged(OSError):
    """A file of MNIST is there but is not the published one."""


def data_folder():
    """The folder that holds `MNIST/raw`: `VAEBOOK_DATA`, or else the user's cache folder."""
    cache = platformdirs.user_cache_dir("vaebook", appauthor=False)
    return Path(os.environ.get("VAEBOOK_DATA") or cache)


def mnist(split="train", *, threshold=0.5, root=None, device="cpu"):
    """Load MNIST, downloading it first where it is missing.

    split: "train" (60,000 images) or "test" (10,000).
    threshold: pixels above it become 1, the others 0; None keeps the grey levels in [0, 1].
    root: the folder that holds (or will hold) `MNIST/raw`; default: `data_folder()`.
    Returns Digits. Raises MNISTUnavailable or MNISTDamaged, naming the file or folder and what to do.
    Source: LeCun et al. (1998); files and layout as in torchvision.
    """
    from torchvision.datasets import (
        MNIST,  # it takes a second, and half of the book does without
    )

    if split not in ("train", "test"):
        raise ValueError(f"split must be 'train' or 'test', got {split!r}")
    check_threshold(threshold)
    root = Path(root) if root is not None else data_folder()
    raw = root / "MNIST" / "raw"
    if any(not (raw / name).is_file() for name in CHECKSUMS):
        download_mnist(root)
    for name in CHECKSUMS:
        check_file(raw / name)
    files = MNIST(root, train=split == "train")
    pixels = files.data.flatten(1).to(device).float().div_(255)
    return Digits(binarise(pixels, threshold), files.targets.to(device), "MNIST")


def handwritten_digits(*, threshold=0.5, root=None, device="cpu"):
    """MNIST where it can be had, and otherwise the 1,797 digits that scikit-learn ships, 28x28.

    Arguments as for `mnist`. Returns the training and the test Digits; `name` says which data they are,
    and a warning is given for the substitute. A damaged MNIST is an error, never replaced.
    Source of the substitute: Alpaydin & Kaynak (1998), UCI optical recognition of handwritten digits.
    """
    try:
        return tuple(
            mnist(split, threshold=threshold, root=root, device=device)
            for split in ("train", "test")
        )
    except MNISTUnavailable as error:
        words = "working on scikit-learn's 1,797 digits instead of MNIST"
        warnings.warn(f"{words}: {error}", stacklevel=2)
    from sklearn.datasets import load_digits  # it takes two seconds

    digits = load_digits()
    small = torch.tensor(digits.images, dtype=torch.float32, device=device) / 16
    # MNIST's own box for a digit is 20 x 20
    large = F.interpolate(small.unsqueeze(1), size=(20, 20), mode="bicubic").clamp(0, 1)
    pixels = binarise(F.pad(large, (4, 4, 4, 4)).flatten(1), threshold)
    labels = torch.tensor(digits.target, device=device)
    parts = slice(None, -300), slice(-300, None)
    return tuple(
        Digits(pixels[part], labels[part], "scikit-learn digits") for part in parts
    )


def binarise(pixels, threshold):
    """Pixels above `threshold` become 1 and the others 0; None leaves them as they are."""
    return pixels if threshold is None else (pixels > threshold).float()


def check_threshold(threshold):
    """Raise unless `threshold` is None or in [0, 1)."""
    if threshold is not None and not 0 <= threshold < 1:
        raise ValueError(f"threshold must be None or in [0, 1), got {threshold!r}")


def check_file(path):
    """Raise MNISTDamaged unless the file's md5 is the published one."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MNISTDamaged(
            f"cannot read {path} ({error.strerror}): check its permissions"
        ) from error
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if digest != CHECKSUMS[path.name]:
        raise MNISTDamaged(
            f"{path} is damaged: {len(content):,} bytes with md5 {digest}, "
            f"expected md5 {CHECKSUMS[path.name]}; delete the file and run again to download it"
        )


def download_mnist(root):
    """Download MNIST below `root`: into a temporary folder first, then moved file by file once checked."""
    from torchvision.datasets import MNIST

    raw = root / "MNIST" / "raw"
    missing = [name for name in CHECKSUMS if not (raw / name).is_file()]
    try:
        raw.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.TemporaryDirectory(dir=root, prefix="download-")
    except OSError as error:
        raise MNISTUnavailable(
            f"{', '.join(missing)} missing in {raw}, and that folder cannot be written ({error.strerror}); "
            "set VAEBOOK_DATA to a folder that holds MNIST/raw or can be written"
        ) from error
    with temporary as folder:
        try:
            with polite_download():
                MNIST(folder, download=True)
        except (OSError, RuntimeError) as error:
            raise MNISTUnavailable(
                f"{', '.join(missing)} missing in {raw}, and the download failed ({last_line(error)}); "
                "connect to a network and run again, or set VAEBOOK_DATA to a folder that holds MNIST/raw"
            ) from error
        for name in missing:
            path = Path(folder) / "MNIST" / "raw" / name
            check_file(path)
            os.replace(path, raw / name)


@contextlib.contextmanager
def polite_download():
    """Give up on a silent network after `TIMEOUT_S`; show torchvision's progress bars to people only."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT_S)
    watched, elsewhere = someone_is_watching(), io.StringIO()
    try:
        with contextlib.redirect_stderr(sys.stderr if watched else elsewhere):
            yield
    finally:
        socket.setdefaulttimeout(before)


def last_line(error):
    """The last line of an error's message, or its type where there is none."""
    lines = str(error).strip().splitlines()
    return lines[-1] if lines else type(error).__name__
