"""The VAE that trains in the page: what each control does, by keyboard, by mouse and by touch."""

import math
from itertools import product

import pytest
import torch

from tests.browser import THEMES, WIDTHS
from tests.hands import HOWS, keys, press, slide
from vaebook import live
from vaebook.live.random import Generator
from vaebook.live.training import MEAN, common_information, covariance, density
from vaebook.models import GaussianVAE, probabilistic_pca
from vaebook.objectives import negative_elbo
from vaebook.quadrature import exact_parts

PARTS = ["gap", "decoder", "encoder", "kl"]


def untrained(seed, source=None):
    """The model that the page begins with."""
    source, model = source or Generator(seed), GaussianVAE(2, 64, 1).double()
    for network in (model.encode, model.decode):
        for layer in (network.hidden, network.gaussian):
            for weight in layer.parameters():
                drawn = torch.from_numpy(source.uniforms(weight.numel())).reshape(weight.shape)
                weight.data = (2 * drawn - 1) / math.sqrt(layer.in_features)
    return model


def stepped(count, seed=1, rho=0.5, samples=(1,), rate=0.01):
    """By PyTorch: the model after some steps, the rows of the last, all losses.

    samples: N of each step; the last holds on.
    """
    source = Generator(seed)
    model = untrained(seed, source)
    optimizer, losses = torch.optim.Adam(model.parameters(), betas=(0.9, 0.99)), []
    for step in range(count):
        n = samples[min(step, len(samples) - 1)]
        standard = torch.from_numpy(source.normals(400)).reshape(200, 2)
        noise = torch.from_numpy(source.normals(200 * n)).reshape(n, 200, 1)
        optimizer.param_groups[0]["lr"] = rate * (1 - step / 2000)
        optimizer.zero_grad()
        x = MEAN + standard @ torch.linalg.cholesky(covariance(rho)).T
        loss = negative_elbo(model, x, noise)["loss"].mean()
        loss.backward()
        losses.append(loss.item())
        optimizer.step()
    return model, x, losses


def after_steps(count, rho=0.5, **options):
    """The numbers after some steps."""
    return exact_parts(stepped(count, rho=rho, **options)[0], density(rho))


@pytest.fixture(scope="module")
def figure():
    return live.training({0: untrained(1), 10: untrained(2)})


@pytest.fixture
def page(live_page, figure):
    return live_page(figure)


def shows(visit, parts):
    for name in PARTS:
        assert visit.number(name) == pytest.approx(parts[name], abs=1e-4), name


def shows_start(visit, seed, rho):
    assert visit.number("step") == 0
    shows(visit, exact_parts(untrained(seed), density(rho)))
    assert visit.number("floor") == pytest.approx(common_information(rho), abs=1e-4)


def wait_for(visit, state, timeout=60_000):
    visit.page.wait_for_function(
        "state => document.querySelector('[data-number=state]').textContent === state", arg=state, timeout=timeout
    )


def take_step(visit, step, how="mouse"):
    """Press Step, and wait until the numbers of this step are there."""
    press(visit, "step", how)
    wait_for_step(visit, step)
    visit.page.wait_for_timeout(120)


def wait_for_step(visit, step):
    visit.page.wait_for_function(
        "step => Number(document.querySelector('[data-number=step]').textContent) >= step", arg=step, timeout=60_000
    )


def test_the_exact_parts_are_those_that_a_finer_integral_gives():
    model = untrained(3)
    coarse, fine = exact_parts(model, density(0.8)), exact_parts(model, density(0.8), 30, step=0.02, reach=10.0)
    assert max(abs(coarse[name] - fine[name]) for name in coarse) < 1e-4
    assert coarse["gap"] == pytest.approx(coarse["decoder"] + coarse["encoder"], abs=1e-12)


def test_stills_leave_the_copies_as_they_were():
    copies = {0: GaussianVAE(2, 64, 1), 5: GaussianVAE(2, 64, 1)}
    live.training(copies)
    assert all(weight.dtype == torch.float32 for model in copies.values() for weight in model.parameters())


def test_without_copies_the_stills_say_what_they_show():
    html, with_copies = live.training()._repr_html_(), live.training({0: untrained(1), 9: untrained(1)})._repr_html_()
    assert "trained decoder" not in html and "trained decoder" in with_copies
    assert html.count("o network is shown") == 3 and "o network is shown" not in with_copies


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
        take_step(visit, step, how)
        assert (visit.number("step"), visit.number("state")) == (step, "paused")
        shows(visit, after_steps(step))


@pytest.mark.parametrize("how", HOWS)
def test_a_step_of_fifty_codes_is_one_step_though_it_takes_several_frames(live_page, figure, how):
    visit = live_page(figure, has_touch=how == "touch")
    visit.control("samples").select_option("50")
    take_step(visit, 1, how)
    assert visit.number("step") == 1 and visit.number("state") == "paused"
    shows(visit, after_steps(1, samples=[50]))


CLOCK = """() => {  // a clock that only parts move on, by 2 ms each; parts: how many each frame had
  const stage = document.querySelector(".vae-live").stage, timed = stage.timed.bind(stage);
  const training = vaeMaths.Training.prototype, part = training.part;
  let time = 0;
  window.parts = [];
  performance.now = () => time;
  stage.timed = act => {
    window.parts.push(0);
    return timed(act);
  };
  training.part = function () {
    time += 2;
    window.parts[window.parts.length - 1] += 1;
    return part.call(this);
  };
}"""


def test_a_frame_begins_no_part_of_a_step_once_its_time_is_over(page):
    page.control("samples").select_option("50")
    page.page.evaluate(CLOCK)
    take_step(page, 1)
    parts = page.page.evaluate("window.parts")
    assert sum(parts) == 50 and max(parts) == 3  # at 0, 2 and 4 ms of 5.5


# What comes faster than frames do, in one go.
AT_ONCE = """acts => {
  const control = name => document.querySelector(`[data-control=${name}]`);
  for (const [name, value] of acts) {
    if (value === null) control(name).click();
    else {
      control(name).value = value;
      control(name).dispatchEvent(new Event("input"));
    }
  }
}"""


def test_steps_asked_for_before_the_last_is_done_are_all_taken(page):
    page.page.evaluate(AT_ONCE, [["samples", "50"], *[["step", None]] * 3])
    wait_for_step(page, 3)
    page.page.wait_for_timeout(300)
    assert (page.number("step"), page.number("state")) == (3, "paused")
    assert page.page.locator(".status").inner_text() == ""
    shows(page, after_steps(3, samples=[50]))


@pytest.mark.parametrize("control", ["rho", "seed", "again"])
def test_a_step_that_is_not_done_is_dropped_by_a_new_start_and_nothing_trains(page, control):
    new = {"rho": "0.8", "seed": "3", "again": None}[control]
    page.page.evaluate(AT_ONCE, [["samples", "50"], *[["step", None]] * 2, [control, new]])
    page.page.wait_for_timeout(400)
    shows_start(page, seed=3 if control == "seed" else 1, rho=0.8 if control == "rho" else 0.5)
    assert page.number("state") == "paused" and page.control("run").inner_text() == "Train"
    take_step(page, 1)
    page.page.wait_for_timeout(300)
    assert page.number("step") == 1


def test_a_step_late_in_training_is_one_step_and_its_numbers_are_new(page):
    press(page, "run", "mouse")
    wait_for_step(page, 100)
    press(page, "run", "mouse")
    paused = page.number("step")
    take_step(page, paused + 1)
    assert (page.number("step"), page.number("state")) == (paused + 1, "paused")
    points = page.page.evaluate("document.querySelector('.vae-live').stage.points()")
    assert points[-2:] == [paused, paused + 1]


def test_train_takes_over_from_a_step_and_step_pauses_a_training(page):
    page.page.evaluate(AT_ONCE, [["step", None], ["run", None]])
    wait_for_step(page, 20)
    assert page.number("state") == "training"
    press(page, "step", "mouse")
    paused = page.number("step")
    page.page.wait_for_timeout(200)
    assert (page.number("step"), page.number("state")) == (paused, "paused")


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


@pytest.mark.parametrize("how", HOWS)
def test_start_again_goes_back_to_the_first_numbers(live_page, figure, how):
    visit = live_page(figure, has_touch=how == "touch")
    take_step(visit, 1, how)
    press(visit, "again", how)
    visit.page.wait_for_timeout(100)
    shows_start(visit, seed=1, rho=0.5)
    assert visit.page.evaluate("document.activeElement.dataset.control") == "run"


LATE = """pauses => {  // the training ends at step 30, and its last step leaves its frame no room for an evaluation
  const training = vaeMaths.Training.prototype, part = training.part, now = performance.now.bind(performance);
  let late = 0;
  performance.now = () => now() + late;
  training.part = function () {
    this.steps = 30;
    const ended = part.call(this);
    if (ended && this.ended) {
      late += 4;
      if (pauses) queueMicrotask(() => document.querySelector("[data-control=run]").click());  // before the next frame
    }
    return ended;
  };
}"""


def test_a_pause_at_the_last_step_ends_the_training(page):
    page.page.evaluate(LATE, True)
    press(page, "run", "mouse")
    wait_for_step(page, 30)
    page.page.wait_for_timeout(100)
    assert (page.number("step"), page.number("state")) == (30, "trained")
    assert page.control("run").is_disabled()


DRAWN = """() => {  // what is drawn: {"panel kind": [its arguments, ...]}
  const stage = document.querySelector(".vae-live").stage, drawn = {};
  for (const [name, panel] of Object.entries(stage.panels)) {
    for (const kind of ["line", "ellipse", "dots"]) {
      panel[kind] = (...given) => {
        (drawn[`${name} ${kind}`] ||= []).push(given.map(part => (ArrayBuffer.isView(part) ? [...part] : part)));
        return vaeLive.Panel.prototype[kind].apply(panel, given);
      };
    }
  }
  stage.paint();
  return drawn;
}"""


@torch.no_grad()
def test_what_is_drawn_is_what_python_says(page):
    rho, fixed = -0.6, torch.from_numpy(Generator(0).normals(600)).reshape(200, 3)
    page.page.evaluate(AT_ONCE, [["rho", str(rho)]])
    take_step(page, 1)
    take_step(page, 2)
    drawn = page.page.evaluate(DRAWN)
    with torch.enable_grad():
        (model, x, _), parts = stepped(2, rho=rho), [after_steps(step, rho=rho) for step in (1, 2)]
    key = probabilistic_pca(MEAN, covariance(rho), 1)

    rows, generated = (torch.tensor(dots[0]).reshape(-1, 2).double() for dots in drawn["plane dots"])
    mu, logvar = model.decode(fixed[:, :1])
    assert torch.allclose(rows, x, atol=1e-5)
    assert torch.allclose(generated, mu + (0.5 * logvar).exp() * fixed[:, 1:], atol=1e-4)

    contours, ellipses = drawn["plane ellipse"][:2], drawn["plane ellipse"][2:]
    assert [(at, cov, style["radius"]) for at, cov, style in contours] == [([1, 0.5], [1, rho, 1], r) for r in (1, 2)]
    lines = [points for points, _ in drawn["plane line"] if len(points) == 41]
    codes = torch.linspace(-2.5, 2.5, 41, dtype=torch.float64)[:, None]
    for decoder, line, rings in ((model, lines[0], ellipses[:5]), (key, lines[1], ellipses[5:])):
        mu, logvar = decoder.decode(codes)
        if (mu[-1, 0] > mu[0, 0]) != (line[-1][0] > line[0][0]):  # a code may be turned round
            mu, logvar = mu.flip(0), logvar.flip(0)
        assert torch.allclose(torch.tensor(line).double(), mu, atol=1e-4)
        centres, variances = (torch.tensor([ring[i] for ring in rings]).double() for i in (0, 1))
        assert torch.allclose(centres, mu[4:37:8], atol=1e-4)
        assert torch.allclose(variances[:, ::2], logvar[4:37:8].exp(), atol=1e-4) and not variances[:, 1].any()

    (blue, _), (pink, _), (total, _) = drawn["gap line"]
    decoder, above = ([part[name] for part in parts] for name in ("decoder", "gap"))
    for curve, right in ((blue, [*decoder, 1e-4, 1e-4]), (pink, [*above, *decoder[::-1]]), (total, above)):
        assert [step for step, _ in curve] == [1, 2, 2, 1][: len(curve)]
        assert [nats for _, nats in curve] == pytest.approx(right, abs=1e-4)
    (floor, _), (price, _) = drawn["kl line"]
    assert [nats for _, nats in floor] == pytest.approx([common_information(rho)] * 2)
    assert price == [[step, pytest.approx(part["kl"], abs=1e-4)] for step, part in zip((1, 2), parts, strict=True)]


def test_a_last_step_without_room_for_its_evaluation_has_it_in_the_next_frame(page):
    page.page.evaluate(LATE, False)
    press(page, "run", "mouse")
    wait_for(page, "trained")
    assert page.number("step") == 30
    assert page.page.evaluate("document.querySelector('.vae-live').stage.points()")[-1] == 30


def labels(visit):
    return visit.page.evaluate("[...document.querySelectorAll('canvas')].map(c => c.getAttribute('aria-label'))")


def test_the_words_of_the_pictures_are_of_this_training_and_not_of_the_stills(page):
    for step in (0, 1):
        found = labels(page)
        assert all(f"at step {step}" in words for words in found)
        assert all(f"{page.number(name):.4f}" in found[1] for name in ("gap", "decoder", "encoder"))
        assert f"{page.number('kl'):.4f}" in found[2] and f"{page.number('floor'):.4f}" in found[2]
        take_step(page, step + 1)
    press(page, "run", "mouse")
    wait_for_step(page, 5)
    assert all("while it trains" in words and "at step" not in words for words in labels(page))


def test_the_correlation_moves_by_keyboard_and_by_mouse_and_starts_again(page):
    take_step(page, 1)
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


@pytest.mark.parametrize("how", HOWS)
def test_a_seed_decides_the_weights(live_page, figure, how):
    visit = live_page(figure, has_touch=how == "touch")
    keys(visit, "seed", "ArrowRight", "ArrowRight") if how == "keyboard" else slide(visit, "seed", 1.0, how)
    shows_start(visit, seed=3 if how == "keyboard" else 20, rho=0.5)


def test_a_new_correlation_while_it_trains_trains_on_afresh(page):
    press(page, "run", "mouse")
    wait_for_step(page, 100)
    keys(page, "rho", "End")
    assert page.number("state") == "training" and page.number("step") < 100
    assert page.number("floor") == pytest.approx(common_information(0.95), abs=1e-4)
    wait_for_step(page, 20)


def test_the_number_of_codes_holds_from_the_next_step_on_and_is_chosen_by_keyboard(page):
    take_step(page, 1)
    keys(page, "samples", "ArrowDown")
    shows(page, after_steps(1))
    take_step(page, 2)
    assert page.number("step") == 2
    shows(page, after_steps(2, samples=[1, 10]))


@pytest.mark.parametrize("how", HOWS)
def test_the_rate_holds_from_the_next_step_on(live_page, figure, how):
    visit = live_page(figure, has_touch=how == "touch")
    keys(visit, "rate", "ArrowRight") if how == "keyboard" else slide(visit, "rate", 0.01, how)
    shows_start(visit, seed=1, rho=0.5)
    assert visit.control("rate").get_attribute("aria-valuetext") == ("0.018" if how == "keyboard" else "0.0001")
    take_step(visit, 1, how)
    shows(visit, after_steps(1, rate=10**-1.75 if how == "keyboard" else 1e-4))


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
    assert [page.number(name) for name in PARTS] == ["–"] * 4  # the last known are of an earlier step
    losses = stepped(4, rate=1.0)[2]
    assert page.number("step") == next(step for step, loss in enumerate(losses, 1) if not loss < 1000)
    assert "first" in page.control("again").get_attribute("class")
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
