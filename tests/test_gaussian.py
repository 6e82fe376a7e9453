"""Chapter 4's parts: the data, the Gaussian networks, their losses, and the solution in closed form."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from vaebook.data import correlated_gaussian
from vaebook.distributions import gaussian_log_likelihood, sample_latents
from vaebook.models import GaussianMLP, GaussianVAE, LinearGaussianVAE, probabilistic_pca
from vaebook.objectives import importance_weighted_loss, log_likelihood_on_grid, negative_elbo
from vaebook.quadrature import exact_parts, hermite_points, sigma_points

COV = ((2.0, -0.6), (-0.6, 0.5))


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def double(values):
    return torch.tensor(values, dtype=torch.float64)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return GaussianVAE(2, 7, 3).double()


def key_for(mean, cov):
    return probabilistic_pca(double(mean), double(cov), 1)


# the data


@pytest.mark.parametrize(
    "mean, cov",
    [
        ((1.0, 0.5), ((1.0, 0.5), (0.5, 1.0))),
        ((-1.0, 2.0), COV),
        ((0.0, 1.0, 2.0), ((1.0, 0.2, 0.0), (0.2, 2.0, -0.7), (0.0, -0.7, 0.5))),
    ],
)
def test_draws_have_the_mean_and_the_covariance_asked_for(mean, cov, generator):
    n = 200_000
    x, distribution = correlated_gaussian(n, mean=mean, cov=cov, generator=generator)
    mean, cov = torch.tensor(mean), torch.tensor(cov)
    assert x.shape == (n, len(mean)) and x.dtype == torch.float32
    variances = cov.diagonal()
    assert ((x.mean(0) - mean).abs() < 5 * (variances / n).sqrt()).all()
    assert ((x.T.cov() - cov).abs() < 5 * ((torch.outer(variances, variances) + cov**2) / n).sqrt()).all()
    excess = (((x - mean) / variances.sqrt()) ** 4).mean(0) - 3  # 0 for a normal distribution, -1.2 for a uniform one
    assert (excess.abs() < 5 * math.sqrt(24 * 4 / n)).all()
    torch.testing.assert_close(distribution.mean.float(), mean)
    torch.testing.assert_close(distribution.covariance_matrix.float(), cov)


def test_the_default_is_the_chapters_problem():
    distribution = correlated_gaussian(1).distribution
    assert distribution.mean.tolist() == [1, 0.5]
    torch.testing.assert_close(distribution.covariance_matrix, torch.tensor([[1, 0.5], [0.5, 1]], dtype=torch.float64))
    assert distribution.entropy().item() == pytest.approx(2.694036, abs=1e-6)


def test_draws_follow_the_generator():
    first, again, other = (correlated_gaussian(5, generator=torch.Generator().manual_seed(s)).x for s in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


@pytest.mark.parametrize(
    "cov, message",
    [
        ([[1.0, 0.5], [0.4, 1.0]], r"cov of shape \(2, 2\) must be symmetric, got \[\[1.0, 0.5\], \[0.4, 1.0\]\]"),
        ([[1.0, 2.0], [2.0, 1.0]], r"cov of shape \(2, 2\) must be positive definite.*smallest eigenvalue -1"),
        ([[1.0, 1.0], [1.0, 1.0]], "positive definite"),
        ([[0.0]], r"cov of shape \(1, 1\) must be positive definite"),
        ([[1.0, math.nan], [math.nan, 1.0]], r"cov of shape \(2, 2\) must be finite"),
        ([[1.0, 0.5]], r"cov must have shape \(D, D\), got \(1, 2\)"),
        ([1.0, 2.0], r"cov must have shape \(D, D\), got \(2,\)"),
    ],
)
def test_what_is_no_covariance_is_named(cov, message):
    with pytest.raises(ValueError, match=message):
        correlated_gaussian(3, cov=cov)
    with pytest.raises(ValueError, match=message):
        probabilistic_pca(torch.zeros(2), double(cov), 1)


def test_other_bad_arguments_are_named():
    with pytest.raises(ValueError, match="n must be an integer of at least 1, got 0"):
        correlated_gaussian(0)
    with pytest.raises(ValueError, match=r"mean must have shape \(2,\), as long as cov, got \(3,\)"):
        correlated_gaussian(3, mean=(0.0, 0.0, 0.0))
    with pytest.raises(ValueError, match=r"mean must have shape \(2,\), got \(3,\)"):
        probabilistic_pca(torch.zeros(3), torch.eye(2), 1)
    for dims, message in ((0, "integer of at least 1, got 0"), (2, "less than 2, the dimensions of the data, got 2")):
        with pytest.raises(ValueError, match=f"latent_dims must be an? ?{message}|latent_dims must be {message}"):
            probabilistic_pca(torch.zeros(2), torch.eye(2), dims)


@pytest.mark.parametrize(
    "mean, w, variance, message",
    [
        ((2,), (2,), (2,), r"w must have shape \(D, Z\), got \(2,\)"),
        ((2,), (2, 0), (2,), r"w must have shape \(D, Z\), got \(2, 0\)"),
        ((3,), (2, 1), (2,), r"mean must have shape \(2,\), got \(3,\)"),
        ((2,), (2, 1), (1,), r"variance must have shape \(2,\), got \(1,\)"),
    ],
)
def test_parts_of_a_linear_decoder_that_do_not_fit_are_named(mean, w, variance, message):
    with pytest.raises(ValueError, match=message):
        LinearGaussianVAE(torch.zeros(mean), torch.ones(w), torch.ones(variance))


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.inf, math.nan])
def test_a_variance_that_is_none_is_named(wrong):
    with pytest.raises(ValueError, match=r"variance must be positive, got \["):
        LinearGaussianVAE(torch.zeros(2), torch.ones(2, 1), torch.tensor([1.0, wrong]))


# the networks


def test_a_gaussian_mlp_is_one_tanh_layer_and_one_layer_of_parameters():
    mlp = GaussianMLP(4, 7, 3).double()
    x = randn(2, 5, 4)
    mu, logvar = mlp(x)
    parameters = torch.tanh(x @ mlp.hidden.weight.T + mlp.hidden.bias) @ mlp.gaussian.weight.T + mlp.gaussian.bias
    torch.testing.assert_close(mu, parameters[..., :3])
    torch.testing.assert_close(logvar, parameters[..., 3:])
    assert sum(weights.numel() for weights in mlp.parameters()) == 5 * 7 + 8 * 6


def test_each_sample_is_decoded_at_its_own_place(model):
    x, noise = randn(5, 2), randn(4, 5, 3, seed=1)
    x_mu, x_logvar = model.decode(sample_latents(*model.encode(x), noise))
    log_likelihood = model.log_likelihood(sample_latents(*model.encode(x), noise), x)
    assert x_mu.shape == x_logvar.shape == (4, 5, 2) and log_likelihood.shape == (4, 5)
    for sample in range(4):
        for row in range(5):
            code = sample_latents(*(part[0] for part in model.encode(x[row : row + 1])), noise[sample, row])
            torch.testing.assert_close(model.decode(code)[0], x_mu[sample, row])
            torch.testing.assert_close(model.decode(code)[1], x_logvar[sample, row])
            torch.testing.assert_close(model.log_likelihood(code, x[row]), log_likelihood[sample, row])


@pytest.mark.parametrize("shape", [(5, 4, 3), (0, 5, 3), (4, 5, 2), (5, 3), (4, 1, 3)])
def test_noise_of_another_shape_is_named(model, shape):
    for loss_fn in (negative_elbo, importance_weighted_loss):
        with pytest.raises(ValueError, match=r"noise must have shape \(N, 5, 3\) with N at least 1, got \("):
            loss_fn(model, randn(5, 2), torch.zeros(shape, dtype=torch.float64))


def test_noise_that_is_no_tensor_of_floats_is_named(model):
    with pytest.raises(TypeError, match="noise must be a floating-point tensor"):
        negative_elbo(model, randn(5, 2), torch.zeros(4, 5, 3, dtype=torch.long))


@pytest.mark.parametrize(
    "sizes, name", [((0, 4, 1), "data_dims"), ((2, 0, 1), "hidden_sizes"), ((2, 4, 0), "latent_dims")]
)
def test_a_size_that_is_none_is_named(sizes, name):
    with pytest.raises(ValueError, match=name):
        GaussianVAE(*sizes)


# the losses


def test_gaussian_log_likelihood_is_the_librarys_and_broadcasts():
    mu, logvar, x = randn(4, 5, 2), randn(4, 5, 2, seed=1), randn(5, 2, seed=2)
    expected = Normal(mu, (logvar / 2).exp()).log_prob(x).sum(-1)
    torch.testing.assert_close(gaussian_log_likelihood(mu, logvar, x), expected, rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="logvar must have the shape of mu"):
        gaussian_log_likelihood(mu, logvar[:2], x)
    with pytest.raises(ValueError, match="x must match mu"):
        gaussian_log_likelihood(mu, logvar, randn(5, 3))


def test_the_loss_is_the_mean_over_samples_and_its_gradient_passes(model):
    x, noise = randn(5, 2), randn(6, 5, 3, seed=1)
    terms = negative_elbo(model, x, noise)
    q = Normal(*((lambda mu, logvar: (mu, (logvar / 2).exp()))(*model.encode(x))))
    kl = torch.distributions.kl_divergence(q, Normal(0.0, 1.0)).sum(-1)
    losses = []
    for sample in noise:
        mu, logvar = model.decode(q.loc + q.scale * sample)
        losses.append(-Normal(mu, (logvar / 2).exp()).log_prob(x).sum(-1))
    torch.testing.assert_close(terms["kl"], kl)
    torch.testing.assert_close(terms["reconstruction"], torch.stack(losses).mean(0))
    torch.testing.assert_close(terms["loss"], terms["reconstruction"] + kl)
    weight = model.encode.hidden.weight
    (by_graph,) = torch.autograd.grad(terms["loss"].mean(), weight)
    with torch.no_grad():
        weight[0, 0] += 1e-6
        up = negative_elbo(model, x, noise)["loss"].mean()
        weight[0, 0] -= 2e-6
        down = negative_elbo(model, x, noise)["loss"].mean()
    assert by_graph[0, 0].item() == pytest.approx((up - down).item() / 2e-6, rel=1e-5)


def test_the_weighted_loss_is_minus_the_log_of_the_mean_weight(model):
    x, noise = randn(5, 2), randn(6, 5, 3, seed=1)
    mu, logvar = model.encode(x)
    q = Normal(mu, (logvar / 2).exp())
    z = mu + q.scale * noise
    x_mu, x_logvar = model.decode(z)
    log_weights = (
        Normal(x_mu, (x_logvar / 2).exp()).log_prob(x).sum(-1)
        + Normal(0.0, 1.0).log_prob(z).sum(-1)
        - q.log_prob(z).sum(-1)
    )
    torch.testing.assert_close(importance_weighted_loss(model, x, noise)["loss"], -log_weights.exp().mean(0).log())


def test_the_weighted_loss_tightens_and_the_average_does_not(model):
    x = randn(20, 2)
    noise = randn(4000, 20, 3, seed=1)
    average = negative_elbo(model, x, noise)["loss"].mean().item()
    bounds = [
        torch.stack([importance_weighted_loss(model, x, part)["loss"].mean() for part in noise.split(n)]).mean()
        for n in (1, 10, 100)
    ]
    assert bounds[0].item() == pytest.approx(average, abs=0.02)
    assert bounds[0] > bounds[1] > bounds[2]


# the solution in closed form


def plus_and_minus(x):
    return torch.tensor([-1.0, 1.0], dtype=torch.float64)[:, None, None].expand(2, len(x), 1)


@pytest.mark.parametrize("seed", range(20))
def test_the_key_is_exact_for_any_covariance(seed):
    factor = randn(2, 2, seed=seed)
    truth = MultivariateNormal(randn(2, seed=seed + 100), factor @ factor.T + 0.01 * torch.eye(2))
    key = probabilistic_pca(truth.mean, truth.covariance_matrix, 1)
    x = 3 * randn(50, 2, seed=seed + 200)
    terms = negative_elbo(key, x, plus_and_minus(x))
    torch.testing.assert_close(terms["loss"], -truth.log_prob(x), rtol=1e-9, atol=1e-9)
    small, large = torch.linalg.eigvalsh(truth.covariance_matrix)
    columns = math.sqrt(2) * truth.scale_tril.T  # four points with the data's mean and covariance
    four = torch.cat([truth.mean + columns, truth.mean - columns])
    terms = negative_elbo(key, four, plus_and_minus(four))
    assert terms["loss"].mean().item() == pytest.approx(truth.entropy().item(), abs=1e-6)
    assert terms["kl"].mean().item() == pytest.approx(0.5 * (large / small).log().item(), abs=1e-9)


def test_with_the_exact_posterior_one_weighted_code_is_enough():
    key = key_for((-1.0, 2.0), COV)
    x = randn(10, 2)
    truth = MultivariateNormal(key.mean, torch.tensor(COV, dtype=torch.float64))
    for noise in (randn(1, 10, 1), randn(7, 10, 1)):
        torch.testing.assert_close(importance_weighted_loss(key, x, noise)["loss"], -truth.log_prob(x))


def test_the_keys_decoder_returns_shapes_like_a_networks():
    key = key_for((1.0, 0.5), ((1.0, 0.5), (0.5, 1.0)))
    for part in key.decode(randn(4, 3, 1)):
        assert part.shape == (4, 3, 2)
    for part in key.encode(randn(5, 2)):
        assert part.shape == (5, 1)
    assert key.w[:, 0].tolist() == pytest.approx([0.5**0.5] * 2)  # pointing to larger x1
    assert key_for((0.0, 0.0), COV).w[0] > 0 and set(key.state_dict()) == {"mean", "w", "variance", "to_mu", "z_logvar"}


@pytest.mark.parametrize("cov", [((1.0, 0.5), (0.5, 1.0)), COV])
def test_the_keys_own_likelihood_on_a_grid_is_the_true_density(cov):
    key, x = key_for((-1.0, 2.0), cov), randn(50, 2)
    truth = MultivariateNormal(key.mean, torch.tensor(cov, dtype=torch.float64))
    found = log_likelihood_on_grid(key, x, 0.025, 8.0)
    torch.testing.assert_close(found, truth.log_prob(x), rtol=0, atol=1e-8)


@pytest.mark.parametrize("dims, codes", [(2, 1), (5, 1), (5, 3)])
def test_a_linear_vae_is_exact_where_its_posterior_is_diagonal_and_the_best_diagonal_one_elsewhere(dims, codes):
    w, variance, mean = randn(dims, codes), randn(dims, seed=1).exp(), randn(dims, seed=2)
    model = LinearGaussianVAE(mean, w, variance)
    truth = MultivariateNormal(mean, w @ w.T + variance.diag())
    joint = torch.cat([torch.cat([torch.eye(codes), w.T], 1), torch.cat([w, truth.covariance_matrix], 1)])
    x = randn(4, dims, seed=3)
    onto = torch.linalg.solve(joint[codes:, codes:], joint[codes:, :codes]).T  # conditional of a joint Gaussian
    mu, logvar = model.encode(x)
    torch.testing.assert_close(mu, (x - mean) @ onto.T)
    posterior = joint[:codes, :codes] - onto @ joint[codes:, :codes]
    torch.testing.assert_close(logvar.exp(), (1 / torch.linalg.inv(posterior).diagonal()).expand(4, codes))
    noise = sigma_points(MultivariateNormal(torch.zeros(codes).double(), torch.eye(codes).double()))
    noise = noise[:, None].expand(-1, 4, -1)
    gaps = negative_elbo(model, x, noise)["loss"] + truth.log_prob(x)
    kls = kl_divergence(
        MultivariateNormal(mu[0], logvar[0].exp().diag()), MultivariateNormal(mu[0], posterior)
    )  # the same for each row
    torch.testing.assert_close(gaps, kls.expand(4), rtol=0, atol=1e-10)
    assert (gaps < 1e-10).all() == (codes == 1)


def test_probabilistic_pca_is_the_best_of_its_kind():
    factor = randn(6, 6)
    cov, mean = factor @ factor.T + 0.1 * torch.eye(6), randn(6, seed=1)
    key = probabilistic_pca(mean, cov, 2)
    data = MultivariateNormal(mean, cov)

    def lost(w, variance):
        return kl_divergence(data, MultivariateNormal(mean, w @ w.T + variance * torch.eye(6)))

    variance = key.variance[0]
    assert (key.variance == variance).all() and (key.w[0] >= 0).all()
    best = lost(key.w, variance)
    for seed in range(20):
        assert lost(key.w + 0.05 * randn(6, 2, seed=seed), variance) > best
        assert lost(key.w, variance * (1 + 0.1 * randn(1, seed=seed))) > best
    norms = key.w.square().sum(0)
    assert norms[0] > norms[1] and abs(key.w[:, 0] @ key.w[:, 1]) < 1e-10  # longest axis first, at right angles
    w, weight = key.w.clone().requires_grad_(), variance.clone().requires_grad_()
    for slope in torch.autograd.grad(lost(w, weight), [w, weight]):
        assert slope.abs().max() < 1e-6


# averages without a draw


def problem(dims, seed=0):
    factor = randn(dims, dims, seed=seed)
    return MultivariateNormal(randn(dims, seed=seed + 1), factor @ factor.T + 0.1 * torch.eye(dims))


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_hermite_points_average_polynomials_exactly(dims):
    normal = problem(dims)
    points, weights = hermite_points(normal, 4)
    assert points.shape == (4**dims, dims) and weights.sum().item() == pytest.approx(1, abs=1e-12)
    standard = torch.linalg.solve_triangular(normal.scale_tril, (points - normal.mean).T, upper=False).T
    for power, right in ((1, 0), (2, 1), (4, 3), (6, 15)):  # moments of a standard normal number
        found = weights @ standard**power
        torch.testing.assert_close(found, torch.full((dims,), float(right), dtype=torch.float64), rtol=0, atol=1e-9)
    torch.testing.assert_close(weights @ points, normal.mean)
    with pytest.raises(ValueError, match="num_points must be an integer of at least 1, got 0"):
        hermite_points(normal, 0)


@pytest.mark.parametrize("dims", [1, 2, 5])
def test_sigma_points_have_the_mean_and_the_covariance(dims):
    normal = problem(dims)
    points = sigma_points(normal)
    assert points.shape == (2 * dims, dims)
    torch.testing.assert_close(points.mean(0), normal.mean)
    found = (points - normal.mean).T @ (points - normal.mean) / len(points)
    torch.testing.assert_close(found, normal.covariance_matrix)


def test_exact_parts_are_what_many_draws_give(model):
    torch.manual_seed(4)
    network, truth = GaussianVAE(2, 7, 1).double(), problem(2)
    parts = exact_parts(network, truth)
    assert parts["gap"] == pytest.approx(parts["decoder"] + parts["encoder"], abs=1e-12)
    n, source = 200_000, torch.Generator().manual_seed(5)
    x = truth.mean + torch.randn(n, 2, generator=source, dtype=torch.float64) @ truth.scale_tril.T
    noise = torch.randn(1, n, 1, generator=source, dtype=torch.float64)
    with torch.no_grad():
        terms = negative_elbo(network, x, noise)
        true, own = truth.log_prob(x), log_likelihood_on_grid(network, x[:20_000], reach=8.0)
    rows = {"gap": terms["loss"] + true, "kl": terms["kl"], "loss": terms["loss"]}
    rows |= {"decoder": true[:20_000] - own, "encoder": terms["loss"][:20_000] + own}
    for name, row in rows.items():
        assert abs(row.mean().item() - parts[name]) < 5 * row.std().item() / len(row) ** 0.5, name
    with pytest.raises(ValueError, match="model must have latent_dims 1, got 3"):
        exact_parts(model, truth)


@pytest.mark.parametrize("cov", [((1.0, 0.5), (0.5, 1.0)), COV, ((1.0, 0.95), (0.95, 1.0))])
def test_exact_parts_of_the_key_are_zero(cov):
    truth = MultivariateNormal(double((-1.0, 2.0)), double(cov))
    parts = exact_parts(probabilistic_pca(truth.mean, truth.covariance_matrix, 1), truth)
    assert max(abs(parts[name]) for name in ("gap", "decoder", "encoder")) < 1e-12
    assert parts["loss"] == pytest.approx(truth.entropy().item(), abs=1e-12)
