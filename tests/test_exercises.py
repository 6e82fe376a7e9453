"""Exercises that answer: what is right passes, what people get wrong fails with a hint of its own."""

import json
import math
import re

import pytest
import torch
from py_mini_racer import MiniRacer
from sklearn.metrics import roc_auc_score

from tools.project import CHAPTERS
from vaebook.data import all_rectangles
from vaebook.distributions import bernoulli_log_likelihood
from vaebook.exercises import QUESTIONS, answer, check
from vaebook.exercises.function import Function
from vaebook.exercises.number import CLOSE, SCRIPT, WORDS, Number
from vaebook.layers import SaltAndPepper

NUMBERS = {name: question for name, question in QUESTIONS.items() if isinstance(question, Number)}
FUNCTIONS = {name: question for name, question in QUESTIONS.items() if isinstance(question, Function)}
NUMBER_MISTAKES = [(name, *each) for name, question in NUMBERS.items() for each in question.mistakes.items()]
FUNCTION_MISTAKES = [(name, *each) for name, question in FUNCTIONS.items() for each in question.mistakes.items()]


@pytest.fixture(scope="module")
def in_page():
    """What the page says of a text, typed as the answer to a question."""
    engine = MiniRacer()
    engine.eval(SCRIPT)

    def judged(question, text):
        known = {key: getattr(question, key) for key in ("right", "within", "start")}
        mistakes = [[number, words] for words, number in question.mistakes.items()]
        known = json.dumps(known | {"close": CLOSE, "words": WORDS, "mistakes": mistakes})
        call = f"vaeAnswer.judge(vaeAnswer.read({json.dumps(text)}), {known})"
        return tuple(json.loads(engine.eval(f"JSON.stringify({call})")))

    return judged


def in_digits(value, digits=4):
    """As a reader writes it."""
    return f"{value:.{digits}g}"


@pytest.mark.parametrize("name", NUMBERS)
def test_a_right_number_passes_and_so_do_four_digits_of_it(name, in_page):
    right = NUMBERS[name].right
    for value in (right, float(in_digits(right)), torch.tensor(right)):
        verdict = answer(name, value)
        assert verdict.passed is True and repr(verdict) == f"{name}: Right."
    assert in_page(NUMBERS[name], in_digits(right)) == (True, "Right.")


@pytest.mark.parametrize(("name", "words", "value"), NUMBER_MISTAKES)
def test_a_wrong_number_is_told_which_mistake_gives_it(name, words, value, in_page):
    verdict = answer(name, float(in_digits(value)))
    assert verdict.passed is False and repr(verdict) == f"{name}: {words}"
    assert in_page(NUMBERS[name], in_digits(value)) == (False, words)


@pytest.mark.parametrize("name", NUMBERS)
def test_page_and_notebook_say_the_same_of_any_number(name, in_page):
    question = NUMBERS[name]
    near = [question.right * (1 + times * question.within) for times in (-6, -4, -1.1, -0.9, 0.9, 1.1, 4, 6)]
    seen = set()
    for value in [*near, -question.right, 0.0, 12345.0, -1e-9]:
        found = question.judged(value)
        assert found == in_page(question, repr(value))
        seen.add(found[1])
    assert {WORDS["right"], WORDS["sign"], f"Not yet. {question.start}"} <= seen


@pytest.mark.parametrize("name", NUMBERS)
def test_what_is_nearly_right_is_called_close(name):
    question = NUMBERS[name]
    for times in (-3, 3):
        assert question.judged(question.right * (1 + times * question.within)) == (False, WORDS["close"])


@pytest.mark.parametrize("text", ["", "abc", "1,5", "1.2.3", "1/2", "0x10", "Infinity", "1e", "--1"])
def test_what_is_no_number_is_not_read_as_one(text):
    engine = MiniRacer()
    engine.eval(SCRIPT)
    assert engine.eval(f"Number.isNaN(vaeAnswer.read({json.dumps(text)}))")


@pytest.mark.parametrize(
    ("text", "value"), [(" 0.5 ", 0.5), (".5", 0.5), ("5.", 5), ("\N{MINUS SIGN}2", -2), ("+1e-2", 0.01)]
)
def test_numbers_are_read_as_people_type_them(text, value):
    engine = MiniRacer()
    engine.eval(SCRIPT)
    assert engine.eval(f"vaeAnswer.read({json.dumps(text)})") == value


def test_without_a_value_there_is_a_field_and_with_one_there_is_none():
    field = answer("1.3")
    assert field.passed is None and "<input" in field._repr_html_() and "1.3" in repr(field)
    assert answer("1.3", 0.5)._repr_html_() is None


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_solution_passes(name):
    question = FUNCTIONS[name]
    verdict = check(name, question.solution)
    assert verdict.passed is True
    assert repr(verdict).splitlines() == [f"{name}: right", *(f"  right: {case}" for case in question.cases)]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_that_is_off_by_a_thousandth_does_not_pass(name):
    def nearly(*given):
        right = FUNCTIONS[name].solution(*given)
        return tuple(1.001 * part for part in right) if isinstance(right, tuple) else 1.001 * right

    assert check(name, nearly).passed is False


@pytest.mark.parametrize(("name", "words", "function"), FUNCTION_MISTAKES)
def test_a_wrong_function_is_told_its_mistake_and_where_it_fails_first(name, words, function):
    verdict = check(name, function)
    lines = repr(verdict).splitlines()
    assert verdict.passed is False and lines[0] == f"{name}: not yet" and lines[-1] == f"  {words}"
    assert sum(line.startswith(("  right: ", "  wrong: ")) for line in lines) == len(FUNCTIONS[name].cases)
    first = next(case for case in FUNCTIONS[name].cases if f"  wrong: {case}" in lines)
    assert lines[-3].startswith(f"  First for {next(iter(FUNCTIONS[name].cases[first]))} = ")


@pytest.mark.parametrize("name", QUESTIONS)
def test_each_exercise_knows_five_mistakes_and_each_has_words_of_its_own(name):
    mistakes = QUESTIONS[name].mistakes
    assert len(mistakes) >= 5 and len({words.lower() for words in mistakes}) == len(mistakes)


@pytest.mark.parametrize("name", QUESTIONS)
def test_each_equation_that_is_named_stands_in_the_chapter_and_so_does_the_exercise(name):
    question = QUESTIONS[name]
    [path] = [path for path in CHAPTERS if path.name.startswith(name[0])]
    text = path.read_text(encoding="utf-8")
    said = " ".join([*question.mistakes, getattr(question, "start", ""), *getattr(question, "cases", [])])
    assert all(f"\\tag{{{number}}}" in text for number in re.findall(r"\((\d\.\d+)\)", said))
    call = f'answer("{name}", ...)' if isinstance(question, Number) else f'check("{name}", '
    assert f"\n**{name}** " in text and call in text


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_function_passes_that_looks_at_shapes_only_or_hands_on_what_it_gets(name):
    question = FUNCTIONS[name]
    rights = [question.result(question.solution, case) for case in question.cases.values()]

    def like(result, make):
        return tuple(map(make, result)) if isinstance(result, tuple) else make(result)

    fools = [lambda *given, right=right: right for right in rights]  # a constant, right once
    for make in (torch.zeros_like, torch.ones_like, torch.randn_like):
        fools.append(lambda *given, make=make: like(question.solution(*given), make))
    for place in range(len(next(iter(question.cases.values())))):
        fools.append(lambda *given, place=place: given[place])
        fools.append(lambda *given, place=place: (given[place], given[place]))
        fools.append(lambda *given, place=place: torch.as_tensor(given[place]).sum(-1))
    fools += [lambda *given: given, lambda *given: given[:2]]
    for fool in fools:
        assert check(name, fool).passed is False


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_stub_of_the_chapter_is_not_written_yet(name):
    [path] = [path for path in CHAPTERS if path.name.startswith(name[0])]
    [stub] = re.findall(
        rf'(def \w+\(.*\): \.\.\.)  # your code\n+check\("{name}", (\w+)\)\n```', path.read_text("utf-8")
    )
    written = {}
    exec(stub[0], written)
    assert repr(check(name, written[stub[1]])) == f"{name}: not written yet"


def test_a_stub_is_not_written_yet():
    def raises(*given):
        raise NotImplementedError

    for stub in (lambda *given: None, lambda *given: ..., raises):
        verdict = check("1.8", stub)
        assert verdict.passed is None and repr(verdict) == "1.8: not written yet"


def test_a_function_with_noise_of_its_own_is_told_so():
    verdict = check("1.7", lambda mu, logvar, noise: mu + (0.5 * logvar).exp() * torch.randn_like(noise))
    assert verdict.passed is False and "draw nothing" in repr(verdict).splitlines()[-1]
    for drawing_nothing in (
        lambda mu, logvar, noise: mu + noise,
        lambda mu: mu,
        lambda *given: 1 / 0,
        lambda *given: 2.5,
    ):
        assert "draw nothing" not in repr(check("1.7", drawing_nothing))


def test_what_is_no_number_twice_is_not_taken_for_noise():
    words = repr(check("1.7", lambda mu, logvar, noise: mu * math.nan + noise))
    assert "draw nothing" not in words and "nan" in words
    assert "too small for a float" in repr(check("2.8", lambda w: w.exp().sum(0) ** 2 / (w.exp() ** 2).sum(0)))
    assert check("1.8", lambda mu, logvar, a, b: math.nan * mu.sum(-1)).passed is False


def test_what_cannot_be_compared_is_said_in_a_sentence():
    cases = {
        "It stops with ZeroDivisionError: division by zero": lambda *given: 1 / 0,
        "It returns float; expected: 1 tensor.": lambda *given: 1.5,
        "Its shape is (3, 2); expected: (3,).": lambda mu, *given: mu,
        "It stops with TypeError": lambda mu: mu,
    }
    for words, function in cases.items():
        assert words in repr(check("1.8", function))
    assert "It returns Tensor" not in repr(check("1.9", lambda mu, *given: (mu, mu)))


def test_a_function_that_writes_into_its_input_does_no_harm():
    def careless(mu, logvar, a, b):
        return 0 * mu.zero_().sum(-1)

    given = FUNCTIONS["1.8"].cases["the prior of (1.2)"]["mu"]
    before, solution = given.clone(), FUNCTIONS["1.8"].solution
    assert [check("1.8", solution).passed, check("1.8", careless).passed] == [True, False]
    assert check("1.8", solution).passed and torch.equal(given, before)


def test_solutions_are_those_of_the_package_and_of_autograd():
    case = FUNCTIONS["1.9"].cases["both"]
    mu, logvar, noise, grad_z = (value.clone() for value in case.values())
    mu.requires_grad_()
    logvar.requires_grad_()
    z = FUNCTIONS["1.7"].solution(mu, logvar, noise)
    loss = (grad_z * z).sum() + FUNCTIONS["1.8"].solution(mu, logvar, 0.0, 1.0).sum()
    found = FUNCTIONS["1.9"].solution(mu, logvar, noise, grad_z)
    for ours, theirs in zip(found, torch.autograd.grad(loss, (mu, logvar)), strict=True):
        assert torch.allclose(ours, theirs, rtol=0, atol=1e-12)
    given = FUNCTIONS["1.8"].cases["one code of four numbers"]
    mu, logvar, a, b = given.values()
    q, p = torch.distributions.Normal(mu, (0.5 * logvar).exp()), torch.distributions.Normal(*map(mu.new_tensor, (a, b)))
    right = torch.distributions.kl_divergence(q, p).sum(-1)
    assert torch.allclose(FUNCTIONS["1.8"].solution(*given.values()), right, rtol=0, atol=1e-12)


def test_numbers_that_are_right_are_so_by_another_way():
    sigma = NUMBERS["1.3"].right
    assert (sigma**2 - 1 - math.log(sigma**2)) / 2 == pytest.approx(2, abs=1e-12) and sigma < 1
    from_package = all_rectangles()
    rate = from_package.images.double().mean().item()
    cost = -bernoulli_log_likelihood(torch.full((576,), rate).logit().double(), from_package.images.double())
    assert cost.mean().item() == pytest.approx(NUMBERS["1.1"].right, abs=1e-3)
    boxes = [(h, w) for h in range(2, 11) for w in range(2, 11)]
    entropy = sum(math.log(81 * (13 - h) * (13 - w)) for h, w in boxes) / 81
    assert NUMBERS["1.2"].right == pytest.approx(entropy)
    u = torch.rand(200_000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    tiny = 1e-3  # sigma: the KL by the formula, less that of the uniform distribution on mu + sigma u
    formula = (tiny**2 - 1 - math.log(tiny**2)) / 2
    true = -math.log(tiny) + 0.5 * math.log(2 * math.pi) + ((tiny * u) ** 2 / 2).mean().item()
    assert true - formula == pytest.approx(NUMBERS["1.5"].right, abs=1e-3)


@pytest.mark.parametrize("call", [answer, check])
@pytest.mark.parametrize("name", ["9.9", 1.3, None])
def test_a_name_that_is_none_is_refused_with_those_that_are(call, name):
    with pytest.raises(ValueError, match=r"name must be one of .*got "):
        call(name, lambda: None)


def test_a_number_where_a_function_is_asked_is_refused_and_the_other_way_round():
    with pytest.raises(ValueError, match="name must be one of 1.7.*ask for a function; got '1.1'"):
        check("1.1", len)
    with pytest.raises(ValueError, match="name must be one of 1.1.*ask for a number; got '1.8'"):
        answer("1.8", 3)
    with pytest.raises(ValueError, match=r'function must be a function, got Tensor; write check\("1.7", f\)'):
        check("1.7", torch.ones(2))


@pytest.mark.parametrize("value", ["abc", None, math.nan, math.inf, [1, 2]])
def test_a_value_that_is_no_number_is_refused(value):
    with pytest.raises(ValueError, match="value must be a finite number, got"):
        answer("1.3", value)


def test_numbers_of_chapter_2_are_right_by_another_way():
    q, p = torch.distributions.Normal(1.0, 0.5), torch.distributions.Normal(0.0, 0.5**0.5)
    assert NUMBERS["2.1"].right == pytest.approx(torch.distributions.kl_divergence(q, p).item(), abs=1e-6)
    weights = torch.tensor([-100.0, -102.0, -101.0], dtype=torch.float64)
    assert NUMBERS["2.2"].right == pytest.approx(weights.exp().mean().log().item())
    scores = [70, 85, 90, 61, 75, 80, 92]
    assert NUMBERS["2.4"].right == pytest.approx(roc_auc_score([1, 1, 1, 0, 0, 0, 0], scores))
    pi = torch.linspace(0.001, 0.999, 999, dtype=torch.float64)
    cost = -0.25 * pi.log() - 0.75 * (1 - pi).log()
    assert NUMBERS["2.5"].right == pytest.approx(cost.min().item()) and pi[cost.argmin()].item() == pytest.approx(0.25)


@pytest.mark.parametrize(("of_limit", "finite"), [(1.1, True), (0.9, False)])
def test_the_weights_variance_is_finite_above_the_limit_of_2_3_only(of_limit, finite):
    z = torch.linspace(-200, 200, 400_001, dtype=torch.float64)
    likelihood = torch.distributions.Normal(z, 2**0.5).log_prob(torch.tensor(0.7, dtype=torch.float64))
    prior = torch.distributions.Normal(0.0, 1.0).log_prob(z)
    mean = 0.7 / 3  # of the posterior: precisions 1 and 1/2
    q = torch.distributions.Normal(mean, (of_limit * NUMBERS["2.3"].right) ** 0.5).log_prob(z)
    log_integrand = 2 * (likelihood + prior) - q
    assert (log_integrand[0] < log_integrand.max() - 50) == finite == (log_integrand[-1] < log_integrand.max() - 50)


def test_solutions_of_chapter_2_are_the_formulas():
    codes = torch.cartesian_prod(*[torch.arange(-4, 4.001, 0.1, dtype=torch.float64)] * 2)
    likelihood, prior = torch.distributions.Normal(codes, 0.8), torch.distributions.Normal(0.0, 1.0)
    x = torch.tensor([[0.3, -0.5], [1.0, 0.2]], dtype=torch.float64)
    log_joint = (likelihood.log_prob(x[:, None]) + prior.log_prob(codes)).sum(-1).T
    exact = torch.distributions.Normal(0.0, (1 + 0.8**2) ** 0.5).log_prob(x).sum(-1)
    assert torch.allclose(FUNCTIONS["2.6"].solution(log_joint, 0.1), exact, atol=1e-4)

    log_likelihood, mu, logvar, noise = FUNCTIONS["2.7"].cases["three codes"].values()
    q = torch.distributions.Normal(mu, (0.5 * logvar).exp())
    z = q.loc + q.scale * noise
    weights = (log_likelihood + (prior.log_prob(z) - q.log_prob(z)).sum(-1)).exp()
    found = FUNCTIONS["2.7"].solution(log_likelihood, mu, logvar, noise)
    assert torch.allclose(found, weights.mean(0).log(), rtol=0, atol=1e-9)
    sizes = weights.sum(0) ** 2 / (weights**2).sum(0)
    assert torch.allclose(FUNCTIONS["2.8"].solution(weights.log()), sizes, rtol=0, atol=1e-9)


def test_the_acceptance_of_2_9_keeps_the_posterior():
    target, proposal = torch.tensor([0.2, 0.5, 0.3]), torch.tensor([0.6, 0.1, 0.3])
    log_weights = (target / proposal).log()
    accept = FUNCTIONS["2.9"].solution(log_weights[None].expand(3, 3), log_weights[:, None].expand(3, 3))
    flow = target[:, None] * proposal * accept  # from state to state
    assert torch.allclose(flow, flow.T)


def test_numbers_of_chapter_3_are_right_by_another_way():
    x = (torch.arange(400_000) % 4 == 0).float()
    noisy = SaltAndPepper(0.3, 0.1, torch.Generator().manual_seed(0))(x)
    assert NUMBERS["3.1"].right == pytest.approx((noisy != x).float().mean().item(), abs=2e-3)
    pi = torch.linspace(0, 1, 1001, dtype=torch.float64)
    white = pi * 0.2 / (pi * 0.2 + (1 - pi) * 0.8)  # of a pixel that arrived black
    assert NUMBERS["3.2"].right == pytest.approx(pi[(white - 0.5).abs().argmin()].item(), abs=1e-3)

    z, step = torch.arange(-60, 60, 0.001, dtype=torch.float64), 0.001
    q1, q2 = (torch.distributions.Normal(mean, 1.0).log_prob(z) for mean in (-20.0, 20.0))
    posterior = torch.logaddexp(q1 - 1, q2 - 2)  # what is left of it lies far from both
    q = torch.logaddexp(q1, q2) - math.log(2)
    for mean, below in ((q1, 1), (q2, 2), (q, NUMBERS["3.3"].right)):
        assert (mean.exp() * (mean - posterior)).sum() * step == pytest.approx(below, abs=1e-3)

    flips, pixels = torch.tensor([1, 2, 4]), 50
    odds = 0.2**flips * 0.8 ** (pixels - flips)
    assert NUMBERS["3.4"].right == pytest.approx((odds / odds.sum())[0].item())


def test_solutions_of_chapter_3_are_the_formulas():
    mask = FUNCTIONS["3.5"].solution
    assert mask(torch.ones(100_000), torch.rand(100_000, generator=torch.Generator().manual_seed(0)), 0.3).mean() == (
        pytest.approx(0.7, abs=0.01)
    )
    pi = torch.linspace(0.0123, 0.987, 99, dtype=torch.float64)
    for r, salt in ((0.3, 0.2), (0.6, 0.9), (0.2, 0.5)):
        for given in (0.0, 1.0):
            replaced_by = salt if given else 1 - salt
            of_white, of_black = ((1 - r) * (given == pixel) + r * replaced_by for pixel in (1, 0))
            white = pi * of_white > (1 - pi) * of_black  # Bayes' rule
            found = FUNCTIONS["3.6"].solution(pi.logit(), torch.full_like(pi, given), r, salt)
            assert torch.equal(found, white.double())

    log_q = torch.randn(4, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    others = [sum(math.exp(log_q[k, m]) for m in range(4) if m != k) / 3 for k in range(4)]
    assert torch.allclose(FUNCTIONS["3.7"].solution(log_q), torch.tensor(others, dtype=torch.float64).log())

    log_joint, z, mu, logvar = FUNCTIONS["3.8"].cases["two codes, each from a corruption of its own"].values()
    density = torch.distributions.Normal(mu, (0.5 * logvar).exp()).log_prob(z).sum(-1).exp()
    shift = log_joint.max()  # for exp
    expected = ((log_joint - shift).exp() / density).mean(0).log() + shift
    assert torch.allclose(FUNCTIONS["3.8"].solution(log_joint, z, mu, logvar), expected)


def kl_of_exact_decoder(w1, covariance):
    """The mean KL of the linear VAE along w1 that fits a covariance `(2, 2)` exactly, from two entropies."""
    w = torch.tensor([w1, covariance[0, 1] / w1], dtype=torch.float64)
    left = covariance.diagonal() - w.square()
    return 0.5 * (torch.logdet(covariance) - left.log().sum()).item()


def test_the_numbers_of_chapter_4_follow_from_their_definitions():
    z = torch.linspace(-10, 10, 20001, dtype=torch.float64)
    log_joint = -0.5 * (z**2 + (1 - 0.6 * z) ** 2 / 0.64 + (0.5 - 0.8 * z) ** 2 / 0.36)
    assert NUMBERS["4.1"].right == pytest.approx((log_joint.softmax(0) @ z).item(), abs=1e-8)
    covariance = torch.tensor([[4.0, -0.48], [-0.48, 0.16]], dtype=torch.float64)
    w1 = torch.linspace(1.201, 1.999, 799).tolist()
    assert NUMBERS["4.2"].right == pytest.approx(min(w1, key=lambda w: kl_of_exact_decoder(w, covariance)), abs=1e-3)
    along = torch.linspace(0, 3, 30001, dtype=torch.float64)  # w'w; the loss along the axis by the model's variance
    best = along[(0.5 * ((1.2 + along).log() + 3 / (1.2 + along))).argmin()].item()
    assert NUMBERS["4.3"].right == pytest.approx(0.5 * math.log(1 + best / 1.2), abs=1e-4)
    r = NUMBERS["4.4"].right
    assert 0.5 * math.log((1 + r) / (1 - r)) == pytest.approx(1)


def test_the_functions_of_chapter_4_do_what_their_names_say():
    eigenvalues = torch.tensor([4.0, 2.5, 1.0, 0.3], dtype=torch.float64)
    grid = torch.linspace(0.9, 5, 41001, dtype=torch.float64)[:, None]  # variances that a code may give an axis
    best = (0.5 * (eigenvalues[:3] / grid - 1 - (eigenvalues[:3] / grid).log())).amin(0).sum()
    without = 0.5 * (0.3 / 0.9 - 1 - math.log(0.3 / 0.9))
    assert FUNCTIONS["4.5"].solution(eigenvalues, 0.9, 3).item() == pytest.approx(best.item() + without, abs=1e-7)
    f = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    others = torch.stack([torch.cat([f[:n], f[n + 1 :]]).mean(0) for n in range(4)])
    torch.testing.assert_close(FUNCTIONS["4.6"].solution(f), others)
    noise = torch.randn(3, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    mu, logvar = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in ([0.3, -0.7], [-1.0, 0.4]))
    z = mu + (0.5 * logvar).exp() * noise
    log_weights = torch.sin(3 * z) - 0.2 * z**4  # any function of the code
    (slopes,) = torch.autograd.grad(log_weights.sum(), z, retain_graph=True)
    expected = torch.autograd.grad(-(log_weights.softmax(0).detach().square() * log_weights).sum(), [mu, logvar])
    found = FUNCTIONS["4.7"].solution(log_weights.detach(), slopes, noise, logvar.detach())
    for ours, right in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, right)
