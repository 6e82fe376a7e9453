"""Many processes compute what one computes, from memory or from files, and end together whatever happens to one."""

import contextlib
import copy
import json
import math
import os
import pickle
import re
import signal
import socket
import subprocess
import sys
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import nn

from tests import torchrun
from tests.torchrun import COUNTS, IN_FLOAT32, IN_FLOAT64, SWEEP, small, terms_and_gradients
from vaebook.checkpoints import Alone, Checkpoints
from vaebook.data import handwritten_digits
from vaebook.layers import BernoulliNoise
from vaebook.models import BernoulliVAE, ModularVAE
from vaebook.objectives import active_units, modular_negative_elbo, negative_elbo
from vaebook.progress import someone_is_watching
from vaebook.scale import Shards, Spread, check_sizes, ranks, shards, sweep, train, write_shards
from vaebook.scale.ranks import share
from vaebook.training import evaluate, fit, minibatches, one_cycle, seeded, seeded_models, standard_normal

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "train_distributed.py"
WAIT_S = 60
TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@pytest.fixture(autouse=True)
def without_torchrun(monkeypatch):
    """No rank, and one thread, as a rank has: with more, small products wait for each other on a busy machine."""
    for name in TORCHRUN:
        monkeypatch.delenv(name, raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def processes(marker):
    """Parents by process, of those whose command line has the marker."""
    listed = subprocess.run(["ps", "-A", "-ww", "-o", "pid=,ppid=,command="], capture_output=True, text=True).stdout
    lines = [line.split(maxsplit=2) for line in listed.splitlines() if str(marker) in line]
    return {int(process): int(parent) for process, parent, _ in lines}


@contextlib.contextmanager
def started(world, folder, *command, alone=True, **options):
    """A torchrun whose command line names the folder; afterwards nothing of it is there."""
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    run = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={world}", *flags]
    run += ["--standalone"] * alone
    env = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    with open(folder / "printed", "w") as out, open(folder / "said", "w") as err:
        process = subprocess.Popen(
            [*run, *map(str, command)], env=env, cwd=folder, stdout=out, stderr=err, start_new_session=True
        )
        try:
            yield process
        finally:
            for found in {*processes(folder), process.pid}:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(found, signal.SIGKILL)
            process.wait(WAIT_S)


def until(condition, process):
    """Wait for the first value of condition() that is true, while the process lives."""
    ends = time.monotonic() + WAIT_S
    while time.monotonic() < ends and process.poll() is None:
        if value := condition():
            return value
        time.sleep(0.005)
    raise AssertionError(f"it did not happen; the exit code is {process.poll()}")


def steps(folder):
    """The steps at which checkpoints stand in a folder."""
    return sorted(int(path.name.split("-")[1]) for path in folder.glob("step-*.pt"))


def torch_file(path):
    return torch.load(path, weights_only=False)


@pytest.fixture(scope="module")
def digits():
    """The training and the test digits, whichever can be had."""
    with warnings.catch_warnings(action="ignore"):
        return handwritten_digits()


@pytest.fixture(scope="module")
def two_ranks(digits, tmp_path_factory):
    """Exit code, what was said, and the folder of all that `tests/torchrun.py` has found on two ranks."""
    folder = tmp_path_factory.mktemp("two")
    write_shards(digits[0].images[:1000], folder / "shards", rows=300)
    with started(2, folder, ROOT / "tests" / "torchrun.py", folder) as process:
        code = process.wait(WAIT_S)
        return code, (folder / "said").read_text(), folder


@pytest.fixture(scope="module")
def three_ranks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("three")
    with started(3, folder, ROOT / "tests" / "torchrun.py", folder) as process:
        code = process.wait(WAIT_S)
        return code, (folder / "said").read_text(), folder


def found_by_all(two_ranks, three_ranks):
    """What each rank of both runs has found."""
    of_two = [torch_file(two_ranks[2] / f"of-two-{rank}.pt") for rank in range(2)]
    return of_two + [torch_file(three_ranks[2] / f"of-three-{rank}.pt") for rank in range(3)]


@pytest.fixture
def one_process(monkeypatch, tmp_path):
    """Runs the example in this process, without torchrun; returns the end that it saves."""

    def run(*options):
        command = [EXAMPLE.name, *options, "--save", tmp_path / "end.pt"]
        monkeypatch.setattr(sys, "argv", [*map(str, command)])
        before = torch.get_default_dtype()
        try:
            with warnings.catch_warnings(action="ignore"):  # where MNIST cannot be had
                train.main()
        finally:
            torch.set_default_dtype(before)
        return torch_file(tmp_path / "end.pt")

    return run


def furthest(end, other):
    """The largest difference between the weights at the end of two runs."""
    assert end["model"].keys() == other["model"].keys()
    return max((end["model"][name] - other["model"][name]).abs().max().item() for name in end["model"])


def same_bits(end, other):
    return furthest(end, other) == 0 and end["history"] == other["history"]


# The share of a rank


@pytest.mark.parametrize("world", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("count", [1, 2, 3, 12, 13, 200])
def test_the_shares_of_all_ranks_cover_each_row_once(count, world):
    shares = [share(count, rank, world) for rank in range(world)]
    assert {len(mine) for mine in shares} == {math.ceil(count / world)}
    gathered = torch.stack(shares, dim=-1).flatten()
    assert gathered[:count].tolist() == list(range(count))
    assert gathered.max() < count  # what is computed twice is a row of the batch


def test_sizes_that_ranks_cannot_share_are_named():
    check_sizes(200, 200, 4)
    with pytest.raises(ValueError, match="^batch_size must be a multiple of the 3 ranks, got 200$"):
        check_sizes(200, 1000, 3)
    words = "^x_train must fill at least one batch, 2 ranks with 100 each, got 199 examples$"
    with pytest.raises(ValueError, match=words):
        check_sizes(200, 199, 2)


def test_the_example_refuses_such_sizes_before_it_trains(one_process, monkeypatch):
    class Three(Alone):
        world = 3

    with pytest.raises(ValueError, match="x_train must fill at least one batch, 1 ranks with 200 each, got 150"):
        one_process("--examples", 150)
    monkeypatch.setattr(train, "ranks", lambda: contextlib.nullcontext((Three(), torch.device("cpu"))))
    monkeypatch.setattr(train, "fit", None)
    with pytest.raises(ValueError, match="batch_size must be a multiple of the 3 ranks, got 200"):
        one_process("--examples", 1000)


# Joining


def test_without_torchrun_there_is_one_rank():
    with ranks() as (group, device):
        assert (group.rank, group.world, group.is_first) == (0, 1, True)
        assert group.all("mine") == ["mine"] and group.from_first("mine") == "mine"
        assert group.first_alone(lambda: "done") == "done"
    assert device.type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("missing", [["MASTER_ADDR"], ["MASTER_ADDR", "MASTER_PORT"], ["RANK"], ["WORLD_SIZE"]])
def test_what_is_missing_of_torchrun_s_variables_is_named(missing, monkeypatch):
    given = {"RANK": 0, "WORLD_SIZE": 2, "LOCAL_RANK": 0, "LOCAL_WORLD_SIZE": 2, "MASTER_ADDR": "a", "MASTER_PORT": 1}
    for name in given.keys() - missing:
        monkeypatch.setenv(name, str(given[name]))
    with pytest.raises(RuntimeError, match=f"^{', '.join(missing)} must be set for several ranks: start with torchrun"):
        with ranks():
            raise AssertionError("joined")


@pytest.mark.parametrize("gpus, expected", [(0, "gloo"), (1, "gloo"), (2, "nccl"), (8, "nccl")])
def test_each_rank_gets_a_gpu_only_where_there_are_enough(gpus, expected, monkeypatch):
    given = {"RANK": 3, "WORLD_SIZE": 4, "LOCAL_RANK": 1, "LOCAL_WORLD_SIZE": 2, "MASTER_ADDR": "a", "MASTER_PORT": 1}
    for name, value in given.items():
        monkeypatch.setenv(name, str(value))
    chosen, begun, ended = [], [], []
    monkeypatch.setattr(sys.modules[ranks.__module__], "meeting_point", dict)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(dist, "init_process_group", lambda backend, **_: begun.append(backend))
    monkeypatch.setattr(dist, "destroy_process_group", lambda: ended.append(True))
    monkeypatch.setattr(dist, "get_rank", lambda: 3)
    monkeypatch.setattr(dist, "get_world_size", lambda: 4)
    with ranks() as (group, device):
        assert (group.rank, group.world, group.is_first, ended) == (3, 4, False, [])
    assert begun == [expected] and ended == [True]
    assert device == torch.device("cuda", 1) if expected == "nccl" else device == torch.device("cpu")
    assert chosen == ([device] if expected == "nccl" else [])


@pytest.mark.parametrize("rank, watched", [(None, True), ("0", True), ("1", False), ("10", False)])
def test_a_bar_is_shown_by_the_first_rank_only(rank, watched, monkeypatch):
    monkeypatch.setattr(sys, "stderr", torchrun.Terminal())
    if rank is not None:
        monkeypatch.setenv("RANK", rank)
    assert someone_is_watching() is watched


# One loss on several ranks


def test_one_rank_computes_the_loss_itself():
    model, x, noise = small()
    ours, own = terms_and_gradients(Spread(Alone(), model, negative_elbo), model, x, noise)
    theirs, expected = terms_and_gradients(negative_elbo, model, x, noise)
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert all(map(torch.equal, own, expected))


def test_a_model_that_draws_noise_itself_is_not_spread():
    model = ModularVAE(36, [8], 2)
    model.encode.insert(0, BernoulliNoise(0.1, seeded(0)))
    Spread(Alone(), model, modular_negative_elbo)
    with pytest.raises(ValueError, match="^model must not draw noise in its layers, got a BernoulliNoise$"):
        Spread(SimpleNamespace(rank=0, world=2), model, modular_negative_elbo)


def test_one_spread_loss_serves_one_model(monkeypatch):
    monkeypatch.setattr(sys.modules[Spread.__module__], "DistributedDataParallel", lambda module: module)
    model, other = BernoulliVAE(36, [8], 2), BernoulliVAE(36, [8], 2)
    loss_fn = Spread(SimpleNamespace(rank=0, world=2), model, negative_elbo)
    with pytest.raises(ValueError, match="^model must be the one whose loss is spread, got another$"):
        loss_fn(other, torch.zeros(4, 36), torch.zeros(1, 4, 2))


@pytest.mark.parametrize("count", COUNTS)
def test_terms_and_gradients_of_all_ranks_are_those_of_one_process(count, two_ranks, three_ranks):
    model, x, noise = small()
    expected, gradients = terms_and_gradients(negative_elbo, model, x[:count], noise[:, :count])
    for found in found_by_all(two_ranks, three_ranks):
        terms, ours = found["counts"][count]
        assert list(terms) == list(expected)
        for name, term in terms.items():
            torch.testing.assert_close(term, expected[name], rtol=1e-12, atol=1e-12)
        for our, their in zip(ours, gradients, strict=True):
            torch.testing.assert_close(our, their, rtol=1e-12, atol=1e-12)


def test_evaluation_on_all_ranks_gives_the_numbers_of_one_process(two_ranks, three_ranks):
    model, x, _ = small()
    expected = evaluate(model, negative_elbo, x, batch_size=5, num_samples=2)
    for found in found_by_all(two_ranks, three_ranks):
        assert found["evaluated"] == pytest.approx(expected, rel=1e-12)


def test_ranks_that_begin_differently_go_on_from_the_first_one_s_weights(two_ranks, three_ranks):
    of_first, of_second = torchrun.short_run(seed=0), torchrun.short_run(seed=1)
    assert max((a - b).abs().max() for a, b in zip(of_first, of_second, strict=True)) > 0.1
    everywhere = [found["begun differently"] for found in found_by_all(two_ranks, three_ranks)]
    for weights in everywhere:
        for ours, theirs in zip(weights, of_first, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)
    assert all(map(torch.equal, everywhere[0], everywhere[1]))
    assert all(map(torch.equal, everywhere[2], everywhere[3])) and all(map(torch.equal, everywhere[2], everywhere[4]))


def test_each_rank_knows_the_others(two_ranks, three_ranks):
    for found in found_by_all(two_ranks, three_ranks):
        assert found["asked"] == ([*range(found["world"])], "of 0")
        assert found["alone"] == found["rank"] and found["watched"] is (found["rank"] == 0)


def test_only_the_first_rank_prints(two_ranks):
    first, second = (torch_file(two_ranks[2] / f"of-two-{rank}.pt") for rank in range(2))
    for name in ("float64", "float32", "shards"):
        words = r"2 x 100 rows, 50 steps, \d+ a second\ntest -ELBO \d+\.\d\d nats, KL \d+\.\d\d\n"
        assert re.fullmatch(words, first[name]) and second[name] == ""
    assert second["table"] == ""


# Fifty steps of the example, and of a sweep


def test_two_ranks_with_100_rows_are_one_with_200_in_double_precision(two_ranks, one_process):
    ours, alone = torch_file(two_ranks[2] / "float64.pt"), one_process(*IN_FLOAT64)
    assert {weight.dtype for weight in ours["model"].values()} == {torch.float64}
    assert furthest(ours, alone) < 1e-10
    assert alone["history"]["step"] == [*range(5, 51, 5)]
    assert {"test_loss", "test_kl"} <= ours["history"].keys() == alone["history"].keys()
    for name, series in alone["history"].items():
        assert ours["history"][name] == pytest.approx(series, rel=1e-10)


def test_two_ranks_with_100_rows_are_one_with_200_in_single_precision(two_ranks, one_process):
    ours, alone = torch_file(two_ranks[2] / "float32.pt"), one_process(*IN_FLOAT32)
    assert {weight.dtype for weight in ours["model"].values()} == {torch.float32}
    assert furthest(ours, alone) < 1e-4
    for name, series in alone["history"].items():
        assert ours["history"][name] == pytest.approx(series, rel=1e-4)


def test_two_ranks_that_read_shards_end_as_from_memory(two_ranks):
    assert same_bits(torch_file(two_ranks[2] / "shards.pt"), torch_file(two_ranks[2] / "float32.pt"))


def test_a_shared_out_sweep_has_the_results_of_models_trained_alone(two_ranks, digits):
    first, second = (torch_file(two_ranks[2] / f"of-two-{rank}.pt") for rank in range(2))
    assert "results" not in second and first["results"].keys() == {(z, seed) for z in (2, 3) for seed in range(3)}
    for (latent, seed), found in first["results"].items():
        generator = seeded(seed)
        model = BernoulliVAE(784, [400], latent)
        fit(model, negative_elbo, digits[0].images[:400], epochs=1, generator=generator)
        expected = evaluate(model, negative_elbo, digits[1].images)
        with torch.no_grad():
            assert found["active"] == int(active_units(model, digits[1].images).sum())
        assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-5)


def test_the_table_of_a_sweep_has_a_row_for_each_length(two_ranks):
    table = torch_file(two_ranks[2] / "of-two-0.pt")["table"].splitlines()
    assert "dimensions" in table[0] and [row.split()[:2] for row in table[2:]] == [["2", "3"], ["3", "3"]]


def test_a_table_has_means_and_spreads_of_what_was_found():
    def numbers(loss):
        return {"loss": loss, "reconstruction": loss - 3, "kl": 3.0, "active": 2}

    losses = {(10, 0): 98.0, (2, 0): 148.0, (2, 1): 152.0, (10, 1): 98.0}
    rows = sweep.table_of({job: numbers(loss) for job, loss in losses.items()}).splitlines()[2:]
    assert [row.split()[0] for row in rows] == ["2", "10"]
    assert re.search(r"150\.0 ± 2\.8\b.*147\.0 ± 2\.8\b.*3\.0 ± 0\.0.*2\.0 ± 0\.0", rows[0])


def test_a_sweep_of_one_seed_has_no_spread(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["sweep.py", "--seeds", "1"])
    with pytest.raises(ValueError, match="^seeds must be at least 2, for a spread, got 1$"):
        sweep.main()


def test_too_many_ranks_for_a_sweep_are_named(digits, monkeypatch):
    class Seven(Alone):
        world = 7

        def first_alone(self, act):
            return digits

    monkeypatch.setattr(sweep, "ranks", lambda: contextlib.nullcontext((Seven(), torch.device("cpu"))))
    monkeypatch.setattr(sys, "argv", ["sweep.py", *SWEEP])
    with pytest.raises(ValueError, match="^7 ranks are too many for 6 trainings$"):
        sweep.main()


def test_an_ensemble_by_torch_func_alone_has_the_members_that_fit_gives():
    x = (torch.rand(110, 36, generator=seeded(7)) > 0.5).float()
    options = {"epochs": 5, "batch_size": 25, "max_lr": 5e-3}

    class Loss(nn.Module):
        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self, x, noise):
            return negative_elbo(self.model, x, noise)["loss"].mean()

    def members():
        return seeded_models(lambda: BernoulliVAE(36, [16], 2), [0, 1, 2])

    models, generators = members()
    weights, buffers = torch.func.stack_module_state([Loss(model) for model in models])
    base = copy.deepcopy(Loss(models[0]))

    def loss(weights, buffers, x, noise):
        return torch.func.functional_call(base, (weights, buffers), (x, noise))

    adam, schedule = one_cycle(SimpleNamespace(parameters=weights.values), options["max_lr"], 25)
    batches = [minibatches(x, 25, 5, generator) for generator in generators]
    for parts in zip(*batches, strict=True):
        noise = [standard_normal(1, *each) for each in zip(parts, models, generators, strict=True)]
        adam.zero_grad()
        torch.func.vmap(loss)(weights, buffers, torch.stack(parts), torch.stack(noise)).sum().backward()
        adam.step()
        schedule.step()

    together, generators = members()
    fit(together, negative_elbo, x, generator=generators, **options)
    for number, (alone, generator, other) in enumerate(zip(*members(), together, strict=True)):
        fit(alone, negative_elbo, x, generator=generator, **options)
        for name, weight in alone.named_parameters():
            torch.testing.assert_close(weights[f"model.{name}"][number], weight, rtol=0, atol=1e-5)
            torch.testing.assert_close(other.get_parameter(name), weight, rtol=0, atol=1e-5)


# What may happen to a rank


def test_an_error_on_one_rank_ends_all_and_the_report_names_it(two_ranks):
    code, said, folder = two_ranks
    cause = said.split("Root Cause")[1]
    assert code != 0 and re.search(r"rank +: 1 \(local_rank: 1\)", cause)
    assert "RuntimeError: what only the second rank has met" in cause
    assert processes(folder) == {}


def test_ranks_that_do_not_divide_the_batch_are_told_so(three_ranks):
    code, said, folder = three_ranks
    assert code != 0 and "ValueError: batch_size must be a multiple of the 3 ranks, got 200" in said
    assert processes(folder) == {}


def test_a_rank_that_is_killed_costs_nothing_but_time(two_ranks, tmp_path):
    """The first rank of two is killed while a checkpoint is written at each step: all begin again from the newest."""
    checkpoints, save = tmp_path / "checkpoints", tmp_path / "end.pt"
    options = [*IN_FLOAT32, "--checkpoints", checkpoints, "--every", 1, "--save", save]
    with started(2, tmp_path, EXAMPLE, *options, max_restarts=3) as process:
        until(lambda: steps(checkpoints)[-1:] >= [7], process)
        workers = [child for child, parent in processes(tmp_path).items() if parent == process.pid]
        os.kill(min(workers), signal.SIGKILL)
        reached = steps(checkpoints)[-1]
        assert len(workers) == 2 and reached < 50
        assert process.wait(WAIT_S) == 0
        assert processes(tmp_path) == {}
    printed, said = (tmp_path / "printed").read_text(), (tmp_path / "said").read_text()
    assert "exitcode: " in said and "test -ELBO" in printed  # of the rank that torchrun finds first
    assert same_bits(torch_file(save), torch_file(two_ranks[2] / "float32.pt"))
    begun = int(re.search(r"50 steps, from step (\d+) on,", printed)[1])
    assert 7 <= begun <= reached + 1


def test_ctrl_c_ends_all_ranks_with_a_checkpoint_from_which_one_process_goes_on(digits, one_process, tmp_path):
    """Two ranks that read shards, seven batches an epoch, are stopped within one; the rest is done from memory."""
    checkpoints = tmp_path / "checkpoints"
    write_shards(digits[0].images[:1400], tmp_path / "shards", rows=500)
    options = ["--examples", 1400, "--hidden", 100, "--epochs", 20, "--dtype", "float64"]
    writes = [*options, "--checkpoints", checkpoints, "--every", 23]
    with started(2, tmp_path, EXAMPLE, *writes, "--shards", tmp_path / "shards") as process:
        until(lambda: steps(checkpoints), process)
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT_S) != 0
        assert processes(tmp_path) == {}
    last = steps(checkpoints)[-1]
    assert 23 < last < 140 and last % 10 == 0  # the ranks have agreed on it
    assert not (tmp_path / "end.pt").exists()
    words = "stopped; the same command goes on from"
    assert (tmp_path / "printed").read_text().count(words) == 1
    gone_on, alone = one_process(*writes), one_process(*options)
    assert steps(checkpoints)[-1] == 140 and furthest(gone_on, alone) < 1e-9
    for name, series in alone["history"].items():
        assert gone_on["history"][name] == pytest.approx(series, rel=1e-9)


def test_a_rank_of_two_hosts_is_killed_and_both_begin_again(two_ranks, tmp_path, monkeypatch):
    """Two torchruns of one rank each, as on two hosts, with the variable that the page asks for."""
    monkeypatch.setenv("TORCH_DISABLE_SHARE_RDZV_TCP_STORE", "1")
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    checkpoints, save = tmp_path / "checkpoints", tmp_path / "end.pt"
    options = [*IN_FLOAT32, "--checkpoints", checkpoints, "--every", 1, "--save", save]
    hosts = {"nnodes": 2, "rdzv_backend": "c10d", "rdzv_id": "two", "rdzv_endpoint": f"localhost:{port}"}
    folders = [tmp_path / "first", tmp_path / "second"]
    with contextlib.ExitStack() as stack:
        both = []
        for folder in folders:
            folder.mkdir()
            run = started(1, folder, EXAMPLE, *options, alone=False, max_restarts=3, **hosts)
            both.append(stack.enter_context(run))
        until(lambda: steps(checkpoints)[-1:] >= [7], both[0])
        (worker,) = [child for child, parent in processes(checkpoints).items() if parent == both[1].pid]
        os.kill(worker, signal.SIGKILL)
        assert [process.wait(WAIT_S) for process in both] == [0, 0]
        assert processes(checkpoints) == {}
    assert "exitcode: -9" in (folders[1] / "said").read_text()  # it has this rank alone
    assert same_bits(torch_file(save), torch_file(two_ranks[2] / "float32.pt"))


# Data in files


@pytest.fixture
def grey():
    """70 rows of 36 values in [0, 1], 0 and 1 among them."""
    x = torch.rand(70, 36, generator=seeded(1))
    return torch.where(x < 0.1, torch.zeros(()), torch.where(x > 0.9, torch.ones(()), x))


@pytest.mark.parametrize("rows", [1, 20, 35, 69, 70, 1000])
def test_rows_come_back_as_they_were_written(rows, grey, tmp_path):
    paths = write_shards(grey, tmp_path / "new" / "folder", rows)
    assert [path.exists() for path in paths] == [True] * math.ceil(70 / rows)
    read = Shards(tmp_path / "new" / "folder")
    assert len(read) == 70 and read.shape == (70, 36)
    back = read.__getitems__(list(range(70)))
    torch.testing.assert_close(back, grey, rtol=0, atol=1 / 510 + 1e-7)
    assert torch.equal(back == 0, (grey * 255).round() == 0) and torch.equal(back[grey == 1], grey[grey == 1])
    assert torch.equal(read.__getitems__([69, 0, 34, 0]), back[[69, 0, 34, 0]])


def test_binary_rows_come_back_exactly_and_in_the_precision_asked_for(tmp_path):
    x = (torch.rand(50, 36, generator=seeded(1)) > 0.5).double()
    write_shards(x, tmp_path, 20)
    read = Shards(tmp_path, dtype=torch.float64).__getitems__(list(range(50)))
    assert read.dtype == torch.float64 and torch.equal(read, x)
    assert Shards(tmp_path).__getitems__([0, 1]).dtype == torch.float32


@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize("count", [12, 13, 1])
def test_a_rank_reads_its_share_and_the_rest_is_nan(count, world, grey, tmp_path):
    write_shards(grey, tmp_path, 20)
    order = torch.randperm(70, generator=seeded(2))[:count].tolist()
    everything = Shards(tmp_path).__getitems__(order)
    for rank in range(world):
        x = Shards(tmp_path, rank, world).__getitems__(order)
        mine = torch.zeros(count, dtype=torch.bool)
        mine[share(count, rank, world)] = True
        assert torch.equal(x[mine], everything[mine]) and x[~mine].isnan().all()


@pytest.mark.parametrize("skip", [0, 2, 3])
@pytest.mark.parametrize("workers", [0, 1])
def test_the_order_of_the_rows_is_that_of_memory(workers, skip, tmp_path):
    x = (torch.rand(70, 36, generator=seeded(1)) > 0.5).float()
    write_shards(x, tmp_path, 30)
    ours, theirs = seeded(3), seeded(3)
    read = [*Shards(tmp_path, workers=workers).minibatches(20, 2, ours, skip)]
    expected = [*minibatches(x, 20, 2, theirs, skip)]
    assert [len(batch) for batch in read] == [20, 20, 20, 10][skip:] + [20, 20, 20, 10]
    assert all(map(torch.equal, read, expected)) and torch.equal(ours.get_state(), theirs.get_state())


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("stop", [5, 7, 8])
def test_a_run_from_shards_that_was_stopped_ends_like_one_from_memory(workers, stop, tmp_path):
    x = (torch.rand(70, 36, generator=seeded(1)) > 0.5).float()
    write_shards(x, tmp_path, 30)

    def run(x, stop=None, checkpoints=None):
        def callback(step, model):
            if step == stop:
                signal.raise_signal(signal.SIGINT)

        generator = seeded(0)
        model = BernoulliVAE(36, [8], 2)
        options = {"epochs": 3, "batch_size": 20, "callback": callback, "checkpoints": checkpoints}
        return model, fit(model, negative_elbo, x, generator=generator, **options)

    def from_shards(stop=None):
        checkpoints = Checkpoints(tmp_path / "checkpoints", ask_every=1)
        return run(Shards(tmp_path, workers=workers), stop, checkpoints)

    model, history = run(x)
    _, so_far = from_shards(stop)
    assert steps(tmp_path / "checkpoints") == [stop] and so_far != history
    gone_on, other = from_shards()
    assert other == history and all(map(torch.equal, gone_on.parameters(), model.parameters()))


def test_a_folder_that_is_not_as_listed_is_named(grey, tmp_path):
    with pytest.raises(ValueError, match=rf"^folder must hold shards with index\.json, got {tmp_path}$"):
        Shards(tmp_path)
    write_shards(grey, tmp_path, 30)
    assert [*json.loads((tmp_path / "index.json").read_text())["rows"].values()] == [30, 30, 10]
    shard = tmp_path / "shard-00001.npy"
    for spoiled, words in (
        (np.zeros((29, 36), dtype=np.uint8), r"must hold uint8 of shape \(30, 36\), got uint8 of shape \(29, 36\)"),
        (np.zeros((30, 36), dtype=np.float32), r"must hold uint8 of shape .*, got float32 of shape \(30, 36\)"),
    ):
        np.save(shard, spoiled)
        with pytest.raises(ValueError, match=rf"^shard shard-00001\.npy {words}"):
            Shards(tmp_path)
    whole = (tmp_path / "shard-00000.npy").read_bytes()
    for left in (whole[:50], whole[:500]):
        shard.write_bytes(left)
        with pytest.raises(ValueError, match=r"^shard shard-00001\.npy cannot be read: "):
            Shards(tmp_path)
    shard.unlink()
    with pytest.raises(ValueError, match=r"^shard shard-00001\.npy cannot be read: .*No such file"):
        Shards(tmp_path)


def test_an_empty_shard_is_named(grey, tmp_path):
    (path,) = write_shards(grey, tmp_path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"^shard shard-00000\.npy cannot be read: "):
        Shards(tmp_path)


@pytest.mark.parametrize("value", [-0.01, 1.01, 255.0])
def test_values_that_a_byte_cannot_hold_are_refused(value, grey, tmp_path):
    grey[3, 4] = value
    with pytest.raises(ValueError, match=rf"^x must hold values in \[0, 1\], got values from .*{abs(value):g}"):
        write_shards(grey, tmp_path)
    with pytest.raises(ValueError, match="^rows must be an integer of at least 1, got 0"):
        write_shards(grey.clamp(0, 1), tmp_path, rows=0)
    assert [*tmp_path.iterdir()] == []


def test_shards_of_another_width_are_refused(grey, tmp_path):
    write_shards(grey, tmp_path)
    with pytest.raises(ValueError, match=r"^x_train must have shape \(70, 35\), got \(70, 36\)"):
        fit(BernoulliVAE(35, [8], 2), negative_elbo, Shards(tmp_path), epochs=1)


def test_a_reader_that_is_started_anew_gets_no_copy_of_the_data(grey, tmp_path):
    write_shards(grey.repeat(40, 1), tmp_path, 700)
    read = Shards(tmp_path)
    text = pickle.dumps(read)
    assert len(text) < 2000 < 40 * 70 * 36
    assert torch.equal(pickle.loads(text).__getitems__([5, 2799]), read.__getitems__([5, 2799]))


def test_the_training_digits_are_written_by_one_command(digits, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(shards, "handwritten_digits", lambda: digits)
    monkeypatch.setattr(sys, "argv", ["shards", str(tmp_path), "--rows", "900"])
    shards.main()
    images, files = digits[0].images, math.ceil(len(digits[0].images) / 900)
    assert f"{len(images):,} images of {digits[0].name} in {files} files" in capsys.readouterr().out
    assert torch.equal(Shards(tmp_path).__getitems__([0, len(images) - 1]), images[[0, -1]])
