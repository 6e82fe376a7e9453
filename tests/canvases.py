"""What the canvases of a live figure and its stills show, and what a mouse or a finger draws on them."""

import torch

READ = """(act => (element, given) => {  // from a copy, since a canvas that is read often is painted in another way
  const ratio = devicePixelRatio, [width, height] = [element.clientWidth, element.clientHeight];
  const [across, down] = element.localName === "canvas" ? [element.width, element.height] : [width, height];
  const copy = new OffscreenCanvas(across, down).getContext("2d", {willReadFrequently: true});
  copy.drawImage(element, 0, 0, across, down);
  const {data} = copy.getImageData(0, 0, across, down);
  const at = (x, y) => {
    const [column, row] = [Math.floor(x * across / width), Math.floor(y * down / height)];
    return [...data.slice(4 * (row * across + column), 4 * (row * across + column) + 4)];
  };
  return act({width, height, at}, given, element.closest(".vae-live").stage);
})"""

CELLS = """({width, height, at}, [[rows, columns], aside, count, gap]) => {
  const edge = Math.min((width - gap * (count - 1)) / count / columns, height / rows), found = [];
  const left = (width - count * columns * edge - (count - 1) * gap) / 2, top = (height - rows * edge) / 2;
  for (let picture = 0; picture < count; picture++) {
    const start = left + picture * (columns * edge + gap);
    for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) {
      const [x, y] = [start + (column + 0.5 + aside) * edge, top + (row + 0.5 + aside) * edge];
      found.push(at(x, y).slice(0, 3));
    }
  }
  return found;
}"""


def canvas(visit, panel="board", of="canvas"):
    """The canvas of a panel, or its still, and where it is in the window, once it is scrolled into view."""
    place = visit.page.locator(f"[data-panel={panel}] {of}")
    place.scroll_into_view_if_needed()
    return place, place.bounding_box()


def read(visit, panel, script, given=None, of="canvas"):
    """What a script makes of a picture's {width, height, at}, of `given` and of the stage.

    at(x, y): red, green, blue and alpha there, in CSS pixels.
    """
    return visit.page.locator(f"[data-panel={panel}] {of}").evaluate(f"{READ}({script})", given)


def cells(visit, panel, shape, aside=0.0, count=1, gap=0, of="canvas"):
    """Red, green, blue of the cells of an image, `(count, cells, 3)`, `aside` cells right of and below their middles.

    shape: (rows, columns) of each of the `count` images that stand beside each other, `gap` apart.
    """
    found = read(visit, panel, CELLS, [[*shape], aside, count, gap], of)
    return torch.tensor(found).reshape(count, -1, 3).squeeze(0)


def touch(visit, *kinds):
    """Send events of fingers: pairs of a kind and the list of places of all fingers that are down."""
    session = visit.page.context.new_cdp_session(visit.page)
    for kind, places in kinds:
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        session.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
        visit.page.evaluate("new Promise(requestAnimationFrame)")
    session.detach()


def trace(visit, places, how="mouse"):
    """Put a mouse or a finger down on the first of these places in the window, move it over the others, and lift it."""
    (first, *others), mouse = places, visit.page.mouse
    if how == "touch":
        touch(visit, ("Start", [first]), *(("Move", [place]) for place in others), ("End", []))
        return
    mouse.move(*first)
    mouse.down()
    for place in others:
        mouse.move(*place)
    mouse.up()
