"""Chapter 3's tables."""

from tools.measured.parts import UNDECIDED, fold, grid, measured_on, rows, spread, tried
from vaebook.comparisons import paired


def noises(stored):
    """Chapter 3's models after a long training, how they were chosen, and the book's first one."""
    choice, report = stored["choice"], stored["report"]
    plain = report["digits"]["none"]
    numbers = ("loss", "nll", "nll, corrupted", "wrong, clean", "wrong")
    comparisons = (len(report["digits"]) - 1) * len(numbers)
    body = []
    for name, runs in report["digits"].items():
        cells = []
        for number in numbers:
            twin = "nll" if number == "nll, corrupted" else number  # without noise there is no corruption
            if runs is plain:
                cells.append(spread(plain, number, 2))
            else:
                pairs = [run[number] for run in runs], [run[twin] for run in plain]
                cells.append(paired(*pairs, comparisons).words())
        body.append([name, *cells])
    grids = []
    for p, found in choice["squares"].items():
        rates = [(rate, f"p = {p}, peak {rate:g}") for rate in found["rates"]]
        starts = [(start, f"first weight {start:g}") for start in found["starts"]]
        grids.append(grid("clean -ELBO", rates, starts, found["losses"], tuple(found["chosen"])))
    of_digits = [f"{name}: {tried(found['rates'], found['losses'])}" for name, found in choice["digits"].items()]
    codes = f"{report['codes']} codes"
    header = ["noise in training", "-ELBO", codes, f"{codes}, corrupted", "wrong, clean", "wrong, 10% flipped"]
    first = {p: report["first"][p] for p in ("0", "0.05")}
    differences = {
        number: paired(*([run[number] for run in first[p]] for p in ("0.05", "0")), 3).words()
        for number in ("loss", "nll", "wrong")
    }
    return "\n\n".join(
        [
            rows(header, *body),
            measured_on(
                stored,
                f"{len(report['seeds'])} seeds a row; below the first row, the differences from it. {UNDECIDED} "
                f"The codes are for the first {report['few']:,} test images, from the clean image, or each from a "
                "corruption of its own. ",
            ),
            "The book's first denoising model, 576-1152-1152-2 with $p = 0.05$, Adam at 0.001 throughout, against the "
            f"same without noise, on squares: -ELBO {differences['loss']} nats, $-\\log p(x)$ {differences['nll']} "
            f"nats, wrong pixels with 5% flipped {differences['wrong']}.",
            fold(
                "Show how the settings were chosen",
                f"{len(choice['seeds'])} other seeds a cell, -ELBO of clean images. Squares:",
                *grids,
                "Digits, held out, by the peak of the rate: " + "; ".join(of_digits) + ".",
            ),
        ]
    )


def few(stored):
    """Whether noise helps where images are few, beside its rivals (see benchmarks/few.py)."""
    seeds = stored["seeds"]
    comparisons = sum(len(remedies) - 1 for remedies in stored["runs"].values())
    body = []
    for name, remedies in stored["runs"].items():
        plain = [run["kept"] for run in remedies["nothing"]]
        for remedy, runs in remedies.items():
            strength = stored["choice"][name][remedy]["chosen"]
            against = "" if remedy == "nothing" else paired([run["kept"] for run in runs], plain, comparisons).words()
            label = remedy if remedy == "nothing" else f"{remedy}, {strength:g}"
            body.append([f"{name}: {label}", spread(runs, "kept", 2), against or "-", spread(runs, "last", 1)])
    of_remedies = [
        f"{name}, {remedy}: {tried(found['strengths'], found['losses'])}"
        for name, remedies in stored["choice"].items()
        for remedy, found in remedies.items()
        if remedy != "nothing"
    ]
    return "\n\n".join(
        [
            rows(
                [
                    f"images, remedy, {len(seeds['reporting'])} seeds",
                    "test -ELBO, stopped early",
                    "against nothing",
                    "at the end",
                ],
                *body,
            ),
            measured_on(stored, UNDECIDED + " "),
            fold(
                "Show how the strengths were chosen",
                f"Held-out -ELBO, {len(seeds['choosing'])} other seeds:",
                *of_remedies,
            ),
        ]
    )
