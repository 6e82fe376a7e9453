// The plane of codes as a sheet of digits, spaced as the prior is, and large pictures of single ones: what is drawn of
// them in more than one figure.
"use strict";
(() => {
  const maths = globalThis.vaeMaths;
  const MARGIN = {left: 58, right: 10, top: 10, bottom: 36};  // as the axes of panel.js
  const TICKS = [-2, -1, -0.5, 0, 0.5, 1, 2], SIDE = 28, FAINT = 138;

  // The digits that a square of codes decodes to: axis, the codes' values, and the probabilities `edges` between which
  // they lie. Coarse first: some digits, four times as large, then the others. White on black, or faint on the ground.
  class Sheet {
    constructor(vae, {axis, edges}, isFaint = false) {
      Object.assign(this, {vae, axis, edges, isFaint, step: 4, next: 0});
      this.canvas = document.createElement("canvas");
      this.canvas.width = this.canvas.height = SIDE * axis.length;
      this.context = this.canvas.getContext("2d");
    }

    get complete() {
      return this.step < 1;
    }

    // Goes on until isOver(). Row 0 has the largest z2, as a page is read.
    work(isOver) {
      while (!this.complete && !isOver(0.5)) {
        const {axis, step} = this, across = Math.ceil(axis.length / step);
        const row = Math.floor(this.next / across) * step, column = this.next % across * step;
        this.add(row, column);
        this.next += 1;
        if (this.next === across * across) Object.assign(this, {next: 0, step: step / 2});
      }
      return !this.complete;
    }

    add(row, column) {
      const {axis, step, context} = this, logits = this.vae.decode([axis[column], axis[axis.length - 1 - row]]);
      const place = [SIDE * column, SIDE * row, SIDE * step, SIDE * step];
      context.imageSmoothingEnabled = false;
      context.clearRect(...place);
      context.drawImage(pictureOf(logits.map(maths.sigmoid), this.isFaint), ...place);
    }
  }

  // Grey levels (784) as a canvas of 28 x 28, or a grey that is as opaque.
  function pictureOf(values, isFaint) {
    const small = Object.assign(document.createElement("canvas"), {width: SIDE, height: SIDE});
    const context = small.getContext("2d"), image = context.createImageData(SIDE, SIDE);
    for (let i = 0; i < values.length; i++) {
      image.data.fill(isFaint ? FAINT : 255 * values[i], 4 * i, 4 * i + 3);
      image.data[4 * i + 3] = isFaint ? 0.6 * 255 * values[i] : 255;
    }
    context.putImageData(image, 0, 0);
    return small;
  }

  // Axes on which a code stands at its probability under the prior, from 0 to 1, so that equal areas are equally likely.
  // Between them the sheet. What lies further than `reach` from 0 is at the edge.
  function drawPlane(panel, sheet, reach) {
    panel.clear();
    const {context, colors, width, height} = panel;
    const box = {left: MARGIN.left, right: width - MARGIN.right, top: MARGIN.top, bottom: height - MARGIN.bottom};
    const scale = (from, to) => ({
      to: z => from + (to - from) * maths.normalCdf(z),
      back: pixel => {
        const probability = (pixel - from) / (to - from);
        return within(reach, maths.normalQuantile(probability));
      },
    });
    Object.assign(panel, {box, x: scale(box.left, box.right), y: scale(box.bottom, box.top)});
    const [low, high] = sheet.edges, share = value => value * (box.right - box.left);
    const left = box.left + share(low), top = box.bottom - high * (box.bottom - box.top);
    context.imageSmoothingEnabled = true;
    context.drawImage(sheet.canvas, left, top, share(high - low), (high - low) * (box.bottom - box.top));
    Object.assign(context, {strokeStyle: colors.faint, fillStyle: colors.text, lineWidth: 1});
    context.beginPath();
    context.rect(box.left, box.top, box.right - box.left, box.bottom - box.top);
    for (const tick of TICKS) {
      const text = String(tick).replace("-", "\u2212"), [x, y] = [panel.x.to(tick), panel.y.to(tick)];
      context.moveTo(x, box.bottom);
      context.lineTo(x, box.bottom + 4);
      context.moveTo(box.left, y);
      context.lineTo(box.left - 4, y);
      Object.assign(context, {textAlign: "center", textBaseline: "top"});
      context.fillText(text, x, box.bottom + 6);
      Object.assign(context, {textAlign: "right", textBaseline: "middle"});
      context.fillText(text, box.left - 6, y);
    }
    context.stroke();
    Object.assign(context, {textAlign: "center", textBaseline: "bottom"});
    context.fillText("z1", (box.left + box.right) / 2, height - 1);
    context.save();
    context.rotate(-Math.PI / 2);
    context.textBaseline = "top";
    context.fillText("z2", -(box.top + box.bottom) / 2, 0);
    context.restore();
  }

  const within = (reach, z) => Math.min(Math.max(z, -reach), reach);

  // Digits in a row, as large as fits, each in a frame: black on a dark page has no edge.
  function drawDigits(panel, digits) {
    panel.clear();
    const {context, width, height, colors} = panel, gap = 0.03 * width, {length} = digits;
    const side = Math.min((width - gap * (length - 1)) / length, height);
    digits.forEach((values, i) => {
      const left = (width - side * length - gap * (length - 1)) / 2 + i * (side + gap), top = (height - side) / 2;
      panel.picture(values, SIDE, SIDE, {left, top, right: left + side, bottom: top + side});
      Object.assign(context, {strokeStyle: colors.faint, lineWidth: 1});
      context.strokeRect(left + 0.5, top + 0.5, side - 1, side - 1);
    });
  }

  const minus = text => String(text).replace("-", "\u2212");

  Object.assign(vaeLive, {Sheet, drawPlane, drawDigits, minus, within});
})();
