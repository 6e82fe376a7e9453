"""How much faster does `fit` reach the loss that the usual training loop ends with?

    make bench          (or: python -m benchmarks.time_to_loss --seeds 3)

Both loops train the same 784-400-20 model on the same 60,000 black-and-white images in one run, side by side.

- the usual loop, after PyTorch's own VAE example: a DataLoader over torchvision's data set with a transform per
  image, a sigmoid, binary cross entropy, Adam at a constant rate, batches of 128, 10 epochs;
- `fit`: tensors in memory, logits, fused Adam, one cycle.

Settings are those that benchmarks/digits.py chose on held-out training images: the rate and the batch of `fit`, the
usual loop's own best rate, and after how few passes `fit` has the held-out loss that the usual loop ends with. The
usual loop runs twice, at the published rate and at its best one; each is compared with `fit` for the number of passes
that reaches it. Whether the test -ELBO is reached, too, is printed for each pair.

What is timed is training alone. The test -ELBO of both is measured in the same way, after the clock has stopped.
Peak memory is that of a process of its own that loads the data and trains with `fit` for 10 epochs.
The claim is about MNIST: where that cannot be had, nothing is measured, and this says so.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import MNIST

from benchmarks.digits import PUBLISHED_RATE, STORE
from vaebook.data import MNISTUnavailable, data_folder, mnist
from vaebook.distributions import sample_latents
from vaebook.models import BernoulliVAE
from vaebook.objectives import negative_elbo
from vaebook.training import evaluate, fit, seeded

CHOICE = json.loads(STORE.read_text(encoding="utf-8"))["choice"]


def passes_to(rate):
    """After how few passes `fit` has the held-out loss of the usual loop at this rate."""
    target = dict(zip(CHOICE["rival"]["rates"], CHOICE["rival"]["losses"], strict=True))[rate]
    return min(int(passes) for passes, losses in CHOICE["passes"].items() if statistics.mean(losses) <= target)


def usual_loop(seed, rate, epochs=10):
    """Train as the usual tutorial does. Returns the model and the seconds it took."""
    torch.manual_seed(seed)
    threshold = transforms.Lambda(lambda image: (image > 0.5).float())
    to_black_and_white = transforms.Compose([transforms.ToTensor(), threshold])
    loader = DataLoader(MNIST(data_folder(), transform=to_black_and_white), batch_size=128, shuffle=True)
    model = BernoulliVAE(784, [400], 20)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    start = time.perf_counter()
    for _ in range(epochs):
        for images, _ in loader:
            x = images.view(-1, 784)
            mu, logvar = model.encode(x)
            probabilities = torch.sigmoid(model.decode(sample_latents(mu, logvar, torch.randn_like(mu))))
            cross_entropy = F.binary_cross_entropy(probabilities, x, reduction="sum")
            kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
            optimizer.zero_grad()
            (cross_entropy + kl).backward()
            optimizer.step()
    return model, time.perf_counter() - start


def with_fit(seed, x_train, epochs):
    """Train with `fit`. Returns the model and the seconds it took."""
    generator = seeded(seed)
    model = BernoulliVAE(784, [400], 20)
    start = time.perf_counter()
    rate, batch_size = CHOICE["chosen"]["rate"], CHOICE["chosen"]["batch_size"]
    fit(model, negative_elbo, x_train, epochs=epochs, max_lr=rate, batch_size=batch_size, generator=generator)
    return model, time.perf_counter() - start


def peak_memory_gib():
    """Peak resident memory of a fresh process that loads MNIST and trains for 10 epochs with `fit`, in GiB."""
    code = (
        "import resource; from benchmarks.time_to_loss import with_fit, mnist, evaluate, negative_elbo\n"
        "model, seconds = with_fit(0, mnist('train').images, epochs=10)\n"
        "evaluate(model, negative_elbo, mnist('test').images)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts in bytes, Linux in KiB
    return int(printed.split()[-1]) * unit / 2**30


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1, help="how many runs of each")
    seeds = parser.parse_args().seeds
    try:
        x_train, x_test = mnist("train").images, mnist("test").images
    except MNISTUnavailable as error:
        print(f"not measured, since it takes MNIST: {error}")
        return
    times_faster = {}
    for name, rate in {"published rate": PUBLISHED_RATE, "best rate": CHOICE["chosen"]["rival_rate"]}.items():
        ratios, epochs = [], passes_to(rate)
        for seed in range(seeds):
            usual_model, usual_s = usual_loop(seed, rate)
            usual_loss = evaluate(usual_model, negative_elbo, x_test)["loss"]
            fit_model, fit_s = with_fit(seed, x_train, epochs)
            fit_loss = evaluate(fit_model, negative_elbo, x_test)["loss"]
            ratios.append(usual_s / fit_s)
            print(
                f"{name}, {rate:g}, seed {seed}: usual loop {usual_s:.1f} s to {usual_loss:.2f} nats; "
                f"fit, {epochs} epochs, {fit_s:.1f} s to {fit_loss:.2f} nats; {ratios[-1]:.1f} times faster, "
                f"target reached: {fit_loss <= usual_loss}",
                flush=True,
            )
        times_faster[name] = round(statistics.median(ratios), 2)
    print(f"peak memory of 10 epochs with fit: {peak_memory_gib():.2f} GiB")
    print(json.dumps({"times_faster_median": times_faster, "threads": torch.get_num_threads()}))


if __name__ == "__main__":
    main()
