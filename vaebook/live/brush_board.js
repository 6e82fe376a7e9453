// An image to brush, by mouse, finger or keyboard, and how images with marked pixels are drawn.
"use strict";
(() => {
  // Grey levels of an image (rows, columns) as large as fits, and a mark in the middle of the pixels for which
  // marked(pixel) holds. panel.pixels says where they lie.
  function drawPixels(panel, values, [rows, columns], marked, color) {
    panel.clear();
    const {context} = panel, edge = Math.min(panel.width / columns, panel.height / rows);
    const left = (panel.width - edge * columns) / 2, top = (panel.height - edge * rows) / 2;
    const mark = Math.max(2, 0.4 * edge);
    panel.pixels = {left, top, edge};
    panel.picture(values, rows, columns, {left, top, right: left + edge * columns, bottom: top + edge * rows});
    Object.assign(context, {strokeStyle: panel.colors.faint, lineWidth: 1, fillStyle: color});
    context.strokeRect(left + 0.5, top + 0.5, edge * columns - 1, edge * rows - 1);  // black on a dark page has no edge
    for (let pixel = 0; pixel < rows * columns; pixel++) {
      if (!marked(pixel)) continue;
      const x = left + edge * (pixel % columns + 0.5), y = top + edge * (Math.floor(pixel / columns) + 0.5);
      context.fillRect(x - mark / 2, y - mark / 2, mark, mark);
    }
  }

  // shape: [rows, columns].  isMarked(pixel): whether it is flipped.  put(pixels, flipped): the reader wants these so.
  // done(pixel, how): a stroke has ended, or a key has flipped one.
  class Board {
    constructor(panel, shape, {isMarked, put, done}) {
      Object.assign(this, {panel, isMarked, put, done, stroke: null});
      const {canvas} = panel, redraw = () => panel.stage.redraw();
      canvas.tabIndex = 0;
      canvas.setAttribute("role", "application");  // so that a screen reader hands the arrow keys on
      Object.assign(canvas.style, {touchAction: "none", cursor: "crosshair"});
      canvas.addEventListener("pointerdown", event => this.begin(event));
      canvas.addEventListener("pointermove", event => this.move(event));
      for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, event => this.end(event));
      // Or a browser would take the end of a fast stroke for a fling, and the next tap on a button for the fling's end.
      canvas.addEventListener("touchmove", event => event.preventDefault(), {passive: false});
      canvas.addEventListener("keydown", event => this.press(event));
      for (const change of ["focus", "blur"]) canvas.addEventListener(change, redraw);
      this.reshape(shape);
    }

    reshape(shape) {
      Object.assign(this, {shape, cursor: shape.map(count => count >> 1), stroke: null});
      this.panel.canvas.setAttribute("aria-label", `The corrupted image, ${shape.join(" by ")} pixels. ` +
        "Arrow keys move a cursor, space flips the pixel there.");
    }

    draw(values, color) {
      drawPixels(this.panel, values, this.shape, this.isMarked, color);
      if (!this.panel.canvas.matches(":focus-visible")) return;
      const {context, pixels: {left, top, edge}, colors} = this.panel, [row, column] = this.cursor;
      for (const [style, line] of [[colors.ground, 5], [colors.blue, 2.5]]) {
        Object.assign(context, {strokeStyle: style, lineWidth: line});
        context.strokeRect(left + edge * column, top + edge * row, edge, edge);
      }
    }

    isOn(place) {
      return place.every((value, axis) => value >= 0 && value < this.shape[axis]);
    }

    pixel([row, column]) {
      return row * this.shape[1] + column;
    }

    under(event) {
      const frame = this.panel.canvas.getBoundingClientRect(), {left, top, edge} = this.panel.pixels;
      return [(event.clientY - frame.top - top) / edge, (event.clientX - frame.left - left) / edge].map(Math.floor);
    }

    // A stroke flips the pixels that it meets, or takes flips back where it starts on a flipped one.
    begin(event) {
      const at = this.under(event);
      if (this.stroke || event.button || !this.isOn(at)) return;
      this.stroke = {id: event.pointerId, flipped: !this.isMarked(this.pixel(at)), at};
      this.panel.canvas.setPointerCapture(event.pointerId);
      this.paint([at]);
    }

    move(event) {
      if (event.pointerId !== this.stroke?.id) return;
      const at = this.under(event);
      this.paint(vaeMaths.stroke(this.stroke.at, at));
      this.stroke.at = at;
    }

    end(event) {
      if (event.pointerId !== this.stroke?.id) return;
      this.stroke = null;
      this.done();
    }

    paint(places) {
      const on = places.filter(place => this.isOn(place));
      if (on.length) this.cursor = on[on.length - 1];
      this.put(on.map(place => this.pixel(place)), this.stroke.flipped);
    }

    press(event) {
      const steps = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}[event.key];
      if (!steps && event.key !== " ") return;
      event.preventDefault();  // these keys scroll
      if (steps) {
        const next = this.cursor.map((value, axis) => value + steps[axis]);
        if (this.isOn(next)) this.cursor = next;
        this.panel.stage.redraw();
        return;
      }
      const pixel = this.pixel(this.cursor);
      this.put([pixel], !this.isMarked(pixel));
      this.done(this.cursor);
    }
  }

  Object.assign(vaeLive, {Board, drawPixels});
})();
