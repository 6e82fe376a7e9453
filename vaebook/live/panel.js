// One picture of a live figure: a canvas over the still, with axes, and what is drawn between them.
"use strict";
globalThis.vaeLive = globalThis.vaeLive || {figures: {}, weights: {}};
(() => {
  const MARGIN = {left: 58, right: 10, top: 10, bottom: 36};
  const FONT = "12px system-ui, sans-serif";
  const signed = value => String(value).replace("-", "\u2212");

  // Round numbers from low to high, about `count` of them.
  function ticks(low, high, count) {
    const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find(factor => factor * power >= rough * 0.999), found = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) found.push(Number((k * step).toPrecision(12)));
    return found;
  }
  const powers = (low, high) => {
    const found = [];
    for (let k = Math.ceil(Math.log10(low) - 1e-9); 10 ** k <= high * 1.0001; k++) found.push(Number(`1e${k}`));
    return found;
  };

  class Panel {
    constructor(element, stage) {
      Object.assign(this, {element, stage, canvas: document.createElement("canvas")});
      this.canvas.setAttribute("role", "img");
      this.canvas.setAttribute("aria-label", element.querySelector("img").alt);
      element.querySelector(".picture").append(this.canvas);
      this.context = this.canvas.getContext("2d");
    }

    get colors() {
      return this.stage.colors;
    }

    // An empty canvas as large as its place, in CSS pixels.
    clear() {
      const {canvas, context} = this, ratio = devicePixelRatio || 1;
      [this.width, this.height] = [canvas.clientWidth, canvas.clientHeight];
      const size = [this.width, this.height].map(side => Math.round(side * ratio));
      if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, this.width, this.height);
      context.font = FONT;
      context.lineJoin = "round";
    }

    // Axes over x: [low, high] and y: [low, high], each linear or logarithmic. Drawing between them may begin.
    // ticksX: the numbers at the x axis, where round ones (or powers of ten) do not suit.
    axes({x, y, logX = false, logY = false, ticksX = null, xlabel = "", ylabel = ""}) {
      this.clear();
      const {context, width, height, colors} = this;
      const box = {left: MARGIN.left, right: width - MARGIN.right, top: MARGIN.top, bottom: height - MARGIN.bottom};
      const scale = (range, from, to, log) => {
        const [low, high] = log ? range.map(Math.log10) : range;
        return {
          to: value => from + ((log ? Math.log10(value) : value) - low) / (high - low) * (to - from),
          back: pixel => {
            const value = low + (pixel - from) / (to - from) * (high - low);
            return log ? 10 ** value : value;
          },
        };
      };
      Object.assign(this, {box, x: scale(x, box.left, box.right, logX), y: scale(y, box.bottom, box.top, logY)});
      context.strokeStyle = colors.faint;
      context.fillStyle = colors.text;
      context.lineWidth = 1;
      context.beginPath();
      context.moveTo(box.left, box.top);
      context.lineTo(box.left, box.bottom);
      context.lineTo(box.right, box.bottom);
      const spread = pixels => Math.max(2, Math.floor(pixels / 60));
      context.textAlign = "center";
      context.textBaseline = "top";
      for (const value of ticksX || (logX ? powers(...x) : ticks(...x, spread(box.right - box.left)))) {
        const at = this.x.to(value);
        context.moveTo(at, box.bottom);
        context.lineTo(at, box.bottom + 4);
        context.fillText(signed(value), at, box.bottom + 6);
      }
      context.textAlign = "right";
      context.textBaseline = "middle";
      for (const value of logY ? powers(...y) : ticks(...y, spread(box.bottom - box.top))) {
        const at = this.y.to(value);
        context.moveTo(box.left, at);
        context.lineTo(box.left - 4, at);
        context.fillText(signed(value), box.left - 6, at);
      }
      context.stroke();
      context.textAlign = "center";
      context.textBaseline = "bottom";
      context.fillText(xlabel, (box.left + box.right) / 2, height - 1);
      context.save();
      context.rotate(-Math.PI / 2);
      context.textBaseline = "top";
      context.fillText(ylabel, -(box.top + box.bottom) / 2, 0);
      context.restore();
    }

    // What `paint` draws stays between the axes.
    inside(paint) {
      const {context, box} = this;
      context.save();
      context.beginPath();
      context.rect(box.left, box.top, box.right - box.left, box.bottom - box.top);
      context.clip();
      paint();
      context.restore();
    }

    // A line through points [[x, y], ...]; with `fill` the area that it closes.
    line(points, {color = this.colors.text, width = 1.8, dash = [], fill = null, alpha = 1} = {}) {
      const {context} = this;
      context.save();
      context.globalAlpha = alpha;
      context.beginPath();
      points.forEach(([x, y], i) => context[i ? "lineTo" : "moveTo"](this.x.to(x), this.y.to(y)));
      if (fill) {
        context.fillStyle = fill;
        context.fill();
      } else {
        Object.assign(context, {strokeStyle: color, lineWidth: width});
        context.setLineDash(dash);
        context.stroke();
      }
      context.restore();
    }

    // Points of a flat array x1, x2, x1, ...
    dots(flat, {color = this.colors.text, size = 2, alpha = 0.6} = {}) {
      const {context} = this;
      context.save();
      Object.assign(context, {globalAlpha: alpha, fillStyle: color});
      for (let at = 0; at < flat.length; at += 2) {
        context.fillRect(this.x.to(flat[at]) - size / 2, this.y.to(flat[at + 1]) - size / 2, size, size);
      }
      context.restore();
    }

    // A ring around a point, to be seen on any ground.
    ring(x, y, {color = this.colors.text, radius = 6} = {}) {
      const {context} = this;
      for (const [style, width] of [[this.colors.ground, 5], [color, 2.5]]) {
        Object.assign(context, {strokeStyle: style, lineWidth: width});
        context.beginPath();
        context.arc(this.x.to(x), this.y.to(y), radius, 0, 2 * Math.PI);
        context.stroke();
      }
    }

    // The ellipse at `radius` standard deviations of a Gaussian with variances a, c and covariance b.
    ellipse([x, y], [a, b, c], {radius = 1, ...style} = {}) {
      const l11 = Math.sqrt(a), l21 = b / l11, l22 = Math.sqrt(Math.max(c - l21 * l21, 0)), points = [];
      for (let k = 0; k <= 64; k++) {
        const angle = k / 32 * Math.PI, [u, v] = [radius * Math.cos(angle), radius * Math.sin(angle)];
        points.push([x + l11 * u, y + l21 * u + l22 * v]);
      }
      this.line(points, style);
    }

    // Grey levels (rows, columns) from 0, black, to 1, white, over the whole canvas or box {left, top, right, bottom}.
    picture(values, rows, columns, box = {left: 0, top: 0, right: this.width, bottom: this.height}) {
      // One for all frames: to collect hundreds of canvases takes the browser 50 ms, within one frame.
      const small = this.small ||= document.createElement("canvas"), data = new ImageData(columns, rows);
      if (values.length === rows * columns) {
        for (let i = 0, at = 0; i < values.length; i++) {
          for (let part = 0; part < 3; part++) data.data[at++] = 255 * values[i];
          data.data[at++] = 255;
        }
      } else data.data.set(values);
      Object.assign(small, {width: columns, height: rows}).getContext("2d").putImageData(data, 0, 0);
      this.context.imageSmoothingEnabled = false;
      this.context.drawImage(small, box.left, box.top, box.right - box.left, box.bottom - box.top);
    }

    // Calls move(x, y), in the units of the axes, where a mouse is dragged, or a finger taps. A finger that moves
    // scrolls the page, but on the handle, if there is one: it drags that.
    onPointer(move, {handle = false} = {}) {
      const report = event => {
        const frame = this.canvas.getBoundingClientRect();
        move(this.x.back(event.clientX - frame.left), this.y.back(event.clientY - frame.top));
      };
      const listen = (part, drags) => {
        let dragged = null;  // a finger is captured by what it touches, so capture does not tell who drags
        part.addEventListener("pointerdown", event => {
          if (!drags(event)) return;
          dragged = event.pointerId;
          part.setPointerCapture(dragged);
          event.preventDefault();
          report(event);
        });
        part.addEventListener("pointermove", event => event.pointerId === dragged && report(event));
        for (const end of ["pointerup", "pointercancel"]) part.addEventListener(end, () => { dragged = null; });
      };
      listen(this.canvas, event => event.pointerType === "mouse");
      this.canvas.addEventListener("click", report);
      if (!handle) return;
      this.handle = document.createElement("div");
      this.handle.className = "handle";
      this.canvas.after(this.handle);
      listen(this.handle, () => true);
    }

    // Puts the handle, which a finger can drag, on a point.
    moveHandle(x, y) {
      Object.assign(this.handle.style, {left: `${this.x.to(x)}px`, top: `${this.y.to(y)}px`});
    }
  }

  Object.assign(vaeLive, {Panel, ticks});
})();
