"""The mathematics of the plane of codes, run by V8, against PyTorch: quantiles, a walk, costs, exact posteriors."""

import copy
import json
import math
from pathlib import Path

import pytest
import torch
from py_mini_racer import MiniRacer
from torch import nn

import vaebook.live
from tests.planes import model_and_images
from vaebook.live.exact import close_window, exact_posterior
from vaebook.live.plane import of_digits
from vaebook.live.squares import product_rule
from vaebook.live.weights import packed
from vaebook.models import BernoulliVAE
from vaebook.objectives import log_joint, log_likelihood_on_grid, negative_elbo

FOLDER = Path(vaebook.live.__file__).parent
SCRIPT = "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in ("maths.js", "images.js", "plane_maths.js"))
GRID = {"count": 48, "reach": 5.0}


@pytest.fixture(scope="module")
def v8():
    """Evaluates code over `maths`, `all` (which runs a generator to its end) and some named values."""
    engine = MiniRacer()
    engine.eval(f"{SCRIPT}; const maths = vaeMaths;")
    engine.eval("const plain = (_, value) => ArrayBuffer.isView(value) ? [...value] : value;")
    engine.eval("const all = work => { let next; do next = work.next(); while (!next.done); return next.value; };")

    def evaluate(code, **values):
        names, given = ", ".join(values), ", ".join(map(json.dumps, values.values()))
        body = code if "return" in code else f"return {code}"
        return json.loads(engine.eval(f"JSON.stringify((({names}) => {{ {body} }})({given}), plain)"))

    return evaluate


@pytest.fixture(scope="module")
def problem():
    """A model with rounded weights in double precision, its texts and layers, and twelve pictures."""
    model, x = model_and_images()
    rounded, _, _ = of_digits(model, x)
    text, sizes = packed(rounded)
    return rounded.double(), text, sizes, x[:12].double()


def double(values):
    return torch.tensor(values, dtype=torch.float64)


def test_probabilities_and_quantiles_are_those_of_the_normal_distribution(v8):
    z = torch.linspace(-5.5, 5.5, 45, dtype=torch.float64)
    found = v8(
        "const {normalCdf, normalQuantile} = maths;"
        "return [z.map(normalCdf), z.map(normalCdf).map(normalQuantile), [-7, 7].map(normalCdf)]",
        z=z.tolist(),
    )
    torch.testing.assert_close(double(found[0]), torch.special.ndtr(z), rtol=0, atol=1e-13)
    torch.testing.assert_close(double(found[1]), z, rtol=0, atol=1e-7)
    assert found[2] == [0, 1]
    p = torch.linspace(0.001, 0.999, 31, dtype=torch.float64)
    found = v8("p.map(maths.normalQuantile)", p=p.tolist())
    torch.testing.assert_close(double(found), torch.special.ndtri(p), rtol=0, atol=1e-10)
    assert v8("[-1, 0, 1, 2].map(maths.normalQuantile)") == pytest.approx([-6, -6, 6, 6], abs=1e-6)


@pytest.mark.parametrize("start", [(0.5, 0.5), (0.73, 0.27), (0.001, 0.96), (0.95, 0.05)])
def test_a_walk_begins_where_one_is_goes_slowly_and_comes_back(v8, start):
    found = double(
        v8(
            """const curve = maths.closedCurve(start, 80);
            return Array.from({length: 801}, (_, i) => curve(i / 10))""",
            start=list(start),
        )
    )
    torch.testing.assert_close(found[0], double(start), rtol=0, atol=1e-12)
    torch.testing.assert_close(found[-1], found[0], rtol=0, atol=1e-9)
    assert found.min() >= 0 and found.max() <= 1
    assert (found.amax(0) > 0.94).all() and (found.amin(0) < 0.06).all()  # it sees all of the plane
    steps = found.diff(dim=0).norm(dim=1)
    assert 0.002 < steps.mean() and steps.max() < 0.015  # of the plane's width, in a tenth of a second


def test_costs_are_those_of_the_same_codes_in_pytorch_and_near_the_average_over_many(v8, problem):
    model, text, sizes, x = problem
    rule = product_rule(9)
    with torch.no_grad():
        mu, logvar = model.encode(x)
        noise, weights = double(rule["noise"]), double(rule["weights"])
        z = mu + (0.5 * logvar).exp() * noise[:, None]
        reconstruction = -(weights[:, None] * model.log_likelihood(z, x)).sum(0)
        drawn = torch.randn(4000, len(x), 2, generator=torch.Generator().manual_seed(0)).double()
        terms = negative_elbo(model, x, drawn)
    found = v8(
        """const vae = new maths.BernoulliVAE(text, sizes);
        return x.map((x, i) => all(maths.costs(vae, x, {mu: mu[i], logvar: logvar[i]}, rule)))""",
        text=text,
        sizes=sizes,
        x=x.tolist(),
        mu=mu.tolist(),
        logvar=logvar.tolist(),
        rule=rule,
    )
    found = {name: double([each[name] for each in found]) for name in ("reconstruction", "kl", "loss")}
    torch.testing.assert_close(found["reconstruction"], reconstruction, rtol=1e-5, atol=1e-3)
    torch.testing.assert_close(found["kl"], terms["kl"], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(found["loss"], found["kl"] + found["reconstruction"], rtol=0, atol=1e-9)
    assert (found["reconstruction"] - terms["reconstruction"]).abs().max() < 0.5  # the draws err by as much


def test_a_code_s_work_is_handed_out_in_parts(v8, problem):
    _, text, sizes, x = problem
    parts = v8(
        """const vae = new maths.BernoulliVAE(text, sizes), grid = new maths.Grid(vae, 8, 5);
        let parts = 0, done = 0;
        for (const _ of maths.costs(vae, x, {mu: [0, 0], logvar: [0, 0]}, rule)) parts += 1;
        while (!grid.complete) { grid.step(); done += 1; }
        return [parts, done]""",
        text=text,
        sizes=sizes,
        x=x[0].tolist(),
        rule=product_rule(9),
    )
    assert parts == [81, 64]


def test_a_grid_that_is_decoded_once_gives_the_joint_density_of_any_picture(v8, problem):
    model, text, sizes, x = problem
    found = v8(
        """const grid = new maths.Grid(new maths.BernoulliVAE(text, sizes), 12, 4);
        while (!grid.complete) grid.step();
        const cells = Array.from({length: 144}, (_, cell) => cell);
        const met = x.map(x => grid.met(x));
        return [cells.map(cell => grid.codeAt(cell)), met.map(met => cells.map(c => grid.logJoint(c, met)))]""",
        text=text,
        sizes=sizes,
        x=[*x.tolist(), (x[0] * 0.4).tolist()],
    )
    axis = -4 + (torch.arange(12).double() + 0.5) * 8 / 12
    z = torch.cartesian_prod(axis, axis)
    torch.testing.assert_close(double(found[0]), z, rtol=0, atol=1e-12)
    with torch.no_grad():
        right = log_joint(model, z[:, None], torch.cat([x, x[:1] * 0.4])).T
    torch.testing.assert_close(double(found[1]), right, rtol=1e-5, atol=2e-3)


POSTERIOR = """const grid = new maths.Grid(new maths.BernoulliVAE(text, sizes), count, reach);
while (!grid.complete) grid.step();
return x.map((x, i) => {
  const posterior = new maths.Posterior(grid, x), before = posterior.window(mu[i], sigma[i], reach - 1);
  all(posterior.work());
  const window = posterior.window(mu[i], sigma[i], reach - 1), {cells, sum, decoded} = posterior;
  return {sum, decoded, before, window, inside: posterior.massIn(window), complete: posterior.complete, cells};
})"""


def exact_in(v8, model, text, sizes, x, mu, sigma, grid=GRID):
    return v8(POSTERIOR, text=text, sizes=sizes, x=x.tolist(), mu=mu.tolist(), sigma=sigma.tolist(), **grid)


@torch.no_grad()
def test_the_sum_over_cells_is_log_p_of_x_to_a_fiftieth_of_a_nat(v8, problem):
    model, text, sizes, x = problem
    mu, logvar = model.encode(x)
    found = exact_in(v8, model, text, sizes, x, mu, (0.5 * logvar).exp())
    right = log_likelihood_on_grid(model, x, step=0.01, reach=GRID["reach"])
    assert (double([each["sum"] for each in found]) - right).abs().max() < 0.02
    gaps = negative_elbo(model, x, torch.randn(2000, len(x), 2).double())["loss"] + right
    assert gaps.min() > 0 and all(each["complete"] and 0 < each["decoded"] < 4000 for each in found)


@torch.no_grad()
def test_python_s_cells_and_windows_are_those_of_the_page(v8, problem):
    model, text, sizes, x = problem
    mu, logvar = model.encode(x)
    sigma = (0.5 * logvar).exp()
    for row, each in enumerate(exact_in(v8, model, text, sizes, x, mu, sigma)):
        cells = exact_posterior(model.float(), x[row : row + 1].float(), GRID)
        model.double()
        z, side, log, total = cells
        assert each["sum"] == pytest.approx(total, abs=2e-3)
        assert sum(cell["side"] ** 2 for cell in each["cells"]) == pytest.approx(100, rel=1e-9)  # none lost, none twice
        assert (side.double() ** 2).sum().item() == pytest.approx(100, rel=1e-5)
        assert len(z) == pytest.approx(len(each["cells"]), rel=0.02)  # divided alike
        right = close_window(cells, mu[row], sigma[row], GRID["reach"] - 1)
        assert torch.tensor(each["window"]).flatten().tolist() == pytest.approx(sum(right, []), abs=1e-5)
        (left, high), (bottom, top) = each["window"]
        inside = (z[:, 0] >= left) & (z[:, 0] <= high) & (z[:, 1] >= bottom) & (z[:, 1] <= top)
        mass = (log + 2 * side.double().log() - total).exp()[inside].sum().item()
        assert each["inside"] == pytest.approx(mass, abs=0.02)
        assert each["inside"] >= 0.95 or high - left >= 2 * (GRID["reach"] - 1)
        assert each["before"][0][1] - each["before"][0][0] == pytest.approx(8 * sigma[row].max().item(), rel=1e-6)


@torch.no_grad()
def test_a_window_around_one_of_two_equal_modes_falls_short_by_log_two_and_the_sum_does_not(v8):
    """A decoder that sees z1 without its sign, and narrowly: half of the posterior is where the encoder is not."""
    model = BernoulliVAE(784, [2], 2)
    hidden, last = (layer for layer in model.decode if isinstance(layer, nn.Linear))
    hidden.weight.data, hidden.bias.data = torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), torch.zeros(2)
    half = torch.cat([torch.ones(392), -torch.ones(392)])
    last.weight.data, last.bias.data = 4.0 * half[:, None].expand(784, 2).contiguous(), -6.0 * half
    x = (
        torch.rand(1, 784, generator=torch.Generator().manual_seed(3)) < torch.sigmoid(4 * 1.57 * half - 6 * half)
    ).float()
    text, sizes = packed(model)
    model, x = model.double(), x.double()
    axis = torch.arange(-5, 5, 0.0005).double()
    joint = log_joint(model, torch.stack([axis, 0 * axis], 1)[:, None], x)[:, 0]
    mode = axis[joint.argmax()].abs().item()
    mass = (joint - joint.max()).exp()
    sigma = ((mass * (axis.abs() - mode) ** 2).sum() / mass.sum()).sqrt().item()
    assert sigma < 0.03 and mode > 1  # narrower than a tenth of a first cell
    right = joint.logsumexp(0).item() + math.log(0.0005 * math.sqrt(2 * math.pi))  # z2 says nothing of x
    mu, spread = double([[mode, 0.0]]), double([[sigma, 1.0]])
    [found] = exact_in(v8, model, text, sizes, x, mu, spread)
    assert found["sum"] == pytest.approx(right, abs=0.02)
    small = v8(
        """const grid = new maths.Grid(new maths.BernoulliVAE(text, sizes), 48, 5);
        while (!grid.complete) grid.step();
        const posterior = new maths.Posterior(grid, x);
        all(posterior.work());
        return posterior.massIn([[mode - 0.5, mode + 0.5], [-5, 5]])""",
        text=text,
        sizes=sizes,
        x=x[0].tolist(),
        mode=mode,
    )
    assert math.log(small) == pytest.approx(-math.log(2), abs=0.02)
    assert found["inside"] > 0.95 and found["window"][0][0] < -mode  # the close-up has grown until it shows both


WINDOW = """const grid = new maths.Grid(new maths.BernoulliVAE(text, sizes), 48, 5);
while (!grid.complete) grid.step();
const posterior = new maths.Posterior(grid, x);
all(posterior.work());
return posterior.window(mu, sigma, reach)"""


@torch.no_grad()
def test_a_window_does_not_grow_once_it_reaches_as_far_as_the_plane(v8, problem):
    model, text, sizes, _ = problem
    x = model_and_images()[1][63:64].double()  # the encoder is off by more than four standard deviations
    mu, logvar = model.encode(x)
    sigma = (0.5 * logvar[0]).exp()
    half = 4 * sigma.max().item()
    cells = exact_posterior(copy.deepcopy(model).float(), x.float(), GRID)
    values = {"text": text, "sizes": sizes, "x": x[0].tolist(), "mu": mu[0].tolist(), "sigma": sigma.tolist()}
    for reach, times in ((0.5 * half, 1), (1.5 * half, 2), (6 * half, 4)):
        right = [[middle - times * half, middle + times * half] for middle in mu[0].tolist()]
        for found in (close_window(cells, mu[0], sigma, reach), v8(WINDOW, **values, reach=reach)):
            assert sum(found, []) == pytest.approx(sum(right, []), abs=1e-6)


@torch.no_grad()
def test_a_decoder_of_one_layer_has_its_posterior_too(v8):
    torch.manual_seed(2)
    model = BernoulliVAE(784, [2], 2)
    model.decode = nn.Sequential(nn.Linear(2, 784))
    x = (torch.rand(2, 784) > 0.5).float()
    text, sizes = packed(model, ("decode",))
    found = exact_in(v8, model, text, sizes, x, torch.zeros(2, 2), torch.ones(2, 2))
    right = log_likelihood_on_grid(model.double(), x.double(), step=0.02)
    assert double([each["sum"] for each in found]).tolist() == pytest.approx(right.tolist(), abs=0.3)  # 8 bits
