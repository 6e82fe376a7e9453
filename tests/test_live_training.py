"""The VAE that trains in the page: what each control does, by keyboard, by mouse and by touch."""

import math
from itertools import product

import pytest
import torch

from tests.browser import THEMES, WIDTHS
from tests.hands import HOWS, keys, press, slide
from vaebook import live
from vaebook.live.random import Generator
from vaebook.live.training import common_information, exact_parts
from vaebook.models import GaussianVAE

PARTS = ["gap", "decoder", "encoder", "kl"]


def untrained(seed):
    """The model that the page begins with."""
    source, model = Generator(seed), GaussianVAE(2, 64, 1).double()
    for network in (model.encode, model.decode):
        for layer in (network.hidden, network.gaussian):
            for weight in layer.parameters():
                drawn = torch.from_numpy(source.uniforms(weight.numel())).reshape(weight.shape)
                weight.data = (2 * drawn - 1) / math.sqrt(layer.in_features)
    return model


@pytest.fixture(scope="module")
def figure():
    return live.training({0: untrained(1), 10: untrained(2)})


@pytest.fixture
def page(live_page, figure):
    return live_page(figure)


def shows_start(visit, seed, rho):
    right = exact_parts(untrained(seed), rho)
    assert visit.number("step") == 0
    for name in PARTS:
        assert visit.number(name) == pytest.approx(right[name], abs=1e-4), name
    assert visit.number("floor") == pytest.approx(common_information(rho), abs=1e-4)


def wait_for(visit, state, timeout=60_000):
    visit.page.wait_for_function(
        "state => document.querySelector('[data-number=state]').textContent === state", arg=state, timeout=timeout
    )


def wait_for_step(visit, step):
    visit.page.wait_for_function(
        "step => Number(document.querySelector('[data-number=step]').textContent) >= step", arg=step, timeout=60_000
    )


def test_the_exact_parts_are_those_that_a_finer_integral_gives():
    model = untrained(3)
    coarse, fine = exact_parts(model, 0.8), exact_parts(model, 0.8, points=30, step=0.02, reach=8.0)
    assert max(abs(coarse[name] - fine[name]) for name in coarse) < 1e-4
    assert coarse["gap"] == pytest.approx(coarse["decoder"] + coarse["encoder"], abs=1e-12)


def test_stills_leave_the_copies_as_they_were():
    copies = {0: GaussianVAE(2, 64, 1), 5: GaussianVAE(2, 64, 1)}
    live.training(copies)
    assert all(weight.dtype == torch.float32 for model in copies.values() for weight in model.parameters())


def test_without_copies_the_stills_say_what_they_show():
    html, with_copies = live.training()._repr_html_(), live.training({0: untrained(1), 9: untrained(1)})._repr_html_()
    assert "trained decoder" not in html and "trained decoder" in with_copies


@pytest.mark.parametrize("theme, width", list(product(THEMES, WIDTHS)))
def test_it_starts_paused_with_the_numbers_of_the_untrained_model(live_page, figure, theme, width):
    visit = live_page(figure, theme=theme, width=width)
    visit.page.wait_for_timeout(100)
    shows_start(visit, seed=1, rho=0.5)
    assert visit.number("state") == "paused" and visit.complaints == []
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    assert all(request.url.startswith(("file:", "data:", "blob:")) for request in visit.requests)


@pytest.mark.parametrize("how", HOWS)
def test_step_takes_one_step(live_page, figure, how):
    visit = live_page(figure, has_touch=how == "touch", reduced_motion="reduce")
    for step in (1, 2):
        press(visit, "step", how)
        visit.page.wait_for_timeout(150)
        assert (visit.number("step"), visit.number("state")) == (step, "paused")
    assert visit.number("gap") != pytest.approx(exact_parts(untrained(1), 0.5)["gap"], abs=1e-3)


def test_a_step_of_fifty_codes_is_one_step_though_it_takes_several_frames(page):
    page.control("samples").select_option("50")
    press(page, "step", "keyboard")
    wait_for(page, "paused")
    wait_for_step(page, 1)
    page.page.wait_for_timeout(200)
    assert page.number("step") == 1
    assert page.page.evaluate("document.querySelector('.vae-live').stage.longest") < 200


@pytest.mark.parametrize("how", HOWS)
def test_training_runs_until_it_is_paused_and_goes_on_from_there(live_page, figure, how):
    visit = live_page(figure, has_touch=how == "touch")
    assert visit.control("run").inner_text() == "Train"
    press(visit, "run", how)
    wait_for_step(visit, 5)
    assert visit.control("run").inner_text() == "Pause" and visit.number("state") == "training"
    press(visit, "run", how)
    visit.page.wait_for_timeout(100)
    paused = visit.number("step")
    visit.page.wait_for_timeout(300)
    assert visit.number("step") == paused and visit.number("state") == "paused"
    assert f"Paused at step {paused:.0f}" in visit.page.locator(".status").inner_text()
    press(visit, "run", how)
    wait_for_step(visit, paused + 5)
    for _ in range(4):
        press(visit, "run", how)
        visit.page.wait_for_timeout(60)
    points = visit.page.evaluate("document.querySelector('.vae-live').stage.points()")
    assert points == sorted(set(points))


def test_start_again_goes_back_to_the_first_numbers(page):
    for _ in range(3):
        press(page, "step", "mouse")
        page.page.wait_for_timeout(120)
    press(page, "again", "keyboard")
    page.page.wait_for_timeout(100)
    shows_start(page, seed=1, rho=0.5)
    assert page.page.evaluate("document.activeElement.dataset.control") == "run"


def test_the_correlation_moves_by_keyboard_and_by_mouse_and_starts_again(page):
    press(page, "step", "mouse")
    page.page.wait_for_timeout(120)
    keys(page, "rho", "ArrowRight")
    shows_start(page, seed=1, rho=0.55)
    keys(page, "rho", "Home")
    shows_start(page, seed=1, rho=-0.95)
    slide(page, "rho", 1.0)
    shows_start(page, seed=1, rho=0.95)


def test_a_finger_moves_a_slider(live_page, figure):
    visit = live_page(figure, has_touch=True, width=360)
    slide(visit, "rho", 0.01, "touch")
    shows_start(visit, seed=1, rho=-0.95)


def test_a_seed_decides_the_weights(page):
    keys(page, "seed", "ArrowRight", "ArrowRight")
    shows_start(page, seed=3, rho=0.5)


def test_a_new_correlation_while_it_trains_trains_on_afresh(page):
    press(page, "run", "mouse")
    wait_for_step(page, 100)
    keys(page, "rho", "End")
    assert page.number("state") == "training" and page.number("step") < 100
    assert page.number("floor") == pytest.approx(common_information(0.95), abs=1e-4)
    wait_for_step(page, 20)


def first_step(visit):
    press(visit, "step", "mouse")
    visit.page.wait_for_timeout(250)
    return [visit.number(name) for name in PARTS]


def test_rate_and_number_of_codes_hold_from_the_next_step_on(page):
    found = [first_step(page)]
    for change in ("samples", "rate"):
        press(page, "again", "mouse")
        page.control("samples").select_option("10") if change == "samples" else keys(page, "rate", "ArrowRight")
        page.page.wait_for_timeout(60)
        shows_start(page, seed=1, rho=0.5)
        found.append(first_step(page))
    assert page.control("rate").get_attribute("aria-valuetext") == "0.018"
    assert found[0] != found[1] != found[2]


def test_training_ends_at_the_truth_and_says_so(page):
    press(page, "run", "mouse")
    wait_for(page, "trained")
    assert page.number("step") == 2000 and 0 < page.number("gap") <= 0.004
    assert page.number("gap") == pytest.approx(page.number("decoder") + page.number("encoder"), abs=2e-4)
    assert page.number("kl") == pytest.approx(page.number("floor"), abs=0.06)
    words = page.page.locator(".status").inner_text()
    assert words == f"Trained: {page.number('gap'):.4f} nats above the truth."
    assert page.control("run").is_disabled() and page.control("step").is_disabled()
    points = page.page.evaluate("document.querySelector('.vae-live').stage.points()")
    assert points[0] == 0 and points[-1] == 2000 and 100 < len(points) < 250
    press(page, "again", "mouse")
    page.page.wait_for_timeout(80)
    shows_start(page, seed=1, rho=0.5)
    assert page.control("run").is_enabled()


def test_a_rate_that_is_too_high_is_said_and_one_can_start_again(page):
    keys(page, "rate", "End")
    press(page, "run", "mouse")
    wait_for(page, "diverged")
    words = page.page.locator(".status").inner_text()
    assert "a learning rate of 1 is too high" in words and f"step {page.number('step'):.0f}" in words
    assert page.number("step") < 100 and "first" in page.control("again").get_attribute("class")
    assert page.control("run").is_disabled() and page.complaints == []
    keys(page, "rate", *["ArrowLeft"] * 8)
    press(page, "again", "keyboard")
    press(page, "run", "mouse")
    wait_for_step(page, 300)
    assert page.number("gap") < 0.1


def heap(session):
    session.send("HeapProfiler.collectGarbage")
    return session.send("Runtime.getHeapUsage")["usedSize"]


def test_many_steps_and_starts_take_no_more_memory(page):
    """As in ten minutes: over 6,000 steps, whose batches alone, if they were kept, would be 29 MB."""
    session = page.page.context.new_cdp_session(page.page)
    sizes = []
    for _ in range(4):
        press(page, "run", "mouse")
        wait_for(page, "trained")
        sizes.append(heap(session))
        keys(page, "seed", "ArrowRight")
    assert sizes[-1] - sizes[0] < 2**20, sizes
