"""Figures show what they are given: numbers are read back off the axes."""

import matplotlib
import numpy as np
import pytest
import torch

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

from vaebook import figures  # noqa: E402


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_image_rows_keep_order_and_greys():
    rows = {"first": torch.rand(2, 784), "second": torch.rand(3, 784)}
    figure = figures.image_rows(rows, titles=["a", "b", "c"])
    axes = np.array(figure.axes).reshape(2, 3)
    assert [ax.get_title() for ax in axes[0]] == ["a", "b", "c"] and axes[1, 0].get_ylabel() == "second"
    shown = axes[1, 2].images[0]
    np.testing.assert_array_equal(shown.get_array(), rows["second"][2].reshape(28, 28).numpy())
    assert shown.get_clim() == (0, 1) and not axes[0, 2].images


def test_training_curves_draw_each_series_and_the_floor():
    history = {"epoch": [1, 2], "step": [5, 10]}
    for number, term in enumerate(("loss", "reconstruction", "kl")):
        history |= {f"train_{term}": [number, number + 1], f"test_{term}": [number + 2, number + 3]}
    figure = figures.training_curves(history, floor=0.5, floor_name="the floor")
    assert [len(ax.lines) for ax in figure.axes] == [3, 2, 2]
    assert figure.axes[0].lines[2].get_ydata()[0] == 0.5
    assert list(figure.axes[2].lines[1].get_ydata()) == [4, 5]
    assert "the floor" in [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def test_training_curves_take_more_terms_and_logarithmic_axes():
    terms = ("loss", "reconstruction", "kl", "logvar")
    history = {"epoch": list(range(1, 41))} | {f"train_{term}": list(range(1, 41)) for term in terms}
    figure = figures.training_curves(history, terms=terms, log_terms=("loss",))
    assert [ax.get_title() for ax in figure.axes] == ["-ELBO", "reconstruction", "KL", "mean log-variance", "", ""]
    assert [ax.get_visible() for ax in figure.axes] == [True] * 4 + [False] * 2
    assert [ax.get_yscale() for ax in figure.axes[:2]] == ["log", "linear"]
    assert figure.axes[2].get_ylabel() == "nats per image" and figure.axes[3].get_ylabel() == ""


def test_line_plots_draw_their_series_and_marks():
    figure = figures.line_plot({"a": ([0, 1], torch.tensor([2.0, 3.0]))}, "x", "y", marks={"here": (0.5, 2.5)})
    line, point, zero = figure.axes[0].lines
    assert list(line.get_ydata()) == [2, 3] and list(point.get_xdata()) == [0.5] and set(zero.get_ydata()) == {0}
    assert figure.axes[0].texts[0].get_text() == "here"


def test_meshes_join_neighbours_and_colour_by_the_values():
    boxes = torch.cartesian_prod(torch.arange(2), torch.arange(3))
    codes = boxes * 10.0
    panels = {"by row": (codes, boxes[:, 0]), "by column": (-codes, boxes[:, 1])}
    figure = figures.meshes(panels, (2, 3), "place")
    for ax, (title, (points, values)) in zip(figure.axes[:2], panels.items(), strict=True):
        assert ax.get_title() == title and len(ax.lines) == 5  # two rows and three columns of neighbours
        np.testing.assert_array_equal(ax.collections[0].get_offsets(), points)
        np.testing.assert_array_equal(ax.collections[0].get_array(), values)
    first = figure.axes[0]
    assert first.lines[0].get_xydata().tolist() == [[0, 0], [0, 10], [0, 20]]
    assert first.lines[2].get_xydata().tolist() == [[0, 0], [10, 0]]


def test_posteriors_carry_ellipses_at_one_and_two_standard_deviations():
    mu, sigma = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.5, 0.25]])
    figure = figures.posteriors(torch.rand(1, 4, 4), [(0, 2, 1, 3)], mu, sigma, ["one"])
    ax = figure.axes[0]
    assert ax.images[0].get_extent() == [0, 2, 1, 3] and ax.images[0].origin == "lower"
    assert [(e.center[0], e.center[1], e.width, e.height) for e in ax.patches] == [(1, 2, 1, 0.5), (1, 2, 2, 1)]


def test_posteriors_can_carry_many_gaussians_in_a_panel():
    mu, sigma = torch.rand(2, 5, 2), torch.rand(2, 5, 2)
    figure = figures.posteriors(torch.rand(2, 4, 4), [(0, 2, 1, 3)] * 2, mu, sigma, ["one", "two"])
    for ax, centres, scales in zip(figure.axes, mu, sigma, strict=True):
        drawn = torch.tensor([(*e.center, e.width, e.height) for e in ax.patches])
        torch.testing.assert_close(drawn, torch.cat([centres, 2 * scales], 1))


def test_series_show_the_mean_and_every_run():
    runs = torch.tensor([[1.0, 2.0], [3.0, 6.0]])
    figure = figures.series_with_spread({"a": ([1, 10], runs)}, "x", "y", floors={"floor": 0.0}, log_x=True)
    mean, points, floor = figure.axes[0].lines
    assert list(mean.get_ydata()) == [2, 4] and sorted(points.get_ydata()) == [1, 2, 3, 6]
    assert floor.get_ydata()[0] == 0 and figure.axes[0].get_xscale() == "log"


def test_plane_of_codes_puts_codes_and_regions_on_the_same_axes():
    codes, labels = torch.tensor([[0.5, 1.0], [-1.0, 2.0]]), torch.tensor([3, 7])
    regions = torch.tensor([[3, 3], [7, 3]])
    left, right = figures.plane_of_codes(codes, labels, regions, (-3, 3, -3, 3)).axes
    np.testing.assert_allclose(left.collections[0].get_offsets(), codes)
    assert right.images[0].get_extent() == [-3, 3, -3, 3] and right.images[0].origin == "lower"
    seven = next(text for text in right.texts if text.get_text() == "7")
    assert seven.get_position() == (-1.5, 1.5)  # the upper left quarter


def test_histograms_are_densities_with_marks():
    ax = figures.histograms({"a": torch.randn(1000), "b": torch.randn(50)}, "KL", marks={"odd": 9.0}).axes[0]
    for patch in ax.patches:
        corners = patch.get_xy()
        widths, heights = np.diff(corners[::2, 0]), corners[1:-1:2, 1]
        assert np.sum(widths[:len(heights)] * heights[:len(widths)]) == pytest.approx(1, abs=0.02)
    assert ax.lines[0].get_xdata()[0] == 9


def test_score_heatmap_writes_mean_and_spread():
    figure = figures.score_heatmap(torch.tensor([[0.25, 1.0]]), torch.tensor([[0.1, 0.0]]), ["row"], ["a", "b"])
    assert [text.get_text() for text in figure.axes[0].texts] == ["0.25 ± 0.10", "1.00 ± 0.00"]


def test_image_panels_and_titles():
    figure = figures.image_panels({"a": torch.zeros(4, 6), "b": torch.ones(4, 6)})
    assert [ax.get_title() for ax in figure.axes] == ["a", "b"]
