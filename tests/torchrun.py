"""What torchrun starts for test_scale.py: several checks on the same ranks; each rank leaves a file of what it found.

torchrun --nproc-per-node 2 tests/torchrun.py FOLDER    (FOLDER/shards holds the first 1,000 training digits)
"""

import contextlib
import io
import runpy
import sys
from pathlib import Path

import torch
from torch.distributed.elastic.multiprocessing.errors import record

from vaebook.models import BernoulliVAE
from vaebook.objectives import negative_elbo
from vaebook.progress import someone_is_watching
from vaebook.scale import Spread, ranks, sweep, train
from vaebook.training import evaluate, fit, seeded

EXAMPLES = Path(__file__).parents[1] / "examples"
COUNTS = (12, 13, 14, 2, 1)  # rows of a batch, which two and three ranks divide or do not
FIFTY_STEPS = ["--examples", "1000", "--hidden", "100"]  # 200 in a batch, 10 epochs
IN_FLOAT64 = [*FIFTY_STEPS, "--dtype", "float64"]
IN_FLOAT32 = [*FIFTY_STEPS, "--max-lr", "0.003"]
SWEEP = ["--latent", "2", "3", "--seeds", "3", "--examples", "400", "--epochs", "1"]


def small(seed=0):
    """A model in double precision, rows and noise (three codes a row)."""
    generator = seeded(seed)
    model = BernoulliVAE(12, [8], 3).double()
    x = (torch.rand(14, 12, generator=seeded(7)) > 0.5).double()
    return model, x, torch.randn(3, 14, 3, generator=generator, dtype=torch.float64)


def terms_and_gradients(loss_fn, model, x, noise):
    """The terms of a batch, and the gradients of a sum in which each row and each term weighs differently."""
    model.zero_grad()
    terms = loss_fn(model, x, noise)
    weights = torch.arange(1.0, len(x) + 1).to(x)
    (weights * terms["reconstruction"] + weights.sqrt() * terms["kl"] + terms["loss"]).sum().backward()
    values = {name: term.detach() for name, term in terms.items()}
    return values, [weight.grad.clone() for weight in model.parameters()]


def short_run(seed, spread=lambda model: negative_elbo):
    """Weights after three epochs of rows that no number of ranks divides."""
    model, x, _ = small(seed)
    fit(model, spread(model), x, epochs=3, batch_size=5, generator=seeded(3))
    return [weight.detach() for weight in model.parameters()]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def command(script, module, options, group, device):
    """Run an example on the ranks that are there already; return what it prints."""
    before, argv, printed = torch.get_default_dtype(), sys.argv, Terminal()
    module.ranks = lambda: contextlib.nullcontext((group, device))
    sys.argv = [script, *map(str, options)]
    try:
        with contextlib.redirect_stdout(printed):
            runpy.run_path(str(EXAMPLES / script), run_name="__main__")
    finally:
        sys.argv = argv
        torch.set_default_dtype(before)
    return printed.getvalue()


@record
def main():
    folder = Path(sys.argv[1])
    with ranks() as (group, device):
        found = {"counts": {}, "rank": group.rank, "world": group.world}
        model, x, noise = small()
        spread = Spread(group, model, negative_elbo)
        for count in COUNTS:
            found["counts"][count] = terms_and_gradients(spread, model, x[:count], noise[:, :count])
        found["evaluated"] = evaluate(model, spread, x, batch_size=5, num_samples=2)
        found["begun differently"] = short_run(group.rank, lambda model: Spread(group, model, negative_elbo))
        found["asked"] = group.all(group.rank), group.from_first(f"of {group.rank}")
        found["alone"] = group.first_alone(lambda: group.rank)
        with contextlib.redirect_stderr(Terminal()):
            found["watched"] = someone_is_watching()

        def say(name):
            torch.save(found, folder / f"{name}-{group.rank}.pt")

        def trained(name, *options):
            if group.is_first:
                options = *options, "--save", folder / f"{name}.pt"
            found[name] = command("train_distributed.py", train, options, group, device)

        if group.world == 3:
            say("of-three")
            trained("refused", *FIFTY_STEPS)  # 200 is no multiple of 3
        trained("float64", *IN_FLOAT64)
        trained("float32", *IN_FLOAT32)
        trained("shards", *IN_FLOAT32, "--shards", folder / "shards")
        table_of = sweep.table_of

        def kept(results):
            found["results"] = results
            return table_of(results)

        sweep.table_of = kept
        found["table"] = command("sweep.py", sweep, SWEEP, group, device)
        say("of-two")
        group.all(None)
        if group.rank == 1:
            raise RuntimeError("what only the second rank has met")
        group.all("the first rank waits here for the second one")


if __name__ == "__main__":
    main()
