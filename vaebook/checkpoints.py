"""Files from which `fit` goes on: whole or refused, and the same end as without a stop."""

import hashlib
import io
import os
import signal
import threading
import warnings
from pathlib import Path

import torch

from vaebook import checks


class DamagedCheckpoint(ValueError):
    """A file that does not hold what its name promises."""


class Run:
    """All that a training has to remember: what it changes, and where it is.

    settings: a dict of what must be the same when it goes on.
    models, generators: lists of M.  optimizer, schedule, history: those of `fit`.
    """

    def __init__(self, settings, models, optimizer, schedule, history, generators):
        self.settings, self.models, self.generators = settings, models, generators
        self.optimizer, self.schedule, self.history = optimizer, schedule, history
        layers = [layer for model in models for layer in model.modules()]
        of_layers = [getattr(layer, "generator", None) for layer in layers]
        sources = (source for source in [*generators, *of_layers] if source is not None)
        self.sources = [*{id(source): source for source in sources}.values()]
        self.epoch_began = self.now = self.states()

    def states(self):
        """The states of all generators, those of layers among them, copied."""
        return [source.get_state() for source in self.sources]

    def set_states(self, states):
        """Let the generators go on from these states."""
        for source, state in zip(self.sources, states, strict=True):
            source.set_state(state)

    def end_step(self):
        """Keep the states from which the next order of the data is drawn."""
        if self.history.step % self.history.steps_per_epoch == 0:
            self.epoch_began = self.states()

    def state_dict(self):
        """Tensors, numbers and texts only, so that loading executes nothing."""
        kept = vars(self.history)  # `result` is among its series
        return {
            "settings": self.settings,
            "models": [model.state_dict() for model in self.models],
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "history": {name: kept[name] for name in kept if name != "result"},
            "epoch_began": self.epoch_began,
            "now": self.states(),
        }

    def load_state_dict(self, state, name):
        """Go on from `state`, which the file `name` holds. Raises ValueError if it does not fit."""
        self.check(state, name)
        for model, weights in zip(self.models, state["models"], strict=True):
            model.load_state_dict(weights)
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        kept = dict(state["history"])
        for series, values in zip(self.history.series, kept.pop("series"), strict=True):
            series.update(values)  # in place: these are what `fit` returns
        vars(self.history).update(kept)
        if torch.is_tensor(self.history.sums):
            device = next(self.models[0].parameters()).device
            self.history.sums = self.history.sums.to(device)
        self.epoch_began, self.now = state["epoch_began"], state["now"]

    def check(self, state, name):
        """Raise ValueError if `state` is that of other models or of another training."""
        if len(state["models"]) != len(self.models):
            came = f"{len(state['models'])} models, not {len(self.models)}"
            raise ValueError(f"checkpoint {name} holds {came}")
        for model, weights in zip(self.models, state["models"], strict=True):
            ours, theirs = shapes(model.state_dict()), shapes(weights)
            for key in [*ours, *theirs]:
                came, expected = theirs.get(key, "none"), ours.get(key, "none")
                if came != expected:
                    raise ValueError(
                        f"checkpoint {name} is of another architecture: {key} is "
                        f"{came} there and {expected} in this model"
                    )
        for key, expected in self.settings.items():
            came = state["settings"].get(key)
            if came != expected:
                raise ValueError(
                    f"checkpoint {name} is of a training with {key} = {came}, not {expected}"
                )


def shapes(weights):
    """What a state dict holds, in words, by name."""
    return {
        key: f"{tuple(tensor.shape)} of {str(tensor.dtype).removeprefix('torch.')}"
        for key, tensor in weights.items()
    }


class Alone:
    """One process, which needs nobody's consent. `vaebook.scale.Ranks` answers for many."""

    rank, world, is_first = 0, 1, True

    def all(self, value):
        """A list with what each rank has."""
        return [value]

    def from_first(self, value):
        """What the first rank has."""
        return value

    def first_alone(self, act):
        """What act() returns."""
        return act()


class Checkpoints:
    """A folder of checkpoints for `fit`, and what stops it in order.

    folder: made where it is missing.  every: steps from one checkpoint to the next.
    keep: how many of them stay.  ranks: the processes that train together. The first
    one writes and reads, all go on from what it has read.
    ask_every: steps after which the ranks ask each other whether one was told to stop.
    Within `with`, Ctrl-C and SIGTERM stop training after a step, with a checkpoint, and
    `stopped` is true then.
    """

    def __init__(self, folder, every=100, keep=2, ranks=None, ask_every=10):
        checks.positive_ints({"every": every, "keep": keep, "ask_every": ask_every})
        self.folder, self.every, self.keep = Path(folder), every, keep
        self.ranks, self.ask_every = ranks or Alone(), ask_every
        self.told_to_stop, self.stopped, self.handlers = False, False, {}

    def __enter__(self):
        self.told_to_stop, self.stopped = False, False
        if threading.current_thread() is threading.main_thread():
            for sign in (signal.SIGINT, signal.SIGTERM):
                self.handlers[sign] = signal.signal(sign, self.stop)
        return self

    def __exit__(self, *_):
        for sign, handler in self.handlers.items():
            signal.signal(sign, handler)
        self.handlers = {}

    def stop(self, *_):
        """Have training stop after a step."""
        self.told_to_stop = True

    def take_up(self, run):
        """Let a run go on from the newest checkpoint that is whole, if there is one.

        One that is damaged is refused with a warning that names it.
        Raises ValueError if the checkpoint is of another architecture or training.
        """
        found = None
        if self.ranks.is_first:
            for left_by_the_dead in self.folder.glob("unfinished-*"):
                left_by_the_dead.unlink()
            found = self.newest()
        found = self.ranks.from_first(found)
        if found is not None:
            name, state = found
            run.load_state_dict(state, name)

    def newest(self):
        """Name and state of the newest checkpoint that is whole; None if there is none."""
        for path in sorted(self.folder.glob("step-*.pt"), reverse=True):
            try:
                return path.name, read(path)
            except DamagedCheckpoint as error:
                warnings.warn(
                    f"{error}; an older one is used, if there is one", stacklevel=2
                )
        return None

    def after_step(self, run):
        """Write a checkpoint where one is due; raise KeyboardInterrupt if told to stop."""
        run.end_step()
        step, last = run.history.step, run.history.num_steps
        stops = step % self.ask_every == 0 and step < last
        stops = stops and any(self.ranks.all(self.told_to_stop))
        if (step % self.every == 0 or step == last or stops) and self.ranks.is_first:
            newest = write(run.state_dict(), self.folder, step)
            paths = sorted(self.folder.glob("step-*.pt"))
            place = paths.index(newest) + 1  # what comes later was refused
            for path in [*paths[: max(0, place - self.keep)], *paths[place:]]:
                path.unlink()
        if stops:
            self.stopped = True
            raise KeyboardInterrupt


def write(state, folder, step):
    """Write `state` whole or not at all; step and SHA-256 are in its name."""
    folder.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    torch.save(state, buffer)
    data = buffer.getvalue()
    unfinished = folder / f"unfinished-{os.getpid()}"
    with open(unfinished, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())  # on the disk, before it has its name
    digest = hashlib.sha256(data).hexdigest()[:16]
    path = folder / f"step-{step:09}-{digest}.pt"
    os.replace(unfinished, path)  # at once: nobody sees half of it
    return path


def read(path):
    """The state that a checkpoint holds. Raises DamagedCheckpoint, which names it."""
    data = path.read_bytes()
    digest, promised = hashlib.sha256(data).hexdigest()[:16], path.stem.split("-")[-1]
    if digest != promised:
        came = f"its {len(data):,} bytes have the SHA-256 {digest}"
        raise DamagedCheckpoint(f"checkpoint {path.name} is damaged: {came}")
    return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
