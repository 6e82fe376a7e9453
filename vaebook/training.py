"""One training loop for every chapter. It knows no figures: it takes a callback."""

import contextlib
import math
from functools import partial

import torch

from vaebook import checks
from vaebook.checkpoints import Run
from vaebook.ensembles import Ensemble
from vaebook.progress import progress_bar


class TrainingDiverged(ArithmeticError):
    """A loss became NaN or infinite. `history`: the series that were kept before that step."""

    def __init__(self, message, history):
        super().__init__(message)
        self.history = history


def seeded(seed, device="cpu"):
    """Seed PyTorch's own source, which draws initial weights; return a generator for the rest."""
    torch.manual_seed(seed)
    return torch.Generator(device).manual_seed(seed)


def seeded_models(make, seeds, device="cpu"):
    """A list with a model made by `make()` for each seed, and a list of their generators."""
    models, generators = [], []
    for seed in seeds:
        generators.append(seeded(seed, device))
        models.append(make().to(device))
    return models, generators


def standard_normal(num_samples, x, model, generator=None):
    """Noise `(num_samples, B, Z)` for the rows of x `(B, D)` and the model's codes."""
    shape = (num_samples, len(x), model.latent_dims)
    return torch.randn(shape, generator=generator, device=x.device, dtype=x.dtype)


def evaluate(model, loss_fn, x, seed=0, batch_size=1000, draws=1, num_samples=1):
    """Average every term of `loss_fn` over the rows of x `(B, D)`, with fixed noise.

    seed: seeds that noise, so that two calls compare.  draws: how often it is drawn anew.
    num_samples: N, the codes per row in each draw.  Returns a dict of floats.
    Raises TypeError or ValueError for draws or num_samples below 1, a model without the
    three calls, and an x that is empty, not finite or does not suit the model.
    """
    checks.data("x", x, model)
    checks.positive_ints({"draws": draws, "num_samples": num_samples})
    generator = torch.Generator(x.device).manual_seed(seed)
    parts, was_training = [], model.training
    model.eval()
    with torch.no_grad():
        for part in [*x.split(batch_size)] * draws:
            noise = standard_normal(num_samples, part, model, generator)
            parts.append(loss_fn(model, part, noise))
    model.train(was_training)
    terms = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    return {name: term.mean().item() for name, term in terms.items()}


def minibatches(x, batch_size, epochs, generator=None, skip=0):
    """Yield `batch_size` rows of x at a time, in a new random order in each epoch.

    skip: how many batches of the first epoch are left out.
    """
    for _ in range(epochs):
        order = torch.randperm(len(x), generator=generator, device=x.device)
        for rows in order.split(batch_size)[skip:]:
            yield x[rows]
        skip = 0


def joint_minibatches(xs, batch_size, epochs, generators, skip=0):
    """Stack the minibatches of several x, each in an order from a generator of its own.

    An x that reads its rows from files yields them itself, by its own `minibatches`.
    """
    readers = [getattr(x, "minibatches", partial(minibatches, x)) for x in xs]
    pairs = zip(readers, generators, strict=True)
    batches = [read(batch_size, epochs, source, skip) for read, source in pairs]
    return map(torch.stack, zip(*batches, strict=True))


def batches_to_come(run, xs, batch_size):
    """The minibatches that a `Run` has still to see; its generators stand where it stopped."""
    history = run.history
    epoch, taken = divmod(history.step, history.steps_per_epoch)
    epochs = history.num_steps // history.steps_per_epoch - epoch
    if history.step == 0:
        run.epoch_began = run.now = run.states()
    run.set_states(run.epoch_began if taken else run.now)
    skip = max(0, taken - 1)
    batches = joint_minibatches(xs, batch_size, epochs, run.generators, skip)
    if taken:  # this draws the order of the epoch once more
        next(batches)
        run.set_states(run.now)
    return batches


def one_cycle(model, max_lr, num_steps, rise=0.15, beta2=0.99):
    """Adam, and its rate: up to `max_lr` in a share `rise` of the steps, then to nearly 0.

    Both ways are straight lines. Returns the optimizer and the schedule.
    Source: Kingma & Ba (2015); Smith & Topin (2019).
    """
    weights = list(model.parameters())
    adam = torch.optim.Adam(weights, lr=max_lr, betas=(0.9, beta2), fused=True)
    options = {"pct_start": rise, "anneal_strategy": "linear", "cycle_momentum": False}
    scheduler = torch.optim.lr_scheduler.OneCycleLR
    return adam, scheduler(adam, max_lr, total_steps=num_steps, **options)


class History:
    """Named series of M models' training: an entry every `log_every` steps, or every epoch.

    `result`: a dict of series, or a list of M of them if num_models is not None.
    """

    def __init__(self, num_models, steps_per_epoch, epochs, log_every=None):
        self.log_every = steps_per_epoch if log_every is None else log_every
        checks.positive_int("log_every", self.log_every)
        self.steps_per_epoch, self.num_steps = steps_per_epoch, epochs * steps_per_epoch
        self.step, self.series = 0, [{} for _ in range(num_models or 1)]
        self.result = self.series if num_models else self.series[0]
        self.names, self.sums, self.count = [], 0, 0  # since the last entry

    def add(self, terms, lr):
        """Count the terms of one step, each `(M, B)`; raise if a loss is not finite."""
        self.step += 1
        if not torch.isfinite(terms["loss"].mean(1)).all():
            raise TrainingDiverged(self.words_for(terms, lr), self.result)
        self.names = list(terms)
        self.sums = self.sums + torch.stack([*terms.values()]).detach().sum(2)
        self.count += terms["loss"].shape[1]

    def words_for(self, terms, lr):
        """Which term is not finite, preferably a part of the loss; when, and at which rate."""
        means = {name: term.detach().mean(1) for name, term in terms.items()}
        model = (~torch.isfinite(means["loss"])).nonzero()[0].item()
        means = {name: mean[model].item() for name, mean in means.items()}
        broken = [name for name, mean in means.items() if not math.isfinite(mean)]
        name = min(broken, key=lambda name: name == "loss")
        of = f" of model {model + 1}" if len(self.series) > 1 else ""
        when = f"at step {self.step} of {self.num_steps}, at learning rate {lr:.3g}"
        return f"{name}{of} is {means[name]} {when}"

    def entry_is_due(self):
        """Whether this step ends an entry."""
        return self.step % self.log_every == 0 or self.step == self.num_steps

    def close_entry(self, test_terms):
        """Append the means since the last entry, and what was found on the test rows."""
        test_terms = test_terms or [{}] * len(self.series)
        of_each = zip(self.series, self.sums.T.tolist(), test_terms, strict=True)
        for series, sums, tested in of_each:
            entry = {"step": self.step, "epoch": self.step / self.steps_per_epoch}
            for name, total in zip(self.names, sums, strict=True):
                entry[f"train_{name}"] = total / self.count
            entry |= {f"test_{name}": value for name, value in tested.items()}
            for name, value in entry.items():
                series.setdefault(name, []).append(value)
        self.sums, self.count = 0, 0


def fit(
    model,
    loss_fn,
    x_train,
    x_test=None,
    *,
    epochs,
    batch_size=200,
    max_lr=1e-2,
    num_samples=1,
    generator=None,
    log_every=None,
    callback=None,
    checkpoints=None,
):
    """Train with Adam and one cycle of the learning rate; return a history of series.

    model: one, or a list of M of one structure. These train in one go, each as it would
    alone; then x_train, generator and callback may be lists of M, and M histories return.
    loss_fn(model, x, noise): a dict of `(B,)` tensors; the mean of "loss" is minimised.
    x_train, x_test: `(B, D)`, on the model's device.  max_lr: the peak learning rate.
    num_samples: N, the codes per example; the noise is `(N, B, Z)`, drawn for each batch.
    log_every: steps between two entries of the history (default: one epoch).
    callback(step, model): called at the start (step 0) and after each step.
    checkpoints: a `Checkpoints`, from which an interrupted training goes on as if it had
    not been interrupted, given a generator for each model. The callback is then called
    with the steps that are taken already; what it has kept for itself is not restored.
    Returns lists "step", "epoch", "train_<term>" (mean since the last entry) and, given
    x_test, "test_<term>". Ctrl-C ends training early and returns the history so far.
    Raises TypeError or ValueError that names the argument it cannot train on, and
    TrainingDiverged, with the history so far, where a loss is not finite.
    """
    several = isinstance(model, list | tuple)
    num_models, models = (len(model), model) if several else (None, [model])
    x_trains, generators, callbacks = checks.one_each(
        num_models, x_train=x_train, generator=generator, callback=callback
    )
    checks.different("model", models)
    checks.different("generator", generators)
    for model, x in zip(models, x_trains, strict=True):
        checks.data("x_train", x, model)
        checks.data("x_test", x if x_test is None else x_test, model)
        checks.same_shape("x_train", x, "the first one", x_trains[0])
    sizes = {"epochs": epochs, "batch_size": batch_size, "num_samples": num_samples}
    checks.positive_ints(sizes)
    checks.positive("max_lr", max_lr)
    if checkpoints is not None and None in generators:
        raise ValueError("generator must be given with checkpoints, got None")
    rows = len(x_trains[0])
    history = History(num_models, math.ceil(rows / batch_size), epochs, log_every)
    draw = partial(standard_normal, num_samples)
    on_test = partial(evaluate, loss_fn=loss_fn, x=x_test, num_samples=num_samples)
    with (
        Ensemble(models, loss_fn) as ensemble,
        checkpoints or contextlib.nullcontext(),
        contextlib.suppress(KeyboardInterrupt),
    ):
        optimizer, schedule = one_cycle(ensemble, max_lr, history.num_steps)
        seeds = [source and source.initial_seed() for source in generators]
        settings = sizes | {"max_lr": max_lr, "examples": rows, "seeds": seeds}
        settings["log_every"] = history.log_every
        run = Run(settings, models, optimizer, schedule, history, generators)
        if checkpoints is not None:
            checkpoints.take_up(run)
        ensemble.train()
        ensemble.tell(callbacks, history.step)
        batches = batches_to_come(run, x_trains, batch_size)
        for x in progress_bar(batches, history.num_steps - history.step):  # (M, B, D)
            noise = torch.stack([*map(draw, x, models, generators)])  # (M, N, B, Z)
            terms = ensemble.terms(x, noise)
            history.add(terms, schedule.get_last_lr()[0])
            optimizer.zero_grad()
            terms["loss"].mean(1).sum().backward()
            optimizer.step()
            schedule.step()
            ensemble.tell(callbacks, history.step)
            if history.entry_is_due():
                tested = [] if x_test is None else [*map(on_test, models)]
                history.close_entry(tested)
            if checkpoints is not None:
                checkpoints.after_step(run)
    return history.result


def falling_kl_weight(step, model, start=30, until=1500):
    """A callback for `fit`: the KL of a `ModularVAE` weighs much first, then ever less.

    start: the factor on the KL at step 0.  until: the step from which on the factor is 1.
    In between it falls by the same ratio at each step. Source: after Rose (1998).
    """
    model.kl.weight = model.latent_dims * start ** max(0, 1 - step / until)
