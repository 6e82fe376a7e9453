"""Chapter 2's model, trained by as many processes as torchrun starts."""

import argparse
import time
from itertools import pairwise
from statistics import median

import torch
from torch.distributed.elastic.multiprocessing.errors import record

from vaebook.checkpoints import Checkpoints
from vaebook.data import handwritten_digits
from vaebook.models import BernoulliVAE
from vaebook.objectives import negative_elbo
from vaebook.scale import Shards, Spread, check_sizes, ranks
from vaebook.training import fit, seeded


def options():
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument(
        "--batch-size", type=int, default=200, help="of all ranks together"
    )
    parser.add_argument("--max-lr", type=float, default=0.01)
    parser.add_argument("--hidden", type=int, default=400)
    parser.add_argument("--latent", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--examples", type=int, help="train on so many (default: on all)"
    )
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--shards", help="read the training data from this folder")
    parser.add_argument(
        "--checkpoints", help="write them here, and go on from the newest"
    )
    parser.add_argument("--every", type=int, default=100, help="steps between them")
    parser.add_argument("--save", help="write the end of the run into this file")
    return parser.parse_args()


@record  # torchrun then says which rank failed, and of what
def main():
    """Train, evaluate, and say on the first rank how it went."""
    asked = options()
    torch.set_default_dtype(getattr(torch, asked.dtype))
    with ranks() as (group, device):
        train, test = group.first_alone(lambda: handwritten_digits(device=device))
        x_train = train.images[: asked.examples].to(torch.get_default_dtype())
        x_test = test.images.to(x_train)
        if asked.shards:
            x_train = Shards(asked.shards, group.rank, group.world, device=device)
        check_sizes(asked.batch_size, len(x_train), group.world)
        generator = seeded(asked.seed, device)
        model = BernoulliVAE(784, [asked.hidden], asked.latent).to(device)
        checkpoints = None
        if asked.checkpoints:
            checkpoints = Checkpoints(asked.checkpoints, asked.every, ranks=group)
        times = []
        history = fit(
            model,
            Spread(group, model, negative_elbo),
            x_train,
            x_test,
            epochs=asked.epochs,
            batch_size=asked.batch_size,
            max_lr=asked.max_lr,
            generator=generator,
            callback=lambda step, _: times.append((step, time.perf_counter())),
            checkpoints=checkpoints,
        )
        if not group.is_first:
            return
        if checkpoints and checkpoints.stopped:
            print(f"stopped; the same command goes on from {asked.checkpoints}")
            return
        ends = {name: series[-1] for name, series in history.items()}
        first = times[0][0]
        begun = f", from step {first} on" if first else ""
        steps = [later - sooner for (_, sooner), (_, later) in pairwise(times)]
        rate = 1 / median(steps) if steps else 0.0
        shares = f"{group.world} x {asked.batch_size // group.world} rows"
        print(f"{shares}, {ends['step']} steps{begun}, {rate:.0f} a second")
        print(f"test -ELBO {ends['test_loss']:.2f} nats, KL {ends['test_kl']:.2f}")
        if asked.save:
            end = {"model": model.state_dict(), "history": history, "rate": rate}
            torch.save(end, asked.save)


if __name__ == "__main__":
    main()
