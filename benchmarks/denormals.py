"""What do denormal numbers cost? The same training with and without them, in processes of their own.

    python -m benchmarks.denormals [--width 128] [--pairs 3]

A number nearer to 0 than 1e-38 is denormal. `import vaebook` lets the processor take it for 0, in all of PyTorch's
threads; one of the two processes takes that back before its first operation. Both train chapter 1's narrow model on
the squares, 2,500 batches of 100, with equal seeds, one after the other and alternating. Printed: both times, their
ratio, and the -ELBO of both, which should be equal to the last digit.
"""

import argparse
import json
import statistics
import subprocess
import sys

PROGRAM = """
import json, sys, time, torch
from vaebook.data import all_rectangles, rectangles
from vaebook.models import ModularVAE
from vaebook.objectives import modular_negative_elbo
from vaebook.training import evaluate, fit, seeded
flush, width = sys.argv[1] == "flushed", int(sys.argv[2])
torch.set_flush_denormal(flush)
generator = seeded(0)
x, model = rectangles(50_000, generator=generator).images, ModularVAE(576, [width, width], 2)
start = time.perf_counter()
fit(model, modular_negative_elbo, x, epochs=5, batch_size=100, max_lr=5e-3, generator=generator)
seconds = time.perf_counter() - start
loss = evaluate(model, modular_negative_elbo, all_rectangles().images)["loss"]
print(json.dumps({"seconds": seconds, "loss": loss}))
"""


def run(kind, width):
    """Train in a fresh process, `kind` "flushed" or "denormal"; return its seconds and its loss."""
    command = [sys.executable, "-c", PROGRAM, kind, str(width)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--pairs", type=int, default=3)
    arguments = parser.parse_args()
    ratios = []
    for _ in range(arguments.pairs):
        denormal, flushed = run("denormal", arguments.width), run("flushed", arguments.width)
        ratios.append(denormal["seconds"] / flushed["seconds"])
        print(
            f"with denormal numbers {denormal['seconds']:.1f} s to {denormal['loss']!r} nats; "
            f"flushed {flushed['seconds']:.1f} s to {flushed['loss']!r} nats; {ratios[-1]:.2f} times faster",
            flush=True,
        )
    print(json.dumps({"times_faster_median": round(statistics.median(ratios), 2)}))


if __name__ == "__main__":
    main()
