"""The stills of the digit board: pictures, and a code as bars."""

from vaebook.distributions import kl_standard_normal
from vaebook.figures.style import new_figure
from vaebook.live.centring import FINE, SIDE
from vaebook.live.figure import Panel

MU, SIGMA, PLUS_MINUS, MINUS = "\u03bc", "\u03c3", "\u00b1", "\N{MINUS SIGN}"
FAINT, BLUE = "#8a8a8a", "#0072b2"


def picture(pixels, inches):
    """A figure that is an image, whole."""
    figure, ax = new_figure(inches, inches)
    figure.set_layout_engine("none")
    ax.set_position([0, 0, 1, 1])
    ax.imshow(pixels.numpy(), cmap="gray", vmin=0, vmax=1)
    ax.set_axis_off()
    return figure


def bars(mu, logvar, reach):
    """mu and sigma of each dimension as a bar, the dearest at the top. Returns figure and order."""
    price = kl_standard_normal(mu[:, None], logvar[:, None])
    order = price.argsort(descending=True, stable=True)
    sigma, rows = (0.5 * logvar).exp(), range(len(mu))
    figure, ax = new_figure(3.4, 0.9 + 0.165 * len(mu))
    ax.axvspan(-1, 1, color=FAINT, alpha=0.25, linewidth=0)
    ax.axvline(0, color=FAINT, linewidth=1)
    ax.barh(rows, 2 * sigma[order], left=(mu - sigma)[order], color=BLUE, alpha=0.45)
    ax.plot(mu[order], rows, "o", color=BLUE, markersize=4)
    ax.set_yticks(rows, [f"$z_{{{j + 1}}}$" for j in order.tolist()])
    prices = ax.secondary_yaxis("right")
    prices.set_yticks(rows, [f"{price[j].item():.2f}" for j in order])
    prices.set_ylabel("KL, nats")
    for side in (ax, prices):
        side.tick_params(axis="y", length=0)
    prices.spines["right"].set_visible(False)
    ax.set(xlim=(-reach, reach), ylim=(len(mu) - 0.5, -0.5))
    ax.set_xlabel(f"{MU} {PLUS_MINUS} {SIGMA}")
    return figure, order


def panels(model, x, label, reach):
    """The pictures of the first digit, as the page shows them when it starts."""
    mu, logvar = (part[0] for part in model.encode(x))
    image = x.reshape(SIDE, SIDE)
    decoded = model.decode(mu).sigmoid().reshape(SIDE, SIDE)
    ink = image.repeat_interleave(FINE, 0).repeat_interleave(FINE, 1)
    code, order = bars(mu, logvar, reach)
    first, last = (order[place].item() + 1 for place in (0, -1))
    shown = (
        f"A board of {SIDE} by {SIDE} pixels to draw on, white on black. To begin with it holds a test digit, "
        f"a {label:g}."
    )
    seen = f"The picture that the model gets: the {label:g} in black and white, {SIDE} by {SIDE} pixels."
    drawn = f"The reconstruction of the {label:g}: the decoder's probabilities of the pixels at the mean of the code."
    about = (
        f"A bar from {MU} {MINUS} {SIGMA} to {MU} + {SIGMA} for each of the {len(mu)} dimensions of the code, over "
        f"the prior's band from {MINUS}1 to 1, sorted by their KL, which stands beside it. Dimension {first} costs "
        f"most, dimension {last} least."
    )
    keys = {
        f"q(z|x): {MU} {PLUS_MINUS} {SIGMA}": "blue",
        f"the prior: 0 {PLUS_MINUS} 1": "faint",
    }
    return [
        Panel(
            "board",
            picture(ink, 4),
            shown,
            1.2,
            title="Draw on it, or press Blank first",
        ),
        [
            Panel("seen", picture(image, 2), seen, 0.6, title="What the model sees"),
            Panel(
                "decoded", picture(decoded, 2), drawn, 0.6, title="Its reconstruction"
            ),
        ],
        Panel("code", code, about, 1.2, keys, "The code, sorted by KL"),
    ]
