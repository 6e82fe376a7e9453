"""What a reader does with a live figure: presses, slides, drags, by keyboard, mouse and finger."""

HOWS = ["keyboard", "mouse", "touch"]


def press(visit, name, how):
    """Press a button."""
    control = visit.control(name)
    if how == "keyboard":
        control.focus()
        visit.page.keyboard.press("Enter")
    else:
        control.tap() if how == "touch" else control.click()
    visit.page.wait_for_timeout(60)


def toggle(visit, name, how="mouse"):
    """Turn a switch on or off."""
    control = visit.control(name)
    control.press("Space") if how == "keyboard" else control.tap() if how == "touch" else control.click()


def choose(visit, name, value, how="mouse"):
    """Choose an option. A finger opens a list of the system, not the page's: there the choice is made alone."""
    control = visit.control(name)
    if how != "keyboard":
        control.select_option(str(value))
        return
    control.focus()
    control.press("Home")
    options = control.locator("option").evaluate_all("found => found.map(option => option.value)")
    for _ in range(options.index(str(value))):
        control.press("ArrowDown")
    assert control.input_value() == str(value)


def keys(visit, name, *pressed):
    """Press keys on a slider."""
    visit.control(name).focus()
    for key in pressed:
        visit.page.keyboard.press(key)
    visit.page.wait_for_timeout(60)


def slide(visit, name, share, how="mouse"):
    """Pull a slider to a share of its length, or tap there."""
    visit.control(name).scroll_into_view_if_needed()
    box = visit.control(name).bounding_box()
    x, y = box["x"] + box["width"] * share, box["y"] + box["height"] / 2
    if how == "touch":
        visit.page.touchscreen.tap(min(x, box["x"] + box["width"] - 1), y)
    else:
        visit.page.mouse.move(box["x"] + box["width"] / 2, y)
        visit.page.mouse.down()
        visit.page.mouse.move(x, y, steps=4)
        visit.page.mouse.up()
    visit.page.wait_for_timeout(60)


WHERE = """([name, x, y]) => {
  const panel = document.querySelector(".vae-live").stage.panels[name];
  const frame = panel.canvas.getBoundingClientRect();
  return [frame.left + panel.x.to(x), frame.top + panel.y.to(y)];
}"""


def where(visit, panel, x, y):
    """A point of a panel's axes, in the window."""
    visit.page.locator(f"[data-panel={panel}]").scroll_into_view_if_needed()
    return visit.page.evaluate(WHERE, [panel, x, y])


def point_at(visit, panel, x, y, how="mouse"):
    """Click or tap a point of a panel."""
    place = where(visit, panel, x, y)
    (visit.page.touchscreen.tap if how == "touch" else visit.page.mouse.click)(*place)
    visit.page.wait_for_timeout(60)


def drag(visit, panel, start, end, how="mouse"):
    """Drag from one point of a panel to another."""
    (x1, y1), (x2, y2) = where(visit, panel, *start), where(visit, panel, *end)
    if how == "mouse":
        visit.page.mouse.move(x1, y1)
        visit.page.mouse.down()
        visit.page.mouse.move(x2, y2, steps=5)
        visit.page.mouse.up()
    else:
        session = visit.page.context.new_cdp_session(visit.page)

        def touch(kind, *points):
            found = [{"x": x, "y": y} for x, y in points]
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": found})

        touch("touchStart", (x1, y1))
        for share in (0.25, 0.5, 0.75, 1):
            touch("touchMove", (x1 + share * (x2 - x1), y1 + share * (y2 - y1)))
        touch("touchEnd")
    visit.page.wait_for_timeout(120)


NEAR = """([name, places, color]) => {
  const stage = document.querySelector(".vae-live").stage, panel = stage.panels[name], ratio = devicePixelRatio;
  const probe = stage.root.appendChild(document.createElement("i"));
  probe.style.color = stage.colors[color];
  const wanted = getComputedStyle(probe).color.match(/[\\d.]+/g).map(Number), {width, height} = panel.canvas;
  probe.remove();
  const copy = new OffscreenCanvas(width, height).getContext("2d", {willReadFrequently: true});
  copy.drawImage(panel.canvas, 0, 0);  // or the browser complains that the figure's own canvas is read often
  const {data} = copy.getImageData(0, 0, width, height);
  const has = (column, row) => {
    const at = 4 * (row * width + column);
    return data[at + 3] > 80 && [0, 1, 2].every(part => Math.abs(data[at + part] - wanted[part]) < 40);
  };
  return places.map(([x, y, right = 0, down = 0]) => {
    const column = Math.floor((panel.x.to(x) + right) * ratio), row = Math.floor((panel.y.to(y) + down) * ratio);
    const near = [-2, -1, 0, 1, 2];
    return near.some(across => near.some(below => has(column + across, row + below)));
  });
}"""


def painted(visit, panel, color, *places):
    """For each point of a panel's axes, whether one of the pixels around it has a colour of the palette.

    places: (x, y), or (x, y, right, down) with pixels to go from there.
    """
    return visit.page.evaluate(NEAR, [panel, places, color])
