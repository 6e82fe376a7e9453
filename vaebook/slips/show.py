"""What the page shows of the slips: the table by price, and an entry for each."""

import math
from html import escape

from IPython.display import HTML
from scipy.stats import t

from vaebook.examine.conditions import FLOOR, MARGIN
from vaebook.tables import table

ALARMS = {
    "noise": "distribution",
    "value": "value",
    "parts": "value",
    "constant": "value",
    "gradient": "gradient",
    "mode": "mode",
    "outputs": "outputs",
    "data": "data",
}  # of `examine`, as the page calls them


def alarms(slip, price):
    """Words for what catches a slip: the alarms of `examine`, and the floor where the report is below it."""
    found = [ALARMS[slip.alarm]] if slip.alarm in ALARMS else []
    if slip.source != "digits" and (price.reported < FLOOR - MARGIN).all():
        found.append("floor")
    return found


def nats(values):
    """Mean and spread of numbers `(S,)`, as text of about three digits."""
    mean, spread = values.mean().item(), values.std().item()
    if not math.isfinite(mean):
        return "not finite"
    if abs(mean) > 1e4:
        text = "over 10,000" if mean > 0 else "below -10,000"
    else:
        digits = 2 if abs(mean) < 10 else 1 if abs(mean) < 100 else 0
        text = f"{mean:.{digits}f} ± {spread:.{digits}f}"
    return text.replace("-", "\N{MINUS SIGN}").replace(" ", "\N{NO-BREAK SPACE}")


def told_from_zero(prices):
    """Whether the 99% interval of Student's t over prices `(S,)`, one a seed, leaves 0 out."""
    if not (prices <= 1e4).any():  # what broke, whatever its spread
        return True
    seeds = len(prices)
    error = prices.std().item() / math.sqrt(seeds)
    return not abs(prices.mean().item()) <= t.ppf(0.995, seeds - 1) * error


def costs(slip, price):
    """The price in words."""
    if slip.spoils != "the model":
        return f"0; the report is off by {nats(price.off)}"
    if price.price.abs().max() < 0.005:  # what would be shown as 0.00
        return "nothing"
    if not told_from_zero(price.price):
        return f"{nats(price.price)}, not told from 0"
    return nats(price.price)


def order(entry):
    """Dearest first; slips that spoil only a report last."""
    slip, price = entry
    dear = price.price.mean().item() if slip.spoils == "the model" else -1e9
    return -dear if dear == dear else -math.inf


def price_table(prices):
    """All slips by price, each linked to its entry. prices: pairs of Slip and Price."""
    rows = []
    for slip, price in sorted(prices, key=order):
        link = f'<a href="#{slip.name}">{escape(slip.title)}</a>'
        caught = ", ".join(alarms(slip, price)) or "none"
        numbers = [costs(slip, price), nats(price.reported), nats(price.has)]
        rows.append([link, *numbers, caught])
    return table(rows, ["slip", "price", "reports", "has", "caught by"], words=True)


def lines(what, text):
    """Lines of code with a word above them."""
    return f'<div class="{what}"><p>{what}</p><pre>{escape(text)}</pre></div>'


def entry(slip, price):
    """A slip: both lines side by side, its numbers, what catches it, and where it was made."""
    numbers = (
        f"Reports {nats(price.reported)} and has {nats(price.has)} nats per image; "
        f"the right line has {nats(price.right)}. "
        f"Price: <strong>{costs(slip, price)}</strong>. "
        f"Caught by: {', '.join(alarms(slip, price)) or 'none'}."
    )
    seen = ""
    if slip.seen:
        title, path = slip.seen
        address = f"https://github.com/{path}"
        where = "/".join(path.split("/")[:2])
        seen = "Seen" if slip.in_a_vae else "Seen in other code than a VAE's,"
        stop = "" if title[-1] in ".?" else "."
        seen = f' {seen} in {where}: <a href="{address}">{escape(title)}</a>{stop}'
    return (
        f'<section class="slip" id="{slip.name}"><h3>{escape(slip.title)}</h3>'
        f"<p>{slip.why}</p>"
        f'<div class="slip-lines">{lines("wrong", slip.wrong)}{lines("right", slip.right)}</div>'
        f"<p>{numbers}{seen}</p></section>"
    )


def entries(prices, names):
    """The entries of some slips, one after the other, by name."""
    known = {slip.name: (slip, price) for slip, price in prices}
    return HTML("".join(entry(*known[name]) for name in names))
