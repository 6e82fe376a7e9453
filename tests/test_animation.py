import re

import imageio.v3 as iio
import matplotlib.pyplot as plt
import numpy as np
import pytest
import scipy.stats
import torch

from vaebook.animation import (
    LABEL_HEIGHT,
    Animation,
    Recorder,
    encode_gif,
    frame_steps,
    grey_picture,
    prior_quantiles,
    sheet,
    tile,
)


def frames_of(content):
    """The frames of a GIF as grey arrays `(T, H, W)`, how long each stays, and how often all are repeated."""
    frames = iio.imread(content, plugin="pillow", mode="L")
    facts = [iio.immeta(content, plugin="pillow", index=number) for number in range(len(frames))]
    return frames, [fact.get("duration") for fact in facts], facts[0]["loop"]


class CodeAsPixels(torch.nn.Module):
    """A decoder `(B, 2)` to the logits of two pixels whose probabilities are the code's two numbers."""

    latent_dims = 2

    def decode(self, z):
        return z.logit()


def test_tile_lays_images_out_row_by_row():
    images = torch.arange(6.0)[:, None].expand(6, 4)
    picture = tile(images, columns=3, image_shape=(2, 2))
    assert picture.shape == (4, 6)
    assert picture[::2, ::2].tolist() == [[0, 1, 2], [3, 4, 5]]
    numbered = tile(torch.arange(4.0)[None], 1, (2, 2))
    assert numbered.tolist() == [[0, 1], [2, 3]]


def test_a_gap_separates_neighbours_and_frames_nothing():
    images = torch.arange(6.0)[:, None].expand(6, 4)
    picture = tile(images, columns=3, image_shape=(2, 2), gap=1)
    assert picture.shape == (5, 8)
    assert picture[::3, ::3].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert (picture[2] == 0.4).all() and (picture[:, [2, 5]] == 0.4).all()


def test_quantiles_of_the_prior_have_equal_shares_of_it():
    quantiles = prior_quantiles(20)
    shares = scipy.stats.norm.cdf(quantiles)
    assert quantiles.shape == (20,) and np.allclose(shares, (np.arange(20) + 0.5) / 20, atol=1e-6)
    assert np.allclose(scipy.stats.norm.cdf(prior_quantiles(5, tail=0.05)), [0.05, 0.275, 0.5, 0.725, 0.95], atol=1e-6)
    assert prior_quantiles(1).tolist() == [0]


def test_on_a_sheet_z1_grows_rightwards_and_z2_upwards():
    picture = sheet(CodeAsPixels(), torch.tensor([0.1, 0.2, 0.3]), image_shape=(1, 2), gap=0)
    z1, z2 = picture[:, ::2], picture[:, 1::2]
    assert torch.allclose(z1, torch.tensor([[0.1, 0.2, 0.3]] * 3))
    assert torch.allclose(z2, torch.tensor([[0.3], [0.2], [0.1]]).expand(3, 3))
    assert sheet(CodeAsPixels(), prior_quantiles(4).sigmoid(), image_shape=(2, 1)).shape == (
        11,
        7,
    )  # a line between neighbours


def test_a_recorder_keeps_pictures_of_its_steps_without_gradients():
    model = torch.nn.Linear(2, 2)
    recorder = Recorder([0, 20, 1000], lambda model: model.weight * 2)
    for step in (0, 1, 20, 1000):
        recorder(step, model)
    assert recorder.labels == ["step 0", "step 20", "step 1,000"]
    assert all(torch.equal(frame, 2 * model.weight) and not frame.requires_grad for frame in recorder.frames)


def test_gif_keeps_frames_durations_and_sixteen_greys():
    ramp = np.linspace(0, 1, 256).reshape(1, 16, 16)
    content = encode_gif(np.concatenate([ramp, 1 - ramp]), [100, 300])
    frames, durations, loop = frames_of(content)
    assert frames.shape == (2, 16, 16) and durations == [100, 300] and loop == 0
    assert len(np.unique(frames)) == 16
    assert np.abs(frames[0] / 255 - ramp[0]).max() < 1 / 29 and np.abs(frames[1] / 255 - 1 + ramp[0]).max() < 1 / 29


def test_quantised_films_of_digits_are_small():
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(20, 1, 42, 42, generator=generator)
    film = torch.nn.functional.interpolate(coarse, size=(336, 336), mode="bilinear")[:, 0].numpy()
    assert len(encode_gif(film, [100] * 20)) < 600_000  # 1.3 million with 64 greys, 2.6 million with 256


def test_animation_offers_a_film_a_still_a_pause_and_a_text():
    animation = Animation(torch.rand(3, 10, 20), ["a", "b", "c"], alt='noise & "more"', scale=2)
    frames, durations, _ = frames_of(animation.gif)
    assert frames.shape == (3, 20 + LABEL_HEIGHT, 40) and durations[-1] > durations[0]
    still, _, _ = frames_of(animation.still)
    assert np.array_equal(still[0], frames[-1])
    shown = animation._repr_html_()
    assert shown.count("data:image/gif;base64,") == 2 and "prefers-reduced-motion" in shown
    box = re.search(r'<input type="checkbox" id="([^"]+)"', shown)[1]
    assert f'<label for="{box}">' in shown and "Pause" in shown and "Play" in shown
    assert 'alt="noise &amp; &quot;more&quot;"' in shown and f'width="40" height="{20 + LABEL_HEIGHT}"' in shown
    assert "<script" not in shown


def test_labels_are_drawn_below_the_picture():
    frames, _, _ = frames_of(Animation([torch.zeros(10, 100)] * 2, ["step 1", "step 1,000"], alt="").gif)
    assert (frames[:, :10] == 0).all()
    assert (frames[:, 10:] < 128).sum(axis=(1, 2)).tolist()[1] > (frames[0, 10:] < 128).sum() > 10


def test_any_figure_becomes_a_grey_picture_and_is_closed():
    figure, ax = plt.subplots(figsize=(2, 1))
    ax.set_position([0, 0, 1, 1])
    ax.set_facecolor("black")
    ax.axvspan(0.5, 1.0, color="white")
    ax.set(xlim=(0, 1), ylim=(0, 1))
    picture = grey_picture(figure, dpi=50)
    assert picture.shape == (50, 100) and picture.dtype == torch.float32
    assert picture[10:40, 10:40].max() == 0 and picture[10:40, 60:90].min() == 1
    assert not plt.fignum_exists(figure.number)


def test_frame_steps_grow_from_zero_to_the_end():
    steps = sorted(frame_steps(3000, 24))
    assert steps[0] == 0 and steps[-1] == 3000 and 20 <= len(steps) <= 24
    gaps = np.diff(steps)
    assert gaps[-1] > 10 * gaps[1]


@pytest.mark.parametrize(
    "frames, labels, message",
    [
        ([], [], r"frames must have shape \(T, H, W\).*got shape \(0,\)"),
        ([torch.zeros(3)], ["a"], r"frames must have shape .* got shape \(1, 3\)"),
        ([torch.zeros(3, 3)], [], "labels must hold one text per frame, 1 of them, got 0"),
        ([torch.full((3, 3), 2.0)], ["a"], r"frames must hold values in \[0, 1\]"),
        ([torch.full((3, 3), torch.nan)], ["a"], r"frames must hold values in \[0, 1\]"),
    ],
)
def test_errors_name_the_argument(frames, labels, message):
    with pytest.raises(ValueError, match=message):
        Animation(frames, labels, alt="")


def test_tile_names_images_that_do_not_fit():
    with pytest.raises(ValueError, match=r"images must have shape \(B, 784\) with B a multiple of columns=3"):
        tile(torch.zeros(4, 784), 3)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((0,), "count must be an integer of at least 1, got 0"),
        ((5, 0.0), r"tail must be in \(0, 0.5\], got 0.0"),
        ((5, 0.95), r"tail must be in \(0, 0.5\], got 0.95"),
    ],
)
def test_quantiles_name_what_they_cannot_take(arguments, message):
    with pytest.raises(ValueError, match=message):
        prior_quantiles(*arguments)


def test_a_sheet_refuses_a_code_that_is_no_plane():
    model = CodeAsPixels()
    model.latent_dims = 3
    with pytest.raises(ValueError, match="model must have latent_dims=2, got 3"):
        sheet(model, prior_quantiles(4))
