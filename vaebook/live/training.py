"""Chapter 4's live figure: a VAE that trains in the page, beside its answer key."""

import matplotlib.pyplot as plt
from scipy.special import roots_hermitenorm

from vaebook.live.figure import Button, Choice, LiveFigure, Panel, Range


def training():
    places, weights = roots_hermitenorm(12)
    figure, ax = plt.subplots(figsize=(4, 4))
    ax.plot([1, 2])
    figure2, ax = plt.subplots(figsize=(4, 4))
    ax.plot([1, 2])
    return LiveFigure(
        "training",
        "Train a VAE in this page",
        [
            Panel("plane", figure, "the plane, words words words words"),
            Panel("gap", figure2, "the gap words words words words"),
        ],
        [
            Range("rho", "correlation", -0.95, 0.95, 0.05, 0.5),
            Choice("samples", "codes per row, N", [1, 10, 50], 1),
            Range("rate", "learning rate", -4, 0, 0.25, -2, log=True),
            Range("seed", "seed", 1, 20, 1, 1),
            Button("run", "Train", first=True),
            Button("step", "Step"),
            Button("again", "Start again"),
        ],
        {"step": "step", "state": "", "gap": "nats above the truth"},
        {"quadrature": {"places": places.tolist(), "weights": weights.tolist()}},
    )
