"""What the benchmarks share: a grid that grows, images that are held out, plain steps of training, a store."""

import argparse
import json
from datetime import date

from tools.execute import machine
from vaebook.data import MNISTUnavailable
from vaebook.training import minibatches, standard_normal


def beyond(values, chosen, least=0):
    """The next value on the side where `chosen` lies on the edge of the sorted values; None if it lies on none.

    A single value is no axis, and has no edge.
    """
    if len(values) == 1:
        return None
    if chosen == values[0] and chosen > least:
        return max(least, chosen**2 / values[1])
    return chosen**2 / values[-2] if chosen == values[-1] else None


def grown(rows, columns, measure, *picks, least=(0, 0)):
    """Measure a grid, and let it grow by its own ratio until no cell that is picked lies on an edge.

    rows, columns: sorted values.  measure(row, column): a number.  picks: functions from the dict of all cells,
    (row, column) to its number, to one of them.  least: values of rows and of columns that are no edge, since there
    is nothing below. Returns rows, columns, the dict, and what the last function picks.
    """
    rows, columns, cells = list(rows), list(columns), {}
    while True:
        for cell in [(row, column) for row in rows for column in columns if (row, column) not in cells]:
            cells[cell] = measure(*cell)
            print(f"{cell[0]:g}, {cell[1]:g}: {cells[cell]:.3f} nats", flush=True)
        picked = [pick(cells) for pick in picks]
        new_rows = {beyond(rows, row, least[0]) for row, _ in picked} - {None}
        new_columns = {beyond(columns, column, least[1]) for _, column in picked} - {None}
        if not new_rows | new_columns:
            return rows, columns, cells, picked[-1]
        rows, columns = sorted([*rows, *new_rows]), sorted([*columns, *new_columns])


def lowest(cells):
    """The cell of the lowest loss."""
    return min(cells, key=cells.get)


def in_rows(rows, columns, cells):
    """The grid's numbers as they are stored, row by row."""
    return [[round(cells[row, column], 3) for column in columns] for row in rows]


def held_out(x, count):
    """Rows to train on, and the last `count` of x `(B, D)`, which choose and are not trained on."""
    return x[:-count], x[-count:]


def steps(model, loss_of, x, generator, optimizer, schedule=None, batch_size=100, epochs=5):
    """The usual loop over batches that are in memory. Returns the mean loss of each batch."""
    losses = []
    for batch in minibatches(x, batch_size, epochs, generator):
        loss = loss_of(model, batch, standard_normal(1, batch, model, generator))["loss"].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if schedule is not None:
            schedule.step()
        losses.append(loss.item())
    return losses


def keep(store, description, choose, report):
    """Run what the command line asks for, and write it into a JSON file with the day and the machine.

    choose() returns the part "choice"; report(choice) a dict of the others. Without MNIST nothing is written.
    """
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--choose", action="store_true", help="search the settings")
    stored = json.loads(store.read_text(encoding="utf-8")) if store.exists() else {}
    try:
        stored |= {"choice": choose()} if parser.parse_args().choose else report(stored["choice"])
    except MNISTUnavailable as error:
        print(f"not measured, since it takes MNIST: {error}")
        return
    stored |= {"day": date.today().isoformat(), "machine": machine()}
    store.write_text(json.dumps(stored, indent=2) + "\n", encoding="utf-8")
