"""What `mnist` and `handwritten_digits` promise, on small stand-in files with checksums of their own."""

import hashlib
import os
import struct
import urllib.error

import pytest
import torch
import torchvision

from vaebook.data import MNISTDamaged, MNISTUnavailable, handwritten_digits, mnist
from vaebook.data import digits as data


def idx_file(array):
    """The bytes of an IDX file (LeCun's format) that holds this uint8 tensor."""
    return struct.pack(f">HBB{array.dim()}I", 0, 8, array.dim(), *array.shape) + bytes(array.flatten().tolist())


def small_files():
    """Four files like MNIST's: 5 training and 3 test images with grey levels all over the range."""
    files = {}
    for prefix, count in [("train", 5), ("t10k", 3)]:
        images = (torch.arange(count * 784) % 256).reshape(count, 28, 28).to(torch.uint8)
        files[f"{prefix}-images-idx3-ubyte"] = idx_file(images)
        files[f"{prefix}-labels-idx1-ubyte"] = idx_file(torch.arange(count, dtype=torch.uint8))
    return files


@pytest.fixture
def raw(tmp_path, monkeypatch):
    """A folder with small but valid files; their checksums take the place of MNIST's."""
    files = small_files()
    monkeypatch.setattr(data, "CHECKSUMS", {name: hashlib.md5(content).hexdigest() for name, content in files.items()})
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def no_network(*arguments, **options):
    raise urllib.error.URLError("no route to host")


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setattr("urllib.request.urlopen", no_network)


def test_mnist_is_black_and_white_rows(raw, tmp_path):
    digits = mnist("train", root=tmp_path)
    assert digits.name == "MNIST" and digits.images.shape == (5, 784) and digits.images.dtype == torch.float32
    assert digits.images.unique().tolist() == [0, 1] and digits.labels.tolist() == [0, 1, 2, 3, 4]
    assert mnist("test", root=tmp_path).images.shape == (3, 784)
    grey = mnist("train", root=tmp_path, threshold=None).images
    assert (grey.min(), grey.max()) == (0, 1) and len(grey.unique()) == 256
    assert torch.equal(digits.images, (grey > 0.5).float())


def test_the_environment_names_the_folder(raw, tmp_path, monkeypatch):
    monkeypatch.setenv("VAEBOOK_DATA", str(tmp_path))
    assert len(mnist("test").images) == 3


@pytest.mark.parametrize(
    "damage", [lambda content: content[:-1], lambda content: content[:20] + b"x" + content[21:], lambda content: b""]
)
def test_a_damaged_file_is_named_and_never_used(raw, tmp_path, damage):
    path = raw / "t10k-labels-idx1-ubyte"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(MNISTDamaged, match=f"{path} is damaged.*expected md5 .*delete the file"):
        mnist("train", root=tmp_path)
    with pytest.raises(MNISTDamaged, match=str(path)):
        handwritten_digits(root=tmp_path)


def test_a_missing_file_without_a_network_is_named(raw, tmp_path, offline):
    (raw / "train-images-idx3-ubyte").unlink()
    with pytest.raises(MNISTUnavailable, match="train-images-idx3-ubyte missing in .*raw.*VAEBOOK_DATA") as caught:
        mnist("train", root=tmp_path)
    said = str(caught.value.__cause__).splitlines()[-1]  # torchvision's words, which differ between its versions
    assert f"the download failed ({said})" in str(caught.value)
    assert not list(tmp_path.glob("download-*"))


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(MNISTUnavailable, match=f"{blocked}.*cannot be written.*VAEBOOK_DATA"):
        mnist("train", root=blocked)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(MNISTUnavailable, match="cannot be written"):
        mnist("train", root=tmp_path)


def test_a_download_arrives_whole_or_not_at_all(raw, tmp_path, monkeypatch):
    """A download that damages a file leaves none behind under its final name."""
    files, target = small_files(), tmp_path / "fresh"

    def download(damaged):
        def fake(root, download=False, **options):
            folder = type(tmp_path)(root) / "MNIST" / "raw"
            folder.mkdir(parents=True)
            for name, content in files.items():
                (folder / name).write_bytes(content[:-1] if damaged else content)

        return fake

    real = torchvision.datasets.MNIST
    monkeypatch.setattr(torchvision.datasets, "MNIST", download(damaged=True))
    with pytest.raises(MNISTDamaged):
        mnist("train", root=target)
    assert not list((target / "MNIST" / "raw").iterdir()) and not list(target.glob("download-*"))
    monkeypatch.setattr(torchvision.datasets, "MNIST", download(damaged=False))
    data.download_mnist(target)
    monkeypatch.setattr(torchvision.datasets, "MNIST", real)
    assert len(mnist("train", root=target).images) == 5 and not list(target.glob("download-*"))


def test_without_mnist_the_substitute_says_so(tmp_path, offline):
    with pytest.warns(UserWarning, match="scikit-learn's 1,797 digits instead of MNIST"):
        train, test = handwritten_digits(root=tmp_path)
    assert train.images.shape == (1497, 784) and test.images.shape == (300, 784)
    assert train.name == test.name == "scikit-learn digits"
    assert train.images.unique().tolist() == [0, 1] and 0.05 < train.images.mean() < 0.3
    border = train.images.reshape(-1, 28, 28).clone()
    border[:, 4:-4, 4:-4] = 0
    assert border.sum() == 0 and set(test.labels.tolist()) == set(range(10))


def test_mnist_never_substitutes(tmp_path, offline):
    with pytest.raises(MNISTUnavailable):
        mnist("test", root=tmp_path)


def test_arguments_out_of_range_are_named(tmp_path):
    with pytest.raises(ValueError, match="split must be 'train' or 'test', got 'valid'"):
        mnist("valid", root=tmp_path)
    with pytest.raises(ValueError, match=r"threshold must be None or in \[0, 1\), got 128"):
        mnist("train", root=tmp_path, threshold=128)


def test_the_real_mnist_where_it_is_here():
    try:
        train, test = mnist("train"), mnist("test")
    except MNISTUnavailable as error:
        pytest.skip(str(error))
    assert train.images.shape == (60_000, 784) and test.images.shape == (10_000, 784)
    assert test.labels[[1, 4, 12, 15, 22]].tolist() == [2, 4, 9, 5, 6]
    assert train.labels.bincount().tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
