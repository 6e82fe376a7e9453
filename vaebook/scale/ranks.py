"""One loss on many processes, the ranks: each computes a share of every batch."""

import contextlib
import os
from datetime import timedelta

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from vaebook.checkpoints import Alone
from vaebook.ensembles import LossTerms


class Ranks:
    """The processes that train together: `rank`, this one's number, of `world` in all.

    All of them must call each method, in the same order.
    """

    def __init__(self):
        self.rank, self.world = dist.get_rank(), dist.get_world_size()
        self.is_first = self.rank == 0

    def all(self, value):
        """A list with what each rank has."""
        values = [None] * self.world
        dist.all_gather_object(values, value)
        return values

    def from_first(self, value):
        """What the first rank has."""
        values = [value]
        dist.broadcast_object_list(values, src=0)
        return values[0]

    def first_alone(self, act):
        """What act() returns; on each host one rank calls it before the others do."""
        first_here = os.environ.get("LOCAL_RANK", "0") == "0"
        value = act() if first_here else None
        dist.barrier()
        return value if first_here else act()


def share(count, rank, world):
    """The rows of a batch of `count` that a rank computes: `(ceil(count / world),)`.

    Where world does not divide count, some rows stand there twice.
    """
    rows = torch.arange(rank, count + -count % world, world)
    return rows.where(rows < count, min(rank, count - 1))


def check_sizes(batch_size, examples, world):
    """Raise ValueError unless the ranks divide the batch and the examples fill one."""
    if batch_size % world:
        expected = f"a multiple of the {world} ranks"
        raise ValueError(f"batch_size must be {expected}, got {batch_size}")
    if examples < batch_size:
        expected = f"at least one batch, {world} ranks with {batch_size // world} each"
        raise ValueError(f"x_train must fill {expected}, got {examples} examples")


def meeting_point():
    """Where the ranks find each other: torchrun's store.

    On one host it keeps the addresses of ranks that have died, so each restart gets a
    part of its own. Over several hosts torchrun must be started with
    TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1: then each restart gets a store of its own.
    """
    store, rank, world = next(dist.rendezvous("env://"))
    if os.environ.get("GROUP_WORLD_SIZE", "1") == "1":
        attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        store = dist.PrefixStore(f"attempt-{attempt}", store)
    return {"store": store, "rank": rank, "world_size": world}


@contextlib.contextmanager
def ranks():
    """Join the processes that torchrun has started; yield `Ranks` and this one's device.

    Each rank has a GPU (backend nccl) where its host has enough of them, else a share of
    the processor (gloo). Without torchrun there is one rank. Raises RuntimeError, which
    names what is missing, where only a part of torchrun's variables is set.
    """
    needed = ["RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"]
    needed += ["MASTER_ADDR", "MASTER_PORT"]
    missing = [name for name in needed if name not in os.environ]
    if {"RANK", "WORLD_SIZE"} <= {*missing}:
        yield Alone(), torch.device("cuda" if torch.cuda.is_available() else "cpu")
        return
    if missing:
        raise RuntimeError(
            f"{', '.join(missing)} must be set for several ranks: start with torchrun, "
            "or set what it sets"
        )
    device, backend = torch.device("cpu"), "gloo"
    if torch.cuda.device_count() >= int(os.environ["LOCAL_WORLD_SIZE"]):
        device, backend = torch.device("cuda", int(os.environ["LOCAL_RANK"])), "nccl"
        torch.cuda.set_device(device)
    dist.init_process_group(backend, **meeting_point(), timeout=timedelta(minutes=10))
    yield Ranks(), device
    dist.destroy_process_group()  # after an error it might wait for the others


class Gathered(torch.autograd.Function):
    """The columns `(T, b)` of all ranks, taken by turns: `(T, b world)`."""

    @staticmethod
    def forward(ctx, mine, rank, world):
        ctx.rank, ctx.world = rank, world
        shares = [torch.empty_like(mine) for _ in range(world)]
        dist.all_gather(shares, mine.contiguous())
        return torch.stack(shares, dim=-1).flatten(-2)

    @staticmethod
    def backward(ctx, grad):
        """Of one loss, the same on all ranks; DDP divides by world."""
        return ctx.world * grad[..., ctx.rank :: ctx.world], None, None


class Spread:
    """A loss_fn for `fit` and `evaluate`, computed by all ranks together.

    Each rank is given the same x `(B, D)` and the same noise `(N, B, Z)`, computes its
    share of the rows, and gets the terms of all of them, `(B,)`. So it does not matter
    to a result how many ranks there are. Where world does not divide B, the last rows
    are computed more than once, and count once.
    ranks: from `ranks()`.  model: the one that `fit` trains; all ranks go on from the
    first one's weights.  loss_fn: what is spread.
    Raises ValueError for a model that draws noise in its layers, since the ranks would
    draw the same for different rows, and, when called, for another model.
    """

    def __init__(self, ranks, model, loss_fn):
        self.ranks, self.model, self.loss_fn = ranks, model, loss_fn
        if ranks.world > 1:
            for layer in model.modules():
                if hasattr(layer, "generator"):
                    rule = "model must not draw noise in its layers"
                    raise ValueError(f"{rule}, got a {type(layer).__name__}")
            self.spread = DistributedDataParallel(LossTerms(model, loss_fn))

    def __call__(self, model, x, noise):
        rank, world = self.ranks.rank, self.ranks.world
        if world == 1:
            return self.loss_fn(model, x, noise)
        if model is not self.model:
            raise ValueError("model must be the one whose loss is spread, got another")
        mine = share(len(x), rank, world)
        terms = self.spread(x[mine], noise[:, mine])
        every = Gathered.apply(torch.stack([*terms.values()]), rank, world)
        return dict(zip(terms, every[:, : len(x)], strict=True))
