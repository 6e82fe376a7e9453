"""Which settings for chapter 2's digits, and how good are the models that they give?

    python -m benchmarks.digits --choose   trains grids of settings, with seeds that report nothing (half an hour)
    python -m benchmarks.digits            trains the chosen settings and their rivals, with seeds that chose nothing

Both write what they find into book/digits.json, with the day and the machine; chapter 2 shows it.

The model is 784-400-20. Settings are chosen by the -ELBO of 10,000 training images that are held out, after ten
passes over the other 50,000. First the peak of the learning rate and the batch size. Three seeds do not tell cells
apart that differ by less than TIE; of those the one of the largest batch is taken, which is the fastest, and of these
the one of the lowest rate. Then Adam's beta2 and the share of the steps in which the rate rises; what `one_cycle`
has by default stays, unless a cell is better by more than TIE. A grid grows where its best cell, or the one taken,
lies on its edge.
The rival is the usual loop: batches of 128, Adam at a constant rate, chosen on the same held-out images. (The
batches are read from memory here. Nothing but the time depends on that; benchmarks/time_to_loss.py takes the time.)
Then other numbers of passes: what more of them would give, and after how few the rivals are reached.

Reported, on the test set and after ten passes over all 60,000: the chosen settings, the rival at the published rate
and at the chosen one, the network 784-400-150-2 with the chosen settings, and the chosen settings on pixels drawn
anew for each batch (stochastic binarisation; the test set is drawn once) and on grey levels. The -ELBO is the mean
over DRAWS draws of the code; -log p(x) is bounded by importance weights with CODES codes.
"""

import statistics
import time
from functools import partial

import torch

from benchmarks.common import grown, held_out, in_rows, keep, lowest, steps
from tools.project import BOOK
from vaebook.data import mnist
from vaebook.models import BernoulliVAE
from vaebook.objectives import importance_weighted_bound, negative_elbo
from vaebook.training import evaluate, one_cycle, seeded

STORE = BOOK / "digits.json"
CHOOSING, REPORTING = (100, 101, 102), (200, 201, 202, 203, 204)
TIE = 0.1  # nats
HELD_OUT, EPOCHS, DRAWS, CODES = 10_000, 10, 10, 500
RATES, BATCHES = (2.5e-3, 5e-3, 1e-2), (100, 200, 400)
RISES, FORGETS = (0.075, 0.15, 0.3), (0.003, 0.01, 0.03)  # a forget is 1 - beta2
AS_IT_WAS = (0.15, 0.01)
PUBLISHED_RATE, RIVAL_RATES = 1e-3, (5e-4, 1e-3, 2e-3)


def trained(x, seed, train, sizes=([400], 20), loss_of=negative_elbo):
    """A model, and the seconds that its training took. train: `cycle` or `constant`, with their settings."""
    generator = seeded(seed)
    model = BernoulliVAE(784, *sizes)
    start = time.perf_counter()
    train(model, x, generator, loss_of)
    return model, time.perf_counter() - start


def cycle(model, x, generator, loss_of, *, rate, batch_size, rise, forget, epochs=EPOCHS):
    """As `fit` trains, with settings that `fit` leaves alone."""
    num_steps = epochs * -(-len(x) // batch_size)
    optimizer, schedule = one_cycle(model, rate, num_steps, rise, 1 - forget)
    steps(model, loss_of, x, generator, optimizer, schedule, batch_size, epochs)


def constant(model, x, generator, loss_of, *, rate, batch_size=128, epochs=EPOCHS):
    """The usual loop."""
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    steps(model, loss_of, x, generator, optimizer, batch_size=batch_size, epochs=epochs)


def fastest(cells):
    """Of the cells (rate, batch size) that tie with the best, the largest batch, then the lowest rate."""
    limit = cells[lowest(cells)] + TIE
    return min((cell for cell in cells if cells[cell] <= limit), key=lambda cell: (-cell[1], cell[0]))


def as_it_was_or_best(cells):
    """The cell that the package has, unless another is better by more than TIE."""
    best = lowest(cells)
    return AS_IT_WAS if cells[AS_IT_WAS] <= cells[best] + TIE else best


def choose():
    """Search the grids on held-out images, and return what is stored."""
    x, choosing = held_out(mnist("train").images, HELD_OUT)

    def losses(train):
        models = [trained(x, seed, train)[0] for seed in CHOOSING]
        return [evaluate(model, negative_elbo, choosing, draws=DRAWS)["loss"] for model in models]

    def mean_loss(train):
        return statistics.mean(losses(train))

    def of_rate_and_batch(rate, batch_size):
        return mean_loss(partial(cycle, rate=rate, batch_size=int(batch_size), rise=AS_IT_WAS[0], forget=AS_IT_WAS[1]))

    rates, batches, cells, (rate, batch_size) = grown(RATES, BATCHES, of_rate_and_batch, lowest, fastest)
    first = {"rates": rates, "batches": batches, "losses": in_rows(rates, batches, cells)}
    ours = partial(cycle, rate=rate, batch_size=int(batch_size))

    def of_rise_and_forget(rise, forget):
        return mean_loss(partial(ours, rise=rise, forget=forget))

    rises, forgets, cells, (rise, forget) = grown(RISES, FORGETS, of_rise_and_forget, lowest, as_it_was_or_best)
    second = {"rises": rises, "forgets": forgets, "losses": in_rows(rises, forgets, cells)}
    chosen_cycle = partial(ours, rise=rise, forget=forget)
    rival_rates, _, cells, (rival_rate, _) = grown(
        RIVAL_RATES, (128,), lambda rate, _: mean_loss(partial(constant, rate=rate)), lowest, least=(0, 128)
    )
    rival = {"rates": rival_rates, "losses": [round(cells[rate, 128], 3) for rate in rival_rates]}
    passes = {}
    for epochs in (2, 3, 4, 5, 6, 7, 8, EPOCHS, 2 * EPOCHS):
        passes[epochs] = [round(loss, 3) for loss in losses(partial(chosen_cycle, epochs=epochs))]
        print(f"{epochs} epochs: {passes[epochs]}", flush=True)
    settings = {"rate": rate, "batch_size": int(batch_size), "rise": rise, "forget": forget}
    chosen = settings | {"rival_rate": rival_rate}
    return {"seeds": CHOOSING, "first": first, "second": second, "rival": rival, "passes": passes, "chosen": chosen}


def drawn_anew(model, x, noise):
    """The -ELBO of black-and-white images drawn from grey ones, anew each time."""
    return negative_elbo(model, torch.bernoulli(x), noise)


def report(choice):
    """Train the chosen settings and the rivals, and return what is stored."""
    chosen = choice["chosen"]
    settings = {name: chosen[name] for name in ("rate", "batch_size", "rise", "forget")}
    ours = partial(trained, train=partial(cycle, **settings))
    x, grey = mnist("train").images, mnist("train", threshold=None).images
    x_test, grey_test = mnist("test").images, mnist("test", threshold=None).images
    stochastic = torch.bernoulli(grey_test, generator=seeded(0))
    ways = {
        "784-400-20": (partial(ours, x), x_test),
        "784-400-20, usual loop, published rate": (
            partial(trained, x, train=partial(constant, rate=PUBLISHED_RATE)),
            x_test,
        ),
        "784-400-20, usual loop, chosen rate": (
            partial(trained, x, train=partial(constant, rate=chosen["rival_rate"])),
            x_test,
        ),
        "784-400-150-2": (partial(ours, x, sizes=([400, 150], 2)), x_test),
        "stochastic": (partial(ours, grey, loss_of=drawn_anew), stochastic),
        "grey": (partial(ours, grey), grey_test),
    }
    stored = {}
    for name, (train, images) in ways.items():
        stored[name] = {"seconds": [], "runs": []}
        for seed in REPORTING:
            model, took = train(seed)
            run = {"loss": evaluate(model, negative_elbo, images, draws=DRAWS)["loss"]}
            if name in ("784-400-20", "stochastic"):
                with torch.no_grad():
                    bound = importance_weighted_bound(model, images, CODES, seeded(seed))
                run["nll"] = -bound.mean().item()
            stored[name]["runs"].append({key: round(value, 3) for key, value in run.items()})
            stored[name]["seconds"].append(round(took))
            print(f"{name}, seed {seed}: {stored[name]['runs'][-1]} in {took:.0f} s", flush=True)
    entropy = -(torch.xlogy(grey_test, grey_test) + torch.xlogy(1 - grey_test, 1 - grey_test)).sum(1).mean().item()
    return {"report": {"seeds": REPORTING, "ways": stored, "grey_entropy": round(entropy, 3), "codes": CODES}}


def main():
    keep(STORE, __doc__, choose, report)


if __name__ == "__main__":
    main()
