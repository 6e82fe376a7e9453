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
    figure = figures.training_curves(history, floors={"loss": {"the floor": 0.5, "another": 0.6}, "kl": {"own": 0.1}})
    assert [len(ax.lines) for ax in figure.axes] == [4, 2, 3]
    assert [line.get_ydata()[0] for line in figure.axes[0].lines[2:]] == [0.5, 0.6]
    assert figure.axes[2].lines[2].get_ydata()[0] == 0.1 and figure.axes[2].get_legend()
    assert list(figure.axes[2].lines[1].get_ydata()) == [4, 5]
    assert figures.training_curves(history, example="point").axes[0].get_ylabel() == "nats per point"
    assert "the floor" in [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def test_training_curves_take_more_terms_and_logarithmic_axes():
    terms = ("loss", "reconstruction", "kl", "logvar")
    history = {"epoch": list(range(1, 41))} | {f"train_{term}": list(range(1, 41)) for term in terms}
    figure = figures.training_curves(history, terms=terms, log_terms=("loss",))
    assert [ax.get_title() for ax in figure.axes] == ["-ELBO", "reconstruction", "KL", "mean log-variance", "", ""]
    assert [ax.get_visible() for ax in figure.axes] == [True] * 4 + [False] * 2
    assert [ax.get_yscale() for ax in figure.axes[:2]] == ["log", "linear"]
    assert figure.axes[2].get_ylabel() == "nats per image" and figure.axes[3].get_ylabel() == ""


def test_line_panels_share_colours_between_panels_and_draw_the_reference_in_black():
    panels = {"one": ("N", {"a": ([1, 2], [3, 4]), "b": ([1, 2], [5.0, 6.0])}), "two": ("t", {"b": ([0, 1], [7, 8])})}
    figure = figures.line_panels(panels, columns=2, log_x=["one"], log_y=["two"])
    one, two = figure.axes
    assert [list(line.get_ydata()) for line in one.lines] == [[3, 4], [5, 6]]
    assert two.lines[0].get_color() == one.lines[1].get_color() != one.lines[0].get_color()
    assert [one.get_xscale(), one.get_yscale()] == ["log", "linear"]
    assert [two.get_xscale(), two.get_yscale()] == ["linear", "log"]
    assert [one.get_xlabel(), two.get_xlabel(), one.get_title()] == ["N", "t", "one"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]
    assert figures.line_panels(panels, reference="b").axes[0].lines[1].get_color() == "black"
    dotted, line = figures.line_panels(panels, dots=["a"]).axes[0].lines
    assert dotted.get_linestyle() == "None" and dotted.get_marker() == "." and line.get_linestyle() != "None"


@pytest.mark.parametrize("histogram", [False, True])
def test_point_clouds_show_the_points_and_contours_at_1_2_and_3_sd(histogram):
    points = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
    mean, cov = torch.tensor([1.0, 0.5]), torch.tensor([[1.0, 0.5], [0.5, 2.0]])
    figure = figures.point_clouds({"a": points, "b": points[:3]}, mean, cov, columns=2, histogram=histogram)
    first, second = figure.axes
    assert [first.get_title(), second.get_title()] == ["a", "b"] and first.get_aspect() == 1
    if histogram:
        inside = ((points - mean).abs() < 3.6 * cov.diagonal().sqrt()).all(1).sum()
        assert first.collections[0].get_array().sum() == inside
    else:
        np.testing.assert_array_equal(np.stack(second.lines[0].get_data(), 1), points[:3].numpy())
    for line, radius in zip(first.lines[-3:], (1, 2, 3), strict=True):
        off = torch.tensor(np.stack(line.get_data(), 1)).float() - mean
        distance = (off * torch.linalg.solve(cov, off.T).T).sum(1).sqrt()
        torch.testing.assert_close(distance, torch.full_like(distance, radius))


def test_in_the_drawing_the_gradient_stops_where_the_code_is_drawn():
    drawn, given = figures.sampling_graphs().axes

    def arrows(ax, color):
        return [
            text
            for text in ax.texts
            if getattr(text, "arrow_patch", None) is not None and text.arrowprops["color"] == color
        ]

    assert len(arrows(drawn, "black")) == 5 and len(arrows(given, "black")) == 6  # and one from the noise
    assert len(arrows(drawn, "#D55E00")) == 2 and len(arrows(given, "#D55E00")) == 4
    assert not any("noise" in text.get_text() for text in drawn.texts)


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
        assert np.sum(widths[: len(heights)] * heights[: len(widths)]) == pytest.approx(1, abs=0.02)
    assert ax.lines[0].get_xdata()[0] == 9


def test_score_heatmap_writes_mean_and_spread():
    figure = figures.score_heatmap(torch.tensor([[0.25, 1.0]]), torch.tensor([[0.1, 0.0]]), ["row"], ["a", "b"])
    assert [text.get_text() for text in figure.axes[0].texts] == ["0.25 ± 0.10", "1.00 ± 0.00"]


def test_image_panels_and_titles():
    figure = figures.image_panels({"a": torch.zeros(4, 6), "b": torch.ones(4, 6)})
    assert [ax.get_title() for ax in figure.axes] == ["a", "b"]


def test_dots_stand_where_they_should():
    [ax] = figures.dots(torch.tensor([0.0, 0.5, 90.0]), torch.tensor([1.0, 0.5, 0.0]), "x", "y").axes
    [line] = ax.lines
    assert list(line.get_xdata()) == [0, 0.5, 90] and list(line.get_ydata()) == [1, 0.5, 0]
    assert line.get_linestyle() == "None" and ax.get_xscale() == "symlog" and ax.get_ylabel() == "y"
