"""Chapter 2's tables."""

from statistics import mean

from tools.measured.parts import fold, grid, measured_on, rows, seconds, spread, tried

WAYS = {  # of chapter 2's models, in words
    "784-400-20": "784-400-20, with the settings chosen here",
    "784-400-20, usual loop, published rate": "the same network, batches of 128, Adam at 0.001 throughout",
    "784-400-20, usual loop, chosen rate": "the same, at the rate chosen for it here, {rival_rate:g}",
    "784-400-150-2": "784-400-150-2, with the settings of the first row",
}


def digits(stored):
    """How chapter 2's settings were chosen, and what they give (see benchmarks/digits.py)."""
    choice, report = stored["choice"], stored["report"]
    chosen = choice["chosen"]
    ways = [
        [words.format(**chosen), spread(report["ways"][name]["runs"], "loss", digits=2), seconds(report["ways"][name])]
        for name, words in WAYS.items()
    ]
    first, second, rival = choice["first"], choice["second"], choice["rival"]
    rates = [(rate, f"peak rate {rate:g}") for rate in first["rates"]]
    batches = [(batch, f"batches of {batch:g}") for batch in first["batches"]]
    rises = [(rise, f"rise {100 * rise:g}%") for rise in second["rises"]]
    forgets = [(forget, f"$\\beta_2$ = {1 - forget:g}") for forget in second["forgets"]]
    passes = [f"{count}: {mean(losses):.2f}" for count, losses in choice["passes"].items()]
    return "\n\n".join(
        [
            rows([f"ten passes, {len(report['seeds'])} seeds", "test -ELBO, nats", "training"], *ways),
            measured_on(stored),
            fold(
                "Show how the settings were chosen",
                f"-ELBO of the held-out images, mean over {len(choice['seeds'])} other seeds, after ten passes over "
                "the other 50,000. Cells within 0.1 nats of the best count as equal; of these the largest batch is "
                "taken, then the lowest rate:",
                grid("held-out -ELBO", rates, batches, first["losses"], (chosen["rate"], chosen["batch_size"])),
                "Then the share of the steps in which the rate rises, and $\\beta_2$. What the first edition had, "
                "chosen there on the test set, stays unless a cell is better by more than 0.1 nats:",
                grid("held-out -ELBO", rises, forgets, second["losses"], (chosen["rise"], chosen["forget"])),
                f"The usual loop, by its rate: {tried(rival['rates'], rival['losses'])}.",
                f"The chosen settings, by the number of passes: {', '.join(passes)}.",
            ),
        ]
    )


def pixels(stored):
    """What chapter 2's model has on pixels of three kinds, beside what others have (see benchmarks/digits.py)."""
    report = stored["report"]
    kinds = {
        "threshold at one half": ("784-400-20", "87.65, -ELBO: a tutorial\\*, the same network"),
        "drawn anew": ("stochastic", "86.76, $-\\log p(x)$: {cite:t}`burda2016`, table 1, a code of 50 numbers"),
        "grey levels": ("grey", "about 105.6, -ELBO: PyTorch's example, the same network"),
    }
    body = []
    for kind, (name, elsewhere) in kinds.items():
        runs = report["ways"][name]["runs"]
        body.append([kind, spread(runs, "loss", digits=2), spread(runs, "nll", digits=2), elsewhere])
    bound = f"$-\\log p(x)$, at most ({report['codes']} codes, see below)"
    return "\n\n".join(
        [
            rows(["pixels", "here: -ELBO", bound, "elsewhere"], *body, words=2),
            '(\\*"Variational Autoencoder Code and Experiments". A dash: not measured.)',
        ]
    )
