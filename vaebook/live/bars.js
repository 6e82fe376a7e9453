// A code as bars: for each dimension mu - sigma to mu + sigma over the prior's -1 to 1, with its name and its KL.
"use strict";
(() => {
  // order: the dimensions from the top down.  reach: of the axis, doubled until all fits.
  function drawBars(panel, {mu, sigma, price, order}, reach) {
    panel.clear();
    const {context, width, height, colors} = panel;
    const box = {left: 34, right: width - 46, top: 22, bottom: height - 38};
    const furthest = Math.max(...mu.map((value, j) => Math.abs(value) + sigma[j]));
    while (reach < furthest) reach *= 2;
    const row = (box.bottom - box.top) / order.length, middle = (box.left + box.right) / 2;
    const x = {to: value => middle + value / reach * (box.right - box.left) / 2};
    const y = {to: place => box.top + (place + 0.5) * row};
    Object.assign(panel, {box, x, y});
    const bar = (from, to, top, bottom, fill, alpha) => {
      Object.assign(context, {fillStyle: fill, globalAlpha: alpha});
      context.fillRect(x.to(from), top, x.to(to) - x.to(from), bottom - top);
      context.globalAlpha = 1;
    };
    const write = (text, right, down, align, baseline) => {
      Object.assign(context, {fillStyle: colors.text, textAlign: align, textBaseline: baseline});
      context.fillText(text, right, down);
    };
    bar(-1, 1, box.top, box.bottom, colors.faint, 0.25);
    Object.assign(context, {strokeStyle: colors.faint, lineWidth: 1});
    context.beginPath();
    context.moveTo(middle, box.top);
    context.lineTo(middle, box.bottom);
    context.moveTo(box.left, box.bottom);
    context.lineTo(box.right, box.bottom);
    context.stroke();
    for (const value of vaeLive.ticks(-reach, reach, 4)) {
      write(String(value).replace("-", "\u2212"), x.to(value), box.bottom + 4, "center", "top");
    }
    write("\u03bc \u00b1 \u03c3", middle, height - 1, "center", "bottom");
    write("KL, nats", width - 2, 2, "right", "top");
    order.forEach((j, place) => {
      const at = y.to(place), half = Math.min(0.38 * row, 6);
      bar(mu[j] - sigma[j], mu[j] + sigma[j], at - half, at + half, colors.blue, 0.55);
      context.beginPath();
      context.arc(x.to(mu[j]), at, 3, 0, 2 * Math.PI);
      context.fillStyle = colors.blue;
      context.fill();
      write(`z${j + 1}`, box.left - 6, at, "right", "middle");
      write(price[j].toFixed(2), width - 2, at, "right", "middle");
    });
  }

  Object.assign(vaeLive, {drawBars});
})();
