"""A training that goes on from a checkpoint ends where it would have ended if left alone."""

import hashlib
import math
import os
import re
import signal
import threading
from functools import cache, partial

import pytest
import torch

from vaebook.checkpoints import Alone, Checkpoints
from vaebook.layers import BernoulliNoise
from vaebook.models import BernoulliVAE, ModularVAE
from vaebook.objectives import modular_negative_elbo, negative_elbo
from vaebook.training import TrainingDiverged, falling_kl_weight, fit, seeded, seeded_models

X = (torch.rand(70, 36, generator=torch.Generator().manual_seed(7)) > 0.5).float()
EPOCHS, STEPS = 5, 20  # an epoch has four steps, the last one on a batch of 10


@pytest.fixture(autouse=True)
def one_thread():
    """With more, small products wait for each other on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def one():
    generator = seeded(0)
    return BernoulliVAE(36, [8], 2), generator, negative_elbo


def another_seed():
    return BernoulliVAE(36, [8], 2), seeded(1), negative_elbo


def three():
    return *seeded_models(lambda: BernoulliVAE(36, [8], 2), range(3)), negative_elbo


def noisy(own=False):
    """Its noise comes from the generator that draws the batches, or from one of its own."""
    generator = seeded(0)
    model = ModularVAE(36, [8], 2)
    model.encode.insert(0, BernoulliNoise(0.2, seeded(5) if own else generator))
    return model, generator, modular_negative_elbo


def noisy_of_its_own():
    return noisy(own=True)


def three_noisy():
    models, generators = [], []
    for seed in range(3):
        generators.append(seeded(seed))
        models.append(ModularVAE(36, [8], 2))
        models[-1].encode.insert(0, BernoulliNoise(0.1 * seed, generators[-1]))
    return models, generators, modular_negative_elbo


KINDS = [one, three, noisy, noisy_of_its_own, three_noisy]


class Trained:
    """A training from the beginning or from what lies in a folder; told to stop after the step `stop`."""

    def __init__(self, folder=None, stop=None, kind=one, sign=signal.SIGINT, every=100, keep=2, told=None, **options):
        model, self.generators, loss_fn = kind()
        several = isinstance(model, list)
        self.models = model if several else [model]
        self.steps, self.checkpoints = [], None
        if folder is not None:
            self.checkpoints = Checkpoints(folder, every=every, keep=keep, ask_every=1)

        def callback(step, model):
            self.steps.append(step)
            if told is not None:
                told(step, model)
            if step == stop:
                signal.raise_signal(sign)

        settings = {"epochs": EPOCHS, "batch_size": 20, "log_every": 3, "x_train": X, "x_test": X[:15]}
        self.history = fit(
            model,
            loss_fn,
            generator=self.generators,
            callback=[callback, None, None] if several else callback,
            checkpoints=self.checkpoints,
            **settings | options,
        )

    def __eq__(self, other):
        """To the last bit: weights, histories and the states of all generators."""
        return self.history == other.history and all(map(torch.equal, self.tensors(), other.tensors()))

    def tensors(self):
        """All weights, and the states of all generators."""
        generators = self.generators if isinstance(self.generators, list) else [self.generators]
        layers = [layer for model in self.models for layer in model.modules()]
        generators = [*generators, *(layer.generator for layer in layers if getattr(layer, "generator", None))]
        weights = [weight for model in self.models for weight in model.parameters()]
        return [*weights, *(generator.get_state() for generator in generators)]


@cache
def left_alone(kind=one):
    """The run that is never stopped; it is only looked at."""
    return Trained(kind=kind)


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def step_of(name):
    return int(name.split("-")[1])


# In mid-epoch, before and after the last small batch of one, at the first step, and twice in a row.
@pytest.mark.parametrize("stops", [[6], [7], [8], [1], [2, 3], [5, 8, 19]], ids=str)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_run_that_was_stopped_ends_like_one_left_alone(kind, stops, tmp_path):
    for stop in stops:
        stopped = Trained(tmp_path, stop, kind)
        assert stopped.checkpoints.stopped and stopped.steps[-1] == stop
        assert step_of(files(tmp_path)[-1]) == stop
        assert stopped != left_alone(kind)
    gone_on = Trained(tmp_path, kind=kind)
    assert gone_on == left_alone(kind) and not gone_on.checkpoints.stopped
    assert gone_on.steps == list(range(stops[-1], STEPS + 1))


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("stop", [6, 8])
def test_both_signals_stop_after_a_step_and_are_given_back(sign, stop, tmp_path):
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    within = []
    stopped = Trained(
        tmp_path, stop, sign=sign, told=lambda *_: within.append({each: signal.getsignal(each) for each in before})
    )
    assert stopped.checkpoints.stopped and stopped.steps == list(range(stop + 1))
    assert {each: signal.getsignal(each) for each in before} == before
    assert all(handlers[each] == stopped.checkpoints.stop for handlers in within for each in before)
    assert [step_of(name) for name in files(tmp_path)] == [stop]
    assert Trained(tmp_path) == left_alone()


def test_the_handlers_are_given_back_after_an_error_too(tmp_path):
    def spoil(step, model):
        if step == 4:
            model.encode[0].weight.data.fill_(math.nan)

    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(TrainingDiverged, match="at step 5 of 20"):
        Trained(tmp_path, told=spoil)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_thread_that_gets_no_signals_writes_checkpoints_as_well(tmp_path):
    thread = threading.Thread(target=Trained, args=(tmp_path,), kwargs={"every": 12})
    thread.start()
    thread.join()
    assert [step_of(name) for name in files(tmp_path)] == [12, STEPS]


def test_ranks_ask_each_other_only_after_so_many_steps(tmp_path):
    generator = seeded(0)
    checkpoints = Checkpoints(tmp_path, ask_every=5)
    model, steps = BernoulliVAE(36, [8], 2), []

    def callback(step, model):
        steps.append(step)
        if step == 6:
            os.kill(os.getpid(), signal.SIGINT)

    fit(
        model,
        negative_elbo,
        X,
        epochs=5,
        batch_size=20,
        generator=generator,
        callback=callback,
        checkpoints=checkpoints,
    )
    assert steps == list(range(11)) and [step_of(name) for name in files(tmp_path)] == [10]


@pytest.mark.parametrize("is_first", [True, False])
def test_all_ranks_stop_where_one_was_told_and_the_first_one_writes(is_first, tmp_path):
    class OneOfTwo(Alone):
        def __init__(self):
            self.is_first, self.answers = is_first, []

        def all(self, told):
            self.answers.append(told)
            return [told, len(self.answers) == 3]  # the other one hears of it in time for the third question

    generator, group = seeded(0), OneOfTwo()
    checkpoints = Checkpoints(tmp_path, every=4, keep=9, ranks=group, ask_every=3)
    model, steps = BernoulliVAE(36, [8], 2), []
    options = {"epochs": 5, "batch_size": 20, "callback": lambda step, _: steps.append(step)}
    fit(model, negative_elbo, X, generator=generator, checkpoints=checkpoints, **options)
    assert group.answers == [False] * 3 and checkpoints.stopped and steps == list(range(10))
    assert [step_of(name) for name in files(tmp_path)] == ([4, 8, 9] if is_first else [])


def test_what_a_callback_sets_by_the_step_is_set_when_a_run_goes_on(tmp_path):
    def told(step, model):
        falling_kl_weight(step, model, until=15)

    Trained(tmp_path, 6, noisy, told=told)
    assert Trained(tmp_path, kind=noisy, told=told) == Trained(kind=noisy, told=told)


def test_a_callback_that_draws_is_taken_up_as_well(tmp_path):
    def trained(folder=None, stop=None):
        source = seeded(0)
        draw = partial(torch.rand, 1, generator=source)
        run = Trained(
            folder,
            stop,
            lambda: (seeded(3) and BernoulliVAE(36, [8], 2), source, negative_elbo),
            told=lambda *_: draw(),
        )
        return run

    for stop in (6, 8):
        trained(tmp_path, stop)
    assert trained(tmp_path) == trained()


def test_told_in_the_last_step_it_has_ended_not_stopped(tmp_path):
    ended = Trained(tmp_path, STEPS)
    assert not ended.checkpoints.stopped and ended == left_alone()


def test_checkpoints_that_were_told_to_stop_serve_again(tmp_path):
    model, generator, loss_fn = one()
    checkpoints = Checkpoints(tmp_path, ask_every=1)
    for told in (6, 11, None):

        def callback(step, model, told=told):
            if step == told:
                checkpoints.stop()

        settings = {"epochs": EPOCHS, "batch_size": 20, "log_every": 3, "x_test": X[:15]}
        history = fit(model, loss_fn, X, generator=generator, callback=callback, checkpoints=checkpoints, **settings)
        assert checkpoints.stopped == (told is not None)
    assert history == left_alone().history


def test_what_a_killed_process_has_left_half_done_is_removed(tmp_path):
    (tmp_path / "unfinished-1").write_bytes(b"half")
    assert Trained(tmp_path) == left_alone()
    assert not any(name.startswith("unfinished") for name in files(tmp_path))


def test_a_run_that_has_ended_is_not_trained_again(tmp_path):
    first = Trained(tmp_path, every=8)
    there = {name: (tmp_path / name).stat().st_mtime_ns for name in files(tmp_path)}
    again = Trained(tmp_path, every=8)
    assert again == first == left_alone() and again.steps == [STEPS]
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in files(tmp_path)} == there


def test_the_entry_in_which_a_run_stopped_has_the_mean_of_all_its_rows(tmp_path):
    rows = []

    def loss_fn(model, x, noise):
        rows.append(x[:, 0] + x[:, 1])
        return negative_elbo(model, x, noise) | {"row": rows[-1]}

    def kind():
        model, generator, _ = one()
        return model, generator, loss_fn

    for stop in (4, 6, 12, None):  # within an entry, and within an epoch
        history = Trained(tmp_path, stop, kind, log_every=7, x_test=None).history
    assert len(rows) == STEPS and history["step"] == [7, 14, 20]
    means = [torch.cat(part).mean().item() for part in (rows[:7], rows[7:14], rows[14:])]
    assert history["train_row"] == pytest.approx(means, abs=1e-7)
    assert history == Trained(kind=kind, log_every=7, x_test=None).history


def kinds_within(value):
    """The types of all that a checkpoint holds."""
    if isinstance(value, dict):
        return {type(value)}.union(*map(kinds_within, [*value, *value.values()]))
    if isinstance(value, list | tuple):
        return {type(value)}.union(*map(kinds_within, value))
    return {type(value)}


@pytest.mark.parametrize("kind", [one, three_noisy], ids=lambda kind: kind.__name__)
def test_a_checkpoint_holds_tensors_numbers_and_texts_only(kind, tmp_path):
    Trained(tmp_path, 6, kind)
    (name,) = files(tmp_path)
    state = torch.load(tmp_path / name, weights_only=True)
    plain = {dict, list, tuple, str, int, float, bool, type(None)}
    found = {kind.__mro__[-2] if issubclass(kind, dict) else kind for kind in kinds_within(state)}
    assert found - plain == {torch.Tensor}
    assert state["history"]["step"] == 6 and len(state["models"]) == (3 if kind is three_noisy else 1)


@pytest.mark.parametrize("every, keep, kept", [(3, 3, [15, 18, 20]), (10, 1, [20]), (8, 5, [8, 16, 20])])
def test_so_many_stay_and_their_names_have_step_and_digest(every, keep, kept, tmp_path):
    counts = []

    def told(step, model):
        counts.append(len(files(tmp_path / "new")) if step > every else 0)

    Trained(tmp_path / "new", every=every, keep=keep, told=told)
    names = files(tmp_path / "new")
    assert [step_of(name) for name in names] == kept and max(counts) <= keep
    for name in names:
        digest = hashlib.sha256((tmp_path / "new" / name).read_bytes()).hexdigest()
        assert re.fullmatch(rf"step-\d{{9}}-{digest[:16]}\.pt", name)


@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_older_ones_whole(fails, tmp_path, monkeypatch):
    calls, works = [], getattr(os, fails)

    def full(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise OSError("no space left on device")
        return works(*arguments)

    with monkeypatch.context() as patched, pytest.raises(OSError, match="no space left"):
        patched.setattr(os, fails, full)
        Trained(tmp_path, every=6)
    assert [step_of(name) for name in files(tmp_path) if name.startswith("step")] == [6]
    gone_on = Trained(tmp_path, every=6)
    assert gone_on.steps[0] == 6 and gone_on == left_alone()
    assert [step_of(name) for name in files(tmp_path)] == [18, 20]  # nothing unfinished stays


def test_nobody_sees_a_checkpoint_before_it_is_whole(tmp_path, monkeypatch):
    """The name comes last: what stands under it then has the digest that it promises."""
    seen, works = [], os.replace

    def replace(source, target):
        assert not target.exists()
        promised = target.stem.split("-")[-1]
        seen.append(hashlib.sha256(source.read_bytes()).hexdigest()[:16] == promised)
        return works(source, target)

    monkeypatch.setattr(os, "replace", replace)
    Trained(tmp_path, every=5)
    assert seen == [True] * 4


DAMAGES = {
    "truncated": lambda data: data[:-100],
    "one bit": lambda data: data[:2000] + bytes([data[2000] ^ 1]) + data[2001:],
    "longer": lambda data: data + b"\0",
    "empty": lambda data: b"",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_one_is_refused_by_name_and_the_one_before_is_used(damage, tmp_path):
    Trained(tmp_path, 15, every=6)
    names = files(tmp_path)
    assert [step_of(name) for name in names] == [12, 15]
    newest = tmp_path / names[-1]
    newest.write_bytes(DAMAGES[damage](newest.read_bytes()))
    with pytest.warns(UserWarning, match=f"^checkpoint {newest.name} is damaged: its .* an older one is used"):
        gone_on = Trained(tmp_path, every=6)
    assert gone_on.steps[0] == 12 and gone_on == left_alone()


def test_where_all_are_damaged_the_run_starts_anew(tmp_path):
    Trained(tmp_path, 15, every=6)
    names = files(tmp_path)
    for name in names:
        (tmp_path / name).write_bytes(b"")
    with pytest.warns(UserWarning) as caught:
        anew = Trained(tmp_path, every=6)
    assert [str(warning.message).split()[1] for warning in caught] == names[::-1]
    assert anew.steps[0] == 0 and anew == left_alone()


@pytest.mark.parametrize("keep", [1, 2])
def test_damaged_ones_do_not_drive_out_what_is_written_after_them(keep, tmp_path):
    Trained(tmp_path, 18, every=6, keep=keep)
    for name in files(tmp_path):
        (tmp_path / name).write_bytes(b"")
    with pytest.warns(UserWarning, match="is damaged"):
        assert Trained(tmp_path, 9, every=6, keep=keep).checkpoints.stopped
    assert 9 in map(step_of, files(tmp_path))


def wider():
    return BernoulliVAE(36, [9], 2), seeded(0), negative_elbo


def deeper():
    return BernoulliVAE(36, [8, 8], 2), seeded(0), negative_elbo


def flatter():
    return BernoulliVAE(36, [], 2), seeded(0), negative_elbo


def in_float64():
    return BernoulliVAE(36, [8], 2).double(), seeded(0), negative_elbo


OTHERS = [
    ({"kind": wider}, r"is of another architecture: encode\.0\.weight is \(8, 36\) of float32 there and \(9, 36\) of"),
    ({"kind": deeper}, r"is of another architecture: encode\.2\.weight is none there and \(8, 8\) of"),
    ({"kind": flatter}, r"is of another architecture: encode\.0\.mu\.weight is none there and \(2, 36\) of"),
    ({"kind": in_float64, "x_train": X.double(), "x_test": X.double()}, r"is of .* float32 there and .* of float64 in"),
    ({"kind": three}, "holds 1 models, not 3"),
    ({"batch_size": 10}, "is of a training with batch_size = 20, not 10"),
    ({"epochs": 6}, "is of a training with epochs = 5, not 6"),
    ({"kind": another_seed}, r"is of a training with seeds = \[0\], not \[1\]"),
    ({"max_lr": 2e-2}, r"is of a training with max_lr = 0\.01, not 0\.02"),
    ({"num_samples": 2}, "is of a training with num_samples = 1, not 2"),
    ({"log_every": 4}, "is of a training with log_every = 3, not 4"),
    ({"x_train": X[:69]}, "is of a training with examples = 70, not 69"),
]


@pytest.mark.parametrize("options, differs", OTHERS, ids=[differs[-12:] for _, differs in OTHERS])
def test_a_checkpoint_of_something_else_is_refused_in_words(options, differs, tmp_path):
    Trained(tmp_path, 6)
    (name,) = files(tmp_path)
    before = (tmp_path / name).read_bytes()
    with pytest.raises(ValueError, match=f"^checkpoint {name} {differs}"):
        Trained(tmp_path, **options)
    assert files(tmp_path) == [name] and (tmp_path / name).read_bytes() == before


def test_checkpoints_need_a_generator_for_each_model(tmp_path):
    pair = [BernoulliVAE(36, [8], 2), BernoulliVAE(36, [8], 2)]
    for models, generator in ((pair[0], None), (pair, None), (pair, [seeded(0), None])):
        with pytest.raises(ValueError, match="^generator must be given with checkpoints, got None"):
            fit(models, negative_elbo, X, epochs=1, generator=generator, checkpoints=Checkpoints(tmp_path))
    assert files(tmp_path) == []


@pytest.mark.parametrize("name", ["every", "keep", "ask_every"])
@pytest.mark.parametrize("value", [0, -1, 2.5, True])
def test_numbers_out_of_range_are_named(name, value, tmp_path):
    with pytest.raises(ValueError, match=f"^{name} must be an integer of at least 1, got {value}"):
        Checkpoints(tmp_path, **{name: value})
