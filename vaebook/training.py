"""One training loop for every chapter. It knows no figures: it takes a callback."""

import math
from collections import defaultdict

import torch

from vaebook.checks import check_data, check_positive, check_positive_int
from vaebook.progress import progress_bar


def evaluate(model, loss_fn, x, seed=0, batch_size=1000, draws=1):
    """Average every term of `loss_fn` over the rows of x `(B, D)`, with fixed noise.

    seed: seeds that noise, so that two calls compare.  draws: of the noise for each row.
    Returns a dict of floats. Raises ValueError for draws below 1 and if x is empty, not
    finite or does not suit the model.
    """
    check_data("x", x, model)
    check_positive_int("draws", draws)
    generator = torch.Generator(x.device).manual_seed(seed)
    was_training = model.training
    model.eval()
    with torch.no_grad():
        parts = [
            loss_fn(model, part, generator)
            for _ in range(draws)
            for part in x.split(batch_size)
        ]
    model.train(was_training)
    return {
        name: torch.cat([part[name] for part in parts]).mean().item()
        for name in parts[0]
    }


def minibatches(x, batch_size, epochs, generator=None):
    """Yield `batch_size` rows of x at a time, in a new random order in each epoch."""
    for _ in range(epochs):
        order = torch.randperm(len(x), generator=generator, device=x.device)
        for rows in order.split(batch_size):
            yield x[rows]


def fit(
    model,
    loss_fn,
    x_train,
    x_test=None,
    *,
    epochs,
    batch_size=200,
    max_lr=1e-2,
    generator=None,
    log_every=None,
    callback=None,
):
    """Train with Adam and a one-cycle learning rate; return a history of series.

    loss_fn(model, x, generator): a dict of `(B,)` tensors; "loss" is minimised.
    x_train, x_test: `(B, D)`, on the model's device.  max_lr: the peak learning rate.
    log_every: steps between two entries of the history (default: one epoch).
    callback(step, model): called before the first step (step 0) and after each one.
    Returns lists "step", "epoch", "train_<term>" (mean since the last entry) and, given
    x_test, "test_<term>". Ctrl-C ends training early and returns the history so far.
    Raises TypeError or ValueError that names the argument it cannot train on.
    Source: Kingma & Ba (2015); Smith & Topin (2019).
    """
    check_data("x_train", x_train, model)
    if x_test is not None:
        check_data("x_test", x_test, model)
    check_positive_int("epochs", epochs)
    check_positive_int("batch_size", batch_size)
    check_positive("max_lr", max_lr)
    steps_per_epoch = math.ceil(len(x_train) / batch_size)
    num_steps = epochs * steps_per_epoch
    log_every = steps_per_epoch if log_every is None else log_every
    check_positive_int("log_every", log_every)
    optimizer = torch.optim.Adam(
        model.parameters(), lr=max_lr, betas=(0.9, 0.99), fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr,
        total_steps=num_steps,
        pct_start=0.15,
        anneal_strategy="linear",
        cycle_momentum=False,
    )
    batches = progress_bar(
        minibatches(x_train, batch_size, epochs, generator), num_steps
    )
    history, sums, count = defaultdict(list), {}, 0
    model.train()
    try:
        if callback is not None:
            callback(0, model)
        for step, x in enumerate(batches, start=1):
            terms = loss_fn(model, x, generator)
            optimizer.zero_grad()
            terms["loss"].mean().backward()
            optimizer.step()
            schedule.step()
            sums = {
                name: sums.get(name, 0) + term.detach().sum()
                for name, term in terms.items()
            }
            count += len(x)
            if callback is not None:
                callback(step, model)
            if step % log_every == 0 or step == num_steps:
                row = {"step": step, "epoch": step / steps_per_epoch}
                row |= {
                    f"train_{name}": total.item() / count
                    for name, total in sums.items()
                }
                if x_test is not None:
                    row |= {
                        f"test_{name}": value
                        for name, value in evaluate(model, loss_fn, x_test).items()
                    }
                for name, value in row.items():
                    history[name].append(value)
                sums, count = {}, 0
    except KeyboardInterrupt:
        pass  # the history so far is what the caller gets
    finally:
        batches.close()
    return dict(history)


def falling_price(step, model, start=30, until=1500):
    """A callback for `fit`: the KL of a `modular_vae` is expensive first, then ever less.

    start: the factor on the KL at step 0.  until: the step from which on the factor is 1.
    In between it falls by the same ratio at each step. Source: after Rose (1998).
    """
    model.kl.weight = model.latent_dims * start ** max(0, 1 - step / until)
