"""The mathematics of the live figures, run by V8, against PyTorch, SciPy and the package."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from py_mini_racer import MiniRacer
from scipy.special import roots_hermitenorm

import vaebook.live
from vaebook.data import all_rectangles, correlated_gaussian, rectangles
from vaebook.distributions import bernoulli_log_likelihood, gaussian_log_likelihood, kl_standard_normal
from vaebook.layers import BernoulliNoise
from vaebook.live import weights
from vaebook.live.random import Generator
from vaebook.models import BernoulliVAE, GaussianVAE, ModularVAE, probabilistic_pca
from vaebook.objectives import log_likelihood_on_grid, negative_elbo
from vaebook.training import fit, seeded

FOLDER = Path(vaebook.live.__file__).parent
SCRIPT = "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in ("maths.js", "images.js"))
RHOS = [-0.95, -0.5, -0.1, 0.0, 0.3, 0.5, 0.95]
places, quadrature_weights = roots_hermitenorm(12)
QUADRATURE = {"places": places.tolist(), "weights": quadrature_weights.tolist()}


@pytest.fixture(scope="module")
def v8():
    """Evaluates an expression over `maths` and some named values; arrays come back as lists."""
    engine = MiniRacer()
    engine.eval(f"{SCRIPT}; const maths = vaeMaths;")
    engine.eval("const plain = (_, value) => ArrayBuffer.isView(value) ? [...value] : value;")

    def evaluate(code, **values):
        names = ", ".join(values)
        given = ", ".join(json.dumps(value) for value in values.values())
        body = code if "return" in code else f"return {code}"
        return json.loads(engine.eval(f"JSON.stringify((({names}) => {{ {body} }})({given}), plain)"))

    return evaluate


def double(values):
    return torch.tensor(values, dtype=torch.float64)


def problem(rho):
    """Mean and covariance of chapter 4's data for any correlation."""
    return double([1.0, 0.5]), double([[1.0, rho], [rho, 1.0]])


def flat(model):
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])


def gaussian_model(hidden=64):
    torch.manual_seed(0)
    return GaussianVAE(2, hidden, 1).double()


# Random numbers.


@pytest.mark.parametrize("seed", [0, 1, 12345, 2**32 - 1])
def test_both_generators_give_the_same_numbers(v8, seed):
    ours = Generator(seed)
    drawn = v8(
        """const source = new maths.Generator(seed), take = (count, draw) => Array.from({length: count}, draw);
        return [take(50, () => source.bits()), take(50, () => source.uniform()), take(7, () => source.normal()),
                source.normals(4), source.normals(0), source.normals(5)]""",
        seed=seed,
    )
    assert drawn[0] == ours.bits(50).tolist() and drawn[1] == ours.uniforms(50).tolist()
    for count, normals in zip([7, 4, 0, 5], drawn[2:], strict=True):  # an odd number leaves one of a pair for the next
        np.testing.assert_allclose(normals, ours.normals(count), rtol=1e-13, atol=1e-15)


def test_a_known_number_of_the_generator_stays_as_it_is():
    """By hand, with integers of any size: the counter's first step, mixed."""
    mixed = 0x9E3779B9 + 7
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        mixed = (mixed ^ (mixed >> shift)) * factor % 2**32
    assert Generator(7).bits(1).tolist() == [mixed ^ (mixed >> 16)]


def test_the_generator_draws_standard_normal_numbers_that_are_independent():
    drawn = Generator(3).normals(200_000)
    error = 1 / math.sqrt(len(drawn))
    assert abs(drawn.mean()) < 4 * error and abs(drawn.var() - 1) < 4 * math.sqrt(2) * error
    assert abs((drawn**4).mean() - 3) < 4 * math.sqrt(96) * error
    for lag in (1, 2, 3, 400):
        assert abs((drawn[lag:] * drawn[:-lag]).mean()) < 4 * error
    assert abs(np.corrcoef(Generator(4).normals(20_000), Generator(5).normals(20_000))[0, 1]) < 4 / math.sqrt(20_000)


@pytest.mark.parametrize("seed", [-1, 2**32, "1"])
def test_a_seed_outside_of_32_bits_is_refused(seed):
    with pytest.raises((TypeError, ValueError), match="seed must be"):
        Generator(seed)


# Formulas.


def test_formulas_are_those_of_the_package(v8):
    values = torch.linspace(-30, 30, 61, dtype=torch.float64)
    given = values.tolist()
    for name, right in {
        "softplus": values.logaddexp(0 * values),
        "sigmoid": values.sigmoid(),
        "tanh": values.tanh(),
    }.items():
        found = v8(f"given.map(value => maths.{name}(value))", given=given)
        torch.testing.assert_close(double(found), right, rtol=1e-13, atol=1e-15)
    mu, logvar = torch.meshgrid(values[20:41] / 4, values[20:41] / 4, indexing="ij")
    mu, logvar = (each.reshape(-1, 1).requires_grad_() for each in (mu, logvar))
    kl = kl_standard_normal(mu, logvar)
    by_mu, by_logvar = torch.autograd.grad(kl.sum(), [mu, logvar])
    pairs = torch.cat([mu, logvar], 1).tolist()
    found = v8(
        "pairs.map(([mu, logvar]) => [maths.kl(mu, logvar), maths.klByMu(mu), maths.klByLogvar(logvar)])", pairs=pairs
    )
    right = torch.stack([kl.detach(), by_mu[:, 0], by_logvar[:, 0]], 1)
    torch.testing.assert_close(double(found), right, rtol=1e-13, atol=1e-14)
    x = double([[0.7]])
    right = gaussian_log_likelihood(mu, logvar, x).detach()
    found = v8("pairs.map(([mu, logvar]) => maths.logNormal(mu, logvar, 0.7))", pairs=pairs)
    torch.testing.assert_close(double(found), right, rtol=1e-13, atol=1e-13)


def test_a_sum_of_exponentials_neither_overflows_nor_vanishes(v8):
    for values in ([1000.0, 1001.0, 999.0], [-1000.0, -1001.0], [0.5]):
        right = torch.tensor(values).double().logsumexp(0).item()
        assert v8("maths.logSumExp(values)", values=values) == pytest.approx(right, rel=1e-14)


# The Gaussian VAE: loss, gradient, Adam.


@pytest.mark.parametrize("samples", [1, 3])
def test_loss_and_gradient_are_those_of_autograd(v8, samples):
    model = gaussian_model(hidden=7)
    x, noise = torch.randn(11, 2).double(), torch.randn(samples, 11, 1).double()
    terms = negative_elbo(model, x, noise)
    right = torch.cat([part.flatten() for part in torch.autograd.grad(terms["loss"].mean(), list(model.parameters()))])
    found = v8(
        """const model = new maths.GaussianVAE(7, Float64Array.from(parameters));
        const gradient = new Float64Array(parameters.length);
        const whole = model.accumulate(x, noise, gradient), inParts = new Float64Array(parameters.length);
        const parts = [[0, 4], [4, 5], [5, 11]].map(([from, to]) => model.accumulate(x, noise, inParts, from, to));
        return [gradient, inParts, whole, parts]""",
        parameters=flat(model).tolist(),
        x=x.flatten().tolist(),
        noise=noise.flatten().tolist(),
    )
    for gradient in found[:2]:
        difference = (double(gradient) - right).norm() / right.norm()
        assert difference < 1e-9
        torch.testing.assert_close(double(gradient), right, rtol=1e-9, atol=1e-13)
    for name in ("reconstruction", "kl"):
        assert found[2][name] == pytest.approx(terms[name].mean().item(), rel=1e-12)
        assert sum(part[name] for part in found[3]) == pytest.approx(terms[name].mean().item(), rel=1e-12)


def test_means_variances_and_codes_are_those_of_the_model(v8):
    model = gaussian_model(hidden=9)
    z, x = torch.linspace(-3, 3, 7).double()[:, None], torch.randn(5, 2).double()
    found = v8(
        """const model = new maths.GaussianVAE(9, Float64Array.from(parameters));
        return [z.map(([z]) => [...model.decode(z)]), x.map(row => [...model.encode(row)])]""",
        parameters=flat(model).tolist(),
        z=z.tolist(),
        x=x.tolist(),
    )
    for rows, network, given in zip(found, (model.decode, model.encode), (z, x), strict=True):
        torch.testing.assert_close(double(rows), torch.cat(network(given), -1).detach(), rtol=1e-12, atol=1e-13)


def test_fifty_steps_of_training_follow_pytorch(v8):
    """Weights, rows and noise from one seed on both sides, a falling rate, and Adam with the book's betas."""
    source, rho, rows, samples, total = Generator(8), 0.6, 40, 2, 60
    model = GaussianVAE(2, 16, 1).double()
    for network in (model.encode, model.decode):
        for layer in (network.hidden, network.gaussian):
            reach = 1 / math.sqrt(layer.in_features)
            for weight in layer.parameters():
                drawn = torch.from_numpy(source.uniforms(weight.numel())).reshape(weight.shape)
                weight.data = reach * (2 * drawn - 1)
    mean, cov = problem(rho)
    adam, losses = torch.optim.Adam(model.parameters(), lr=1e-2, betas=(0.9, 0.99)), []
    for step in range(50):
        standard = torch.from_numpy(source.normals(2 * rows)).reshape(rows, 2)
        x = mean + standard @ torch.linalg.cholesky(cov).T
        noise = torch.from_numpy(source.normals(samples * rows)).reshape(samples, rows, 1)
        adam.param_groups[0]["lr"] = 1e-2 * (1 - step / total)
        adam.zero_grad()
        loss = negative_elbo(model, x, noise)["loss"].mean()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    found = v8(
        """const run = new maths.Training({rho: 0.6, seed: 8, rate: 1e-2, samples: 2, rows: 40, hidden: 16, steps: 60});
        const losses = [];
        while (run.step < 50) if (run.part()) losses.push(run.loss);
        return [run.model.parameters, losses]"""
    )
    np.testing.assert_allclose(found[1], losses, rtol=1e-9)
    np.testing.assert_allclose(found[0], flat(model).numpy(), rtol=0, atol=1e-6)


# Data and answer keys.


@pytest.mark.parametrize("rho", RHOS)
def test_the_key_is_that_of_the_package(v8, rho):
    mean, cov = problem(rho)
    key = probabilistic_pca(mean, cov, 1)
    x, z = torch.randn(6, 2).double(), torch.linspace(-2, 2, 5).double()[:, None]
    found = v8(
        """const key = new maths.LinearKey(rho);
        return {encoded: x.map(row => key.encode(row)), decoded: z.map(([z]) => key.decode(z)),
                parts: maths.exactParts(key, rho, quadrature), entropy: maths.entropy(rho),
                floor: maths.commonInformation(rho), truth: x.map(([a, b]) => maths.logTruth(rho, a, b))}""",
        rho=rho,
        x=x.tolist(),
        z=z.tolist(),
        quadrature=QUADRATURE,
    )
    encoded, decoded = torch.cat(key.encode(x), -1), torch.cat(key.decode(z), -1)
    torch.testing.assert_close(double(found["encoded"]), encoded, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(double(found["decoded"]), decoded, rtol=1e-12, atol=1e-12)
    truth = torch.distributions.MultivariateNormal(mean, cov)
    torch.testing.assert_close(double(found["truth"]), truth.log_prob(x), rtol=1e-12, atol=1e-12)
    assert found["entropy"] == pytest.approx(truth.entropy().item(), rel=1e-12)
    assert found["floor"] == pytest.approx(0.5 * math.log((1 + abs(rho)) / (1 - abs(rho))), abs=1e-12)
    assert found["parts"]["kl"] == pytest.approx(found["floor"], abs=1e-9)
    assert found["parts"]["loss"] == pytest.approx(found["entropy"], abs=1e-7)
    assert max(abs(found["parts"][name]) for name in ("gap", "decoder", "encoder")) < 1e-7


@pytest.mark.parametrize("w1", [0.55, 0.8, 0.97])
def test_each_network_of_the_valley_is_exact_and_its_kl_is_not_below_the_floor(v8, w1):
    parts = v8("maths.exactParts(new maths.LinearKey(0.5, w1), 0.5, quadrature)", w1=w1, quadrature=QUADRATURE)
    assert abs(parts["gap"]) < 1e-6 and abs(parts["decoder"]) < 1e-6 and abs(parts["encoder"]) < 1e-6
    s2 = torch.tensor([1 - w1**2, 1 - (0.5 / w1) ** 2])
    assert parts["kl"] == pytest.approx(0.5 * math.log((1 - 0.25) / s2.prod().item()), abs=1e-6)  # (4.12)


def test_rows_are_drawn_from_the_data_s_density(v8):
    x = double(v8("maths.drawRows(new maths.Generator(1), -0.7, 20000)")).reshape(-1, 2)
    mean, cov = problem(-0.7)
    torch.testing.assert_close(x.mean(0), mean, rtol=0, atol=4 / math.sqrt(20_000))
    torch.testing.assert_close(x.T.cov(), cov, rtol=0, atol=6 / math.sqrt(20_000))


def test_the_three_parts_are_those_of_the_chapter(v8):
    """Against the package's grid and draws: the same parts within the standard error of 20,000 rows."""
    model, rho = gaussian_model(hidden=12), 0.8
    parts = v8(
        "maths.exactParts(new maths.GaussianVAE(12, Float64Array.from(parameters)), rho, quadrature)",
        parameters=flat(model).tolist(),
        rho=rho,
        quadrature=QUADRATURE,
    )
    mean, cov = problem(rho)
    data = correlated_gaussian(20_000, mean=mean.tolist(), cov=cov.tolist(), generator=torch.Generator().manual_seed(1))
    x, source = data.x.double(), torch.Generator().manual_seed(2)
    truth = torch.distributions.MultivariateNormal(mean, cov).log_prob(x)
    with torch.no_grad():
        noise = torch.randn(20, len(x), 1, generator=source, dtype=torch.float64)
        terms, log_p = negative_elbo(model, x, noise), log_likelihood_on_grid(model, x, 0.05, 6.0)
    sampled = {
        "kl": terms["kl"],
        "gap": terms["loss"] + truth,
        "decoder": truth - log_p,
        "encoder": terms["loss"] + log_p,
    }
    for name, rows in sampled.items():
        assert abs(parts[name] - rows.mean().item()) < 5 * rows.std().item() / math.sqrt(len(x)), name
    finer, finer_weights = roots_hermitenorm(30)
    again = v8(
        """maths.exactParts(new maths.GaussianVAE(12, Float64Array.from(parameters)), rho, quadrature,
                            {step: 0.02, reach: 8})""",
        parameters=flat(model).tolist(),
        rho=rho,
        quadrature={"places": finer.tolist(), "weights": finer_weights.tolist()},
    )
    assert max(abs(again[name] - parts[name]) for name in parts) < 1e-4


def test_training_in_the_page_ends_at_the_truth(v8):
    gaps = v8(
        """return [1, 2, 3, 4, 5].map(seed => {
          const run = new maths.Training({rho: 0.5, seed, rate: 0.01, samples: 1});
          while (!run.ended) run.part();
          return maths.exactParts(run.model, 0.5, quadrature).gap;
        })""",
        quadrature=QUADRATURE,
    )
    assert 0 < min(gaps) and max(gaps) <= 0.004


def test_a_rate_that_is_too_high_is_noticed_and_a_good_one_is_not(v8):
    ends = v8(
        """return [1, 0.01].map(rate => {
          const run = new maths.Training({rho: 0.5, seed: 1, rate, samples: 1});
          while (run.step < 100 && !run.diverged) run.part();
          return run.step;
        })"""
    )
    assert ends[0] < 100 and ends[1] == 100
    assert v8(
        "Object.assign(new maths.Training({rho: 0, seed: 1, rate: 1, samples: 1}), {step: 3, loss: NaN}).diverged"
    )


def test_a_new_number_of_codes_holds_from_the_next_step_on(v8):
    counts = v8(
        """const run = new maths.Training({rho: 0.5, seed: 1, rate: 0.01, samples: 50}), counts = [];
        run.part();
        run.samples = 1;
        const parts = [0, 0];
        for (const k of [0, 1]) do { parts[k] += 1; } while (!run.part());
        return [...parts, run.noise.length]"""
    )
    assert counts[0] > 10 and counts[1:] == [1, 200]


# The Bernoulli VAE: weights, logits, -ELBO.


@pytest.fixture(scope="module")
def small():
    """A small model of squares, trained for a moment, and its squares."""
    squares = all_rectangles(image_shape=(12, 12), height=5, width=5)
    seeded(0)
    model = ModularVAE(144, [48, 40], 2)
    x = rectangles(16_000, image_shape=(12, 12), height=5, width=5, generator=torch.Generator().manual_seed(1)).images
    fit(model, negative_elbo, x, epochs=4, batch_size=100, generator=torch.Generator().manual_seed(2))
    return model, squares.images


def test_base64_is_read_as_python_writes_it(v8):
    import base64

    for length in range(8):
        content = bytes(range(250 - length, 250))
        assert v8("maths.bytes(text)", text=base64.b64encode(content).decode()) == list(content)


def test_logits_are_those_of_the_rounded_weights_and_near_those_of_the_model(v8, small):
    model, x = small
    text, sizes = weights.packed(model)
    rounded = weights.with_rounded_weights(model)
    z = torch.randn(20, 2, generator=torch.Generator().manual_seed(5))
    found = v8(
        """const model = new maths.BernoulliVAE(text, sizes);
        return [z.map(z => [...model.decode(z)]), x.map(x => model.encode(x))]""",
        text=text,
        sizes=sizes,
        z=z.tolist(),
        x=x[:20].tolist(),
    )
    with torch.no_grad():
        logits, (mu, logvar) = rounded.decode(z), rounded.encode(x[:20])
    torch.testing.assert_close(torch.tensor(found[0]), logits, rtol=1e-5, atol=1e-4)
    for name, right in {"mu": mu, "logvar": logvar}.items():
        torch.testing.assert_close(torch.tensor([code[name] for code in found[1]]), right, rtol=1e-5, atol=1e-4)
    assert len(text) < 1.4 * sum(weight.numel() for weight in model.parameters()) + 4000


def test_float32_weights_give_the_logits_of_pytorch(v8, small):
    model, _ = small
    layers = [
        {
            "inputs": layer.in_features,
            "outputs": layer.out_features,
            "weight": layer.weight.flatten().tolist(),
            "bias": layer.bias.tolist(),
        }
        for layer in model.decode
        if hasattr(layer, "weight")
    ]
    z = torch.randn(20, 2, generator=torch.Generator().manual_seed(5))
    found = v8("z.map(z => [...maths.relus(layers, z)])", layers=layers, z=z.tolist())
    torch.testing.assert_close(torch.tensor(found), model.decode(z).detach(), rtol=0, atol=1e-4)


def test_the_loss_and_its_parts_are_within_a_fifth_of_a_nat_of_the_model_s(v8, small):
    model, x = small
    text, sizes = weights.packed(model)
    noise = torch.randn(8, len(x), 2, generator=torch.Generator().manual_seed(6))
    found = v8(
        """const model = new maths.BernoulliVAE(text, sizes);
        return x.map((x, row) => model.negativeElbo(x, noise.map(draw => draw[row])))""",
        text=text,
        sizes=sizes,
        x=x.tolist(),
        noise=noise.tolist(),
    )
    with torch.no_grad():
        exact, rounded = (negative_elbo(m, x, noise) for m in (model, weights.with_rounded_weights(model)))
    for name in ("loss", "reconstruction", "kl"):
        values = torch.tensor([terms[name] for terms in found])
        torch.testing.assert_close(values, rounded[name], rtol=1e-4, atol=1e-3)
        assert abs(values.mean() - exact[name].mean()) <= 0.2
    shift = weights.shift(model, weights.with_rounded_weights(model), x, noise)
    assert shift == pytest.approx((rounded["loss"] - exact["loss"]).mean().item(), abs=1e-5)


def test_draws_may_have_weights(v8, small):
    model, x = small
    text, sizes = weights.packed(model)
    found = v8(
        """const model = new maths.BernoulliVAE(text, sizes), noise = [[0, 0], [1, -1]];
        const alone = noise.map(draw => model.negativeElbo(x, [draw]));
        return [model.negativeElbo(x, noise, [0.25, 0.75]), ...alone]""",
        text=text,
        sizes=sizes,
        x=x[3].tolist(),
    )
    both, first, second = (terms["reconstruction"] for terms in found)
    assert both == pytest.approx(0.25 * first + 0.75 * second, rel=1e-12)


def test_the_log_likelihood_of_each_place_is_that_of_its_square(v8):
    squares = all_rectangles(image_shape=(9, 7), height=3, width=3)
    logits = torch.randn(63, generator=torch.Generator().manual_seed(1)).double() * 5
    right = bernoulli_log_likelihood(logits, squares.images.double())
    found = v8("maths.squareLogLikelihoods(logits, [9, 7], 3)", logits=logits.tolist())
    torch.testing.assert_close(double(found), right, rtol=1e-12, atol=1e-11)
    assert v8("maths.logBernoulli(logits, x)", logits=logits.tolist(), x=squares.images[4].tolist()) == pytest.approx(
        right[4].item(), rel=1e-12
    )


# Rounding.


def test_rounded_weights_are_off_by_half_a_step_at_most_and_zeros_stay():
    weight = torch.randn(6, 30, generator=torch.Generator().manual_seed(1))
    weight[2] = 0
    integers, scale = weights.quantise(weight)
    assert integers.dtype == torch.int8 and integers.abs().max() == 127
    assert ((integers * scale[:, None] - weight).abs() <= 0.5001 * scale[:, None]).all()
    assert (integers[2] == 0).all() and scale[2] == 1
    assert torch.equal(weights.quantise(-weight)[0], -integers)


def test_weights_of_pixels_that_are_never_lit_become_zero_and_change_nothing():
    torch.manual_seed(1)
    model = BernoulliVAE(20, [8], 3)
    x = (torch.rand(50, 20) > 0.5).float()
    x[:, [0, 7]] = 0
    plain, cleared = weights.with_rounded_weights(model), weights.with_rounded_weights(model, x)
    first = cleared.encode[0].weight
    assert (first[:, [0, 7]] == 0).all() and (first[:, 1:7] != 0).any()
    others = [column for column in range(20) if column not in (0, 7)]
    assert (first[:, others] - model.encode[0].weight[:, others]).abs().max() < first.abs().max() / 100
    torch.testing.assert_close(cleared.encode(x)[0], model.encode(x)[0], rtol=0, atol=0.05)
    assert torch.equal(plain.decode[0].weight, cleared.decode[0].weight)
    z = torch.randn(9, 3, generator=torch.Generator().manual_seed(2))
    logits, before = cleared.decode(z), plain.decode(z)
    assert torch.equal(logits[:, [0, 7]], torch.full((9, 2), -math.log(100)))
    assert torch.equal(logits[:, others], before[:, others])


def test_a_head_counts_as_one_layer_wherever_its_class_was_defined():
    class Head(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.mu, self.logvar = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)

    head = Head()
    [(weight, bias)] = weights.linear_layers([head])
    assert torch.equal(weight, torch.cat([head.mu.weight, head.logvar.weight]))
    assert torch.equal(bias, torch.cat([head.mu.bias, head.logvar.bias]))


def test_noise_at_the_door_is_not_packed():
    torch.manual_seed(0)
    model = BernoulliVAE(6, [4], 2)
    before = weights.packed(model)
    model.encode.insert(0, BernoulliNoise(0.1))
    assert weights.packed(model.eval()) == before


def test_a_network_with_other_layers_cannot_be_packed():
    with pytest.raises(TypeError, match="network must hold linear layers and ReLUs, got Tanh"):
        weights.linear_layers([torch.nn.Linear(2, 2), torch.nn.Tanh()])


def test_weights_of_another_length_are_refused(v8, small):
    text, sizes = weights.packed(small[0])
    refused = """try { new maths.BernoulliVAE(text, sizes); } catch (error) { return error.message; } return 'taken'"""
    for other in (text[:-400], text + "AAAA"):
        assert "the weights hold" in v8(refused, text=other, sizes=sizes) or "length" in v8(
            refused, text=other, sizes=sizes
        )


def test_a_model_may_come_as_a_text_for_each_network_or_without_its_encoder(v8, small):
    model, x = small
    (whole, sizes), (encoder, _), (decoder, only) = (
        weights.packed(model, parts) for parts in (("encode", "decode"), ("encode",), ("decode",))
    )
    found = v8(
        """const models = [new maths.BernoulliVAE(whole, sizes), new maths.BernoulliVAE([encoder, decoder], sizes)];
        const alone = new maths.BernoulliVAE(decoder, only);
        const logits = [...models, alone].map(model => model.decode([1, 2]));
        return [...models.map(model => model.encode(x).mu), ...logits]""",
        whole=whole,
        sizes=sizes,
        encoder=encoder,
        decoder=decoder,
        only=only,
        x=x[0].tolist(),
    )
    assert found[0] == found[1] and found[2] == found[3] == found[4] and list(only) == ["decoder"]
