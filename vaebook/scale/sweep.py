"""Chapter 2's table of dimensions: many small trainings, shared out among the ranks."""

import argparse

import torch
from tabulate import tabulate
from torch.distributed.elastic.multiprocessing.errors import record

from vaebook.data import handwritten_digits
from vaebook.models import BernoulliVAE
from vaebook.objectives import active_units, negative_elbo
from vaebook.scale import ranks
from vaebook.tables import mean_and_spread
from vaebook.training import evaluate, fit, seeded_models


def trained(jobs, x_train, x_test, epochs, device):
    """A dict of results, a dict of numbers for each job (latent_dims, seed).

    Jobs of one structure are trained in one go, as an ensemble.
    """
    found = {}
    for latent in dict.fromkeys(latent for latent, _ in jobs):
        seeds = [seed for other, seed in jobs if other == latent]

        def make(latent=latent):
            return BernoulliVAE(784, [400], latent)

        models, generators = seeded_models(make, seeds, device)
        fit(models, negative_elbo, x_train, epochs=epochs, generator=generators)
        for seed, model in zip(seeds, models, strict=True):
            found[latent, seed] = evaluate(model, negative_elbo, x_test)
            with torch.no_grad():
                found[latent, seed]["active"] = int(active_units(model, x_test).sum())
    return found


def table_of(found):
    """The results as text, a row for each length of the code: means and spreads."""
    rows = []
    for latent in sorted({latent for latent, _ in found}):
        results = [result for (other, _), result in found.items() if other == latent]
        terms = ("loss", "reconstruction", "kl", "active")
        columns = [[result[term] for result in results] for term in terms]
        rows.append([latent, len(results), *map(mean_and_spread, columns)])
    headers = ["dimensions", "seeds", "test -ELBO", "reconstruction", "KL", "active"]
    return tabulate(rows, headers, disable_numparse=True, stralign="right")


@record
def main():
    """Share the list out, train, gather, and print the table on the first rank."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latent", type=int, nargs="+", default=[2, 10, 20, 40])
    parser.add_argument(
        "--seeds", type=int, default=3, help="of each length of the code"
    )
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument(
        "--examples", type=int, help="train on so many (default: on all)"
    )
    asked = parser.parse_args()
    if asked.seeds < 2:
        raise ValueError(f"seeds must be at least 2, for a spread, got {asked.seeds}")
    with ranks() as (group, device):
        train, test = group.first_alone(lambda: handwritten_digits(device=device))
        x_train = train.images[: asked.examples]
        jobs = [
            (latent, seed) for latent in asked.latent for seed in range(asked.seeds)
        ]
        if len(jobs) < group.world:
            raise ValueError(
                f"{group.world} ranks are too many for {len(jobs)} trainings"
            )
        mine = jobs[group.rank :: group.world]
        shares = group.all(trained(mine, x_train, test.images, asked.epochs, device))
        if group.is_first:
            print(
                table_of(
                    {job: found for share in shares for job, found in share.items()}
                )
            )


if __name__ == "__main__":
    main()
