"""Chapter 1's tables."""

from tools.measured.parts import fold, grid, measured_on, rows, seconds, spread


def squares(stored):
    """How chapter 1's settings were chosen, and what they give (see benchmarks/squares.py)."""
    searched, report = stored["grid"], stored["report"]
    ways = []
    for name, way in report["ways"].items():
        draws = [
            number
            for draw in ("prior", "codes")
            for number in (spread(way["runs"], draw, times=100), spread(way["runs"], f"{draw}, places"))
        ]
        ways.append([name, spread(way["runs"], "loss", digits=2), *draws, seconds(way)])
    choosing, reporting = (len(part["seeds"]) for part in (searched, report))
    header = "-ELBO", "N(0, I): % squares", "places", "like codes: % squares", "places", "time"
    cells = grid(
        "peak of the rate",
        [(rate, f"{rate:g}") for rate in searched["rates"]],
        [(start, f"first weight {start:g}") for start in searched["starts"]],
        searched["losses"],
        tuple(searched["chosen"]),
    )
    return "\n\n".join(
        [
            rows([f"{reporting} seeds", *header], *ways),
            measured_on(stored, "A dash: none, or not counted. "),
            fold(
                "Show the grid that the settings are from",
                f"Mean loss over the batches of the last epoch, in nats, {choosing} other seeds a cell:",
                cells,
            ),
        ]
    )
