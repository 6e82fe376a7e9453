"""Which settings for chapter 3's models, with noise and without, and what do the models have then?

    python -m benchmarks.denoising --choose   searches the settings, with seeds that report nothing (half an hour)
    python -m benchmarks.denoising            trains the chosen ones, with seeds that chose nothing (half an hour)

Both write what they find into book/denoising.json, with the day and the machine; chapter 3 shows it.

Squares: 576-192-192-2, 1,500 batches of 100. For each level of noise the peak of the rate and the weight of the KL at
the start are chosen for themselves, by the -ELBO of all clean squares, so that no level is held to another's
settings. Digits: 784-400-20, ten passes, chapter 2's batches of 200. For each noise the peak of the rate is chosen by
the -ELBO of 10,000 clean images that are held out. Every grid grows where its best cell lies on the edge; cells within
TIE of the best count as equal, and of these the one of the lowest rate is taken.

Reported: for digits, trained on all 60,000, the -ELBO of clean test images (ten draws of the code), a bound on
-log p(x) by weighted codes, from the clean image and from an own corruption for each code, and the wrong pixels after
restoring with a tenth of the pixels flipped. And the book's first denoising model, 576-1152-1152-2 with a twentieth of
the pixels flipped, Adam at a constant 1e-3, beside the same without noise.
"""

import math
import statistics
from functools import partial

import torch

from benchmarks.common import grown, held_out, in_rows, keep, lowest, steps
from tools.project import BOOK
from vaebook.data import all_rectangles, mnist, rectangles
from vaebook.layers import BernoulliNoise, SaltAndPepper
from vaebook.models import BernoulliVAE, ModularVAE
from vaebook.objectives import (
    importance_log_weights,
    importance_weighted_bound,
    log_likelihood_on_grid,
    modular_negative_elbo,
    negative_elbo,
)
from vaebook.training import evaluate, falling_kl_weight, fit, seeded, seeded_models, standard_normal

STORE = BOOK / "denoising.json"
CHOOSING, REPORTING = (100, 101, 102), (200, 201, 202, 203, 204)
LEVELS = (0, 0.05, 0.1)
TIES = {"squares": 0.05, "digits": 0.1}  # nats
RATES, STARTS, DIGIT_RATES = (5e-3, 1e-2, 2e-2), (3, 10, 30), (5e-3, 1e-2, 2e-2)
IMAGES, UNTIL = 30_000, 1_100  # squares that are trained on, and the step from which on the KL's weight is 1
HELD_OUT, EPOCHS, DRAWS, CODES, FEW = 10_000, 10, 10, 500, 1000
NOISES = {
    "none": None,
    "a twentieth flipped": partial(BernoulliNoise, 0.05),
    "a tenth flipped": partial(BernoulliNoise, 0.1),
    "a tenth replaced, a tenth of these by 1": partial(SaltAndPepper, 0.1, 0.1),
}


def flips_of(seed):
    """As on the page: a generator for the flips of a model, and for nothing else."""
    return torch.Generator().manual_seed(1000 + seed)


def squares(p, seeds, rate, start):
    """Models of squares for the seeds, trained together."""
    models, generators = seeded_models(partial(ModularVAE, 576, [192, 192], 2), seeds)
    x = [rectangles(IMAGES, generator=generator).images for generator in generators]
    for model, seed in zip(models, seeds, strict=True):
        model.encode.insert(0, BernoulliNoise(p, flips_of(seed)))
    options = {"epochs": 5, "batch_size": 100, "max_lr": rate, "generator": generators}
    fit(models, modular_negative_elbo, x, callback=partial(falling_kl_weight, start=start, until=UNTIL), **options)
    return models


def first_model(p, seed):
    """The book's first denoising model: wide, and trained at a constant rate."""
    generator = seeded(seed)
    model = ModularVAE(576, [1152, 1152], 2)
    model.encode.insert(0, BernoulliNoise(p, flips_of(seed)))
    x = rectangles(IMAGES, generator=generator).images
    steps(model, modular_negative_elbo, x, generator, torch.optim.Adam(model.parameters(), lr=1e-3))
    return model


def digits(x, make_layer, seeds, rate):
    """Models of digits for the seeds, trained together."""
    models, generators = seeded_models(partial(BernoulliVAE, 784, [400], 20), seeds)
    for model, seed in zip(models, seeds, strict=True):
        if make_layer:
            model.encode.insert(0, make_layer(generator=flips_of(seed)))
    fit(models, negative_elbo, x, epochs=EPOCHS, max_lr=rate, generator=generators)
    return models


def of_lowest_rate(tie, cells):
    """Of the cells (rate, other) within `tie` of the best, the one of the lowest rate, then the best."""
    limit = min(cells.values()) + tie
    return min((cell for cell in cells if cells[cell] <= limit), key=lambda cell: (cell[0], cells[cell]))


def choose():
    """Search the settings, and return what is stored."""
    all_squares = all_rectangles().images
    x, choosing = held_out(mnist("train").images, HELD_OUT)

    def of_squares(p, rate, start):
        models = squares(p, CHOOSING, rate, start)
        return statistics.mean(
            evaluate(model, modular_negative_elbo, all_squares, draws=20)["loss"] for model in models
        )

    def of_digits(make_layer, rate, _):
        models = digits(x, make_layer, CHOOSING, rate)
        return statistics.mean(evaluate(model, negative_elbo, choosing, draws=DRAWS)["loss"] for model in models)

    found = {"seeds": CHOOSING, "squares": {}, "digits": {}}
    for p in LEVELS:
        print(f"squares, p = {p}", flush=True)
        pick = partial(of_lowest_rate, TIES["squares"])
        rates, starts, cells, chosen = grown(RATES, STARTS, partial(of_squares, p), lowest, pick, least=(0, 1))
        losses = in_rows(rates, starts, cells)
        found["squares"][str(p)] = {"rates": rates, "starts": starts, "losses": losses, "chosen": chosen}
    for name, make_layer in NOISES.items():
        print(f"digits, {name}", flush=True)
        pick = partial(of_lowest_rate, TIES["digits"])
        rates, _, cells, (rate, _) = grown(DIGIT_RATES, (0,), partial(of_digits, make_layer), lowest, pick)
        losses = [round(cells[each, 0], 3) for each in rates]
        found["digits"][name] = {"rates": rates, "losses": losses, "chosen": rate}
    return found


def wrong_pixels(model, given, x):
    """Wrong pixels of an image that is restored by the mean of its code."""
    with torch.no_grad():
        restored = (model.decode(model.encode(given)[0]) > 0).float()
    return (restored != x).sum(1).float().mean().item()


def bound_by_corrupted(model, x, codes, generator, rows=20):
    """log p(x) of each row by weighted codes, each from a corruption of its own by the model's noise layer."""
    model.train()
    found = []
    for part in x.split(rows):
        every = part.repeat(codes, 1)
        log_weights = importance_log_weights(model, every, standard_normal(1, every, model, generator))
        found.append(log_weights.reshape(codes, len(part)).logsumexp(0) - math.log(codes))
    model.eval()
    return torch.cat(found)


def of_digits(model, make_layer, x_test, noisy, seed):
    """What is stored of one model of digits."""
    model.eval()
    run = {"loss": evaluate(model, negative_elbo, x_test, draws=DRAWS)["loss"]}
    few = x_test[:FEW]
    with torch.no_grad():
        run["nll"] = -importance_weighted_bound(model, few, CODES, seeded(seed)).mean().item()
        if make_layer:
            run["nll, corrupted"] = -bound_by_corrupted(model, few, CODES, seeded(seed)).mean().item()
    return run | {"wrong": wrong_pixels(model, noisy, x_test), "wrong, clean": wrong_pixels(model, x_test, x_test)}


def report(choice):
    """Train the chosen settings, and return what is stored."""
    x, x_test = mnist("train").images, mnist("test").images
    noisy = BernoulliNoise(0.1, seeded(1))(x_test)
    found = {"seeds": REPORTING, "codes": CODES, "few": FEW, "digits": {}, "first": {}}
    for name, make_layer in NOISES.items():
        models = digits(x, make_layer, REPORTING, choice["digits"][name]["chosen"])
        runs = [
            of_digits(model, make_layer, x_test, noisy, seed) for model, seed in zip(models, REPORTING, strict=True)
        ]
        found["digits"][name] = rounded(runs)
        print(name, found["digits"][name], flush=True)
    all_squares = all_rectangles().images
    flipped = BernoulliNoise(0.05, seeded(1))(all_squares.repeat(20, 1))
    for p in (0, 0.05):
        runs = []
        for seed in REPORTING:
            model = first_model(p, seed).eval()
            run = {"loss": evaluate(model, modular_negative_elbo, all_squares, draws=100)["loss"]}
            with torch.no_grad():
                run["nll"] = -log_likelihood_on_grid(model, all_squares).mean().item()
            runs.append(run | {"wrong": wrong_pixels(model, flipped, all_squares.repeat(20, 1))})
        found["first"][str(p)] = rounded(runs)
        print(p, found["first"][str(p)], flush=True)
    return {"report": found}


def rounded(runs):
    return [{name: round(value, 3) for name, value in run.items()} for run in runs]


def main():
    keep(STORE, __doc__, choose, report)


if __name__ == "__main__":
    main()
