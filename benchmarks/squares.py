"""Which settings for chapter 1's model, and how close does it get to the entropy of the squares?

    python -m benchmarks.squares --choose   trains a grid of settings, with seeds that report nothing (half an hour)
    python -m benchmarks.squares            trains the chosen settings and their rivals, with seeds that chose nothing

Both write what they find into book/squares.json, with the day and the machine; chapter 1 shows it.

The model is 576-512-512-2. The grid is over the peak of the learning rate and the weight of the KL at the start; 2,500
batches of 100 are what the page has time for. The criterion is the mean loss over the batches of the last epoch. A
grid whose best cell lies on its edge grows there; a weight below 1 would be no falling one, so 1 is no edge. Three
seeds do not tell cells apart that differ by less than TIE; of those the one of the lowest rate is taken.
Reported: the auto-encoder that the chapter begins with, and the VAE; the VAE without a falling weight; both with Adam
at 1e-3 throughout; and the recipe that the book's first model is known by, batches of 16, 31,250 steps, Adam at 1e-3.
Of each the -ELBO over all 289 squares, as the mean over 100 draws of the code, and what 10,000 decoded draws are, from
the prior and from a Gaussian with the mean and the covariance of the model's codes.
"""

import argparse
import json
import statistics
import time
from datetime import date
from functools import partial

import torch

from benchmarks.common import grown, in_rows, steps
from tools.execute import machine
from tools.project import BOOK
from vaebook.data import all_rectangles, rectangles
from vaebook.models import ModularVAE
from vaebook.objectives import modular_negative_elbo
from vaebook.training import evaluate, falling_kl_weight, fit, seeded

STORE = BOOK / "squares.json"
CHOOSING, REPORTING = (100, 101, 102), (200, 201, 202, 203, 204)
TIE = 0.05  # nats
RATES, STARTS = (2.5e-3, 5e-3, 1e-2), (1, 10, 30)


def trained(train, seed):
    """A model, its mean loss over the batches of the last epoch, and the seconds that training took."""
    generator = seeded(seed)
    x = rectangles(50_000, generator=generator).images
    model = ModularVAE(576, [512, 512], 2)
    start = time.perf_counter()
    return model, train(model, x, generator), time.perf_counter() - start


def auto_encoder_loss(model, x, noise):
    return {"loss": -model.log_likelihood(model.encode(x)[0], x)}


def one_cycle(model, x, generator, rate, start=1, loss_of=modular_negative_elbo):
    """As the chapter trains."""
    options = {"epochs": 5, "batch_size": 100, "max_lr": rate, "generator": generator}
    history = fit(model, loss_of, x, callback=partial(falling_kl_weight, start=start), **options)
    return history["train_loss"][-1]


def usual_steps(model, x, generator, loss_of=modular_negative_elbo, batch_size=100, epochs=5):
    """Adam at 1e-3 throughout. Returns the mean loss over the batches of the last epoch."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = steps(model, loss_of, x, generator, optimizer, batch_size=batch_size, epochs=epochs)
    return statistics.mean(losses[-len(losses) // epochs :])


def best(cells):
    """The cell of the lowest loss, (rate, start); of those that tie with it, the one of the lowest rate."""
    lowest = min(cells.values())
    return min((cell for cell in cells if cells[cell] <= lowest + TIE), key=lambda cell: (cell[0], cells[cell]))


def choose():
    """Train the grid, let it grow until its best cell lies inside, and return what is stored."""

    def measure(rate, start):
        return statistics.mean(trained(partial(one_cycle, rate=rate, start=start), seed)[1] for seed in CHOOSING)

    rates, starts, cells, chosen = grown(RATES, STARTS, measure, best, least=(0, 1))
    grid = in_rows(rates, starts, cells)
    return {"rates": rates, "starts": starts, "losses": grid, "seeds": CHOOSING, "chosen": chosen}


@torch.no_grad()
def results_of(model, vae):
    """Of 10,000 draws from the prior, and of 10,000 like the codes: the share of squares, and at how many places.

    And of a VAE the -ELBO.
    """
    squares, noise = all_rectangles().images, torch.randn(10_000, 2, generator=seeded(0))
    codes, _ = model.encode(squares)
    draws = {"prior": noise, "codes": codes.mean(0) + noise @ torch.linalg.cholesky(codes.T.cov()).T}
    found = {}
    for name, z in draws.items():
        images = (model.decode(z) > 0).float()
        wrong, place = (images.sum(1, keepdim=True) + 64 - 2 * images @ squares.T).min(1)
        found[name] = (wrong == 0).float().mean().item()
        found[f"{name}, places"] = len(place[wrong == 0].unique())
    if vae:
        found["loss"] = evaluate(model, modular_negative_elbo, squares, draws=100)["loss"]
    return {key: round(value, 4) for key, value in found.items()}


def report(chosen):
    """Train the chosen settings and the rivals, and return what is stored."""
    rate, start = chosen
    cycle = partial(one_cycle, rate=rate)
    ways = {
        "auto-encoder": partial(cycle, loss_of=auto_encoder_loss),
        "VAE": partial(cycle, start=start),
        "VAE, weight 1 throughout": cycle,
        "auto-encoder, Adam at 0.001": partial(usual_steps, loss_of=auto_encoder_loss),
        "VAE, weight 1, Adam at 0.001": usual_steps,
        "VAE, weight 1, Adam at 0.001, 31,250 batches of 16": partial(usual_steps, batch_size=16, epochs=10),
    }
    stored = {}
    for name, train in ways.items():
        stored[name] = {"seconds": [], "runs": []}
        for seed in REPORTING:
            model, _, took = trained(train, seed)
            stored[name]["runs"].append(results_of(model, vae=not name.startswith("auto-encoder")))
            stored[name]["seconds"].append(round(took))
            print(f"{name}, seed {seed}: {stored[name]['runs'][-1]} in {took:.0f} s", flush=True)
    return {"seeds": REPORTING, "ways": stored}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--choose", action="store_true", help="train the grid")
    stored = json.loads(STORE.read_text(encoding="utf-8")) if STORE.exists() else {}
    if parser.parse_args().choose:
        stored["grid"] = choose()
    else:
        stored["report"] = report(stored["grid"]["chosen"])
    stored |= {"day": date.today().isoformat(), "machine": machine()}
    STORE.write_text(json.dumps(stored, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
