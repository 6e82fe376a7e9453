"""Does noise at the input help where images are few, and does it help more than its rivals?

    python -m benchmarks.few --choose   how strong each remedy has to be, with seeds that report nothing (an hour)
    python -m benchmarks.few            what each gives then, with seeds that chose nothing (half an hour)

Both write what they find into book/few.json, with the day and the machine; chapter 3 shows it.

The network is 784-400-20 (576-400-20 for squares), trained with batches of 100 and Adam at a constant 1e-3 for so long
that the loss of new images has risen again. A seed draws the training images, the initial weights and the batches.
Data: 300, 1,000 or 3,000 digits of MNIST; or squares of 4 to 10 pixels whose upper left corner stands at a third of
225 places. Each remedy has the same steps and the same early stopping: the model is kept that has the lowest -ELBO of
clean held-out images (1,000 digits; squares at 50 other places), looked at forty times. So is the strength of each
remedy chosen, as the mean over three seeds; the values grow where the best lies on their edge.
Reported: the -ELBO of clean test images (10,000 digits; squares at the 100 places that are left), mean over ten draws
of the code, of the model that was kept and of the last one.
"""

import copy
import statistics
from functools import partial

import torch
from torch import nn

from benchmarks.common import grown, held_out, keep, lowest
from tools.project import BOOK
from vaebook.data import all_rectangles, mnist
from vaebook.layers import BernoulliNoise, SaltAndPepper
from vaebook.models import BernoulliVAE
from vaebook.objectives import negative_elbo
from vaebook.training import evaluate, minibatches, seeded, standard_normal

STORE = BOOK / "few.json"
CHOOSING, REPORTING = (100, 101, 102), (200, 201, 202, 203, 204)
STEPS = {"300 digits": 2000, "1,000 digits": 3000, "3,000 digits": 6000, "squares": 4000}
LOOKS, PATIENCE = 40, 10  # how often the held-out images are looked at; looks without a better one, when choosing
RATE, BATCH, STOPPING_DIGITS, DRAWS = 1e-3, 100, 1000, 10
SIDES, PLACES, LEARNED, STOPPING = range(4, 11), 15, 75, 50
STRENGTHS = {
    "nothing": (0,),
    "flips": (0.025, 0.05, 0.1),
    "salt and pepper": (0.05, 0.1, 0.2),
    "dropout at the input": (0.1, 0.2, 0.4),
    "weight decay": (0.1, 0.3, 0.9),
}


def digits(count, seed):
    """Training, held-out and test images: `count` of the first 50,000, 1,000 of the next 10,000, and all 10,000."""
    generator = seeded(seed)
    parts = held_out(mnist("train").images, 10_000)
    first, rest = (part[torch.randperm(len(part), generator=generator)] for part in parts)
    return first[:count], rest[:STOPPING_DIGITS], mnist("test").images


def squares(seed):
    """Training, held-out and test squares of all sides, whose corners stand at different places."""
    of_side = [all_rectangles(height=side, width=side) for side in SIDES]
    images = torch.cat([found.images for found in of_side])
    corners = torch.cat([found.boxes[:, :2] for found in of_side])
    inside = (corners < PLACES).all(1)
    order = torch.randperm(PLACES**2, generator=seeded(seed))
    parts = order.split([LEARNED, STOPPING, PLACES**2 - LEARNED - STOPPING])
    place = corners[:, 0] * PLACES + corners[:, 1]
    return [images[inside & torch.isin(place, part)] for part in parts]


def data(name, seed):
    return squares(seed) if name == "squares" else digits(int(name.split()[0].replace(",", "")), seed)


def built(data_dims, remedy, strength, generator):
    """A model and its optimizer, with the remedy in one of them."""
    model = BernoulliVAE(data_dims, [400], 20)
    layer = {
        "flips": partial(BernoulliNoise, generator=generator),
        "salt and pepper": partial(SaltAndPepper, salt=strength, generator=generator),
        "dropout at the input": nn.Dropout,
    }.get(remedy)
    if layer:
        model.encode.insert(0, layer(strength))
    decay = strength if remedy == "weight decay" else 0
    return model, torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=decay)


def trained(name, remedy, strength, seed, patience=LOOKS):
    """The lowest held-out -ELBO, its step, and what the kept and the last model have on test images (draws apart)."""
    x, stopping, x_test = data(name, seed)
    generator = seeded(seed)
    model, optimizer = built(x.shape[1], remedy, strength, torch.Generator().manual_seed(1000 + seed))
    best, kept, step, stale = float("inf"), None, 0, 0
    while step < STEPS[name] and stale < patience:
        for batch in minibatches(x, BATCH, 1, generator):
            loss = negative_elbo(model, batch, standard_normal(1, batch, model, generator))["loss"].mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            if step % (STEPS[name] // LOOKS) == 0:
                found = evaluate(model, negative_elbo, stopping)["loss"]
                stale += 1
                if found < best:
                    best, kept, when, stale = found, copy.deepcopy(model.state_dict()), step, 0
    return best, when, kept, model, x_test


def choose():
    """For each data set, the strengths that were tried, their held-out -ELBO, and the best."""
    found = {}
    for name in STEPS:
        found[name] = {}
        for remedy, strengths in STRENGTHS.items():

            def mean_loss(strength, _, name=name, remedy=remedy):
                return statistics.mean(trained(name, remedy, strength, seed, PATIENCE)[0] for seed in CHOOSING)

            print(f"{name}, {remedy}", flush=True)
            tried, _, cells, (strength, _) = grown(strengths, (0,), mean_loss, lowest)
            losses = [round(cells[each, 0], 2) for each in tried]
            found[name][remedy] = {"strengths": tried, "losses": losses, "chosen": strength}
    return found


def report(choice):
    """Train with the chosen strengths: for each data set and remedy, a dict for each seed."""
    found = {}
    for name, remedies in choice.items():
        found[name] = {remedy: [] for remedy in remedies}
        for remedy, chosen in remedies.items():
            for seed in REPORTING:
                _, step, kept, model, x_test = trained(name, remedy, chosen["chosen"], seed)
                test = partial(evaluate, model, negative_elbo, x_test, draws=DRAWS)
                last = test()["loss"]
                model.load_state_dict(kept)
                run = {"step": step, "kept": round(test()["loss"], 2), "last": round(last, 2)}
                found[name][remedy].append(run)
                print(f"{name}, {remedy}, seed {seed}: {run}", flush=True)
    return {"steps": STEPS, "seeds": {"choosing": CHOOSING, "reporting": REPORTING}, "runs": found}


def main():
    keep(STORE, __doc__, choose, report)


if __name__ == "__main__":
    main()
