// Chapter 2: the code of one digit, a slider for each number of it, sorted by what it costs.
"use strict";
vaeLive.define("dimensions", stage => {
  const maths = globalThis.vaeMaths, {settings} = stage, {digits, costs} = stage.panels;
  const {side, mu, logvar, halves} = settings, images = maths.imagesOf(settings.images, side * side);
  const vae = new maths.BernoulliVAE(stage.weights, settings.layers);
  const count = vae.latentDims, ranks = Array.from({length: count}, (_, rank) => rank);
  const minus = text => String(text).replace("-", "\u2212");
  const fixed = value => minus((Number(value.toFixed(2)) || 0).toFixed(2));  // not -0
  const signed = value => (Number(value.toFixed(2)) > 0 ? "+" : "") + fixed(value);
  const sum = values => values.reduce((total, value) => total + value, 0);
  const now = {};  // the digit, what is known of its own code, and the code that the sliders make

  function terms(z) {
    const logits = vae.decode(z), each = maths.costsOf(z, logvar[now.digit]);
    return {logits, each, kl: sum(each), reconstruction: -maths.logBernoulli(logits, images[now.digit])};
  }

  function pick() {
    now.digit = stage.value("digit");
    now.z = [...mu[now.digit]];
    now.own = terms(now.z);
    now.order = maths.dearestFirst(now.own.each);
    refresh();
  }

  // All that follows from the code.
  function refresh() {
    now.terms = terms(now.z);
    now.order.forEach((j, rank) => {
      const slider = stage.control(`rank${rank + 1}`), value = fixed(now.z[j]), cost = fixed(now.terms.each[j]);
      slider.value = now.z[j];
      stage.describe(slider, `${value}, costs ${cost} nats`);
      slider.parentElement.firstChild.textContent = `z${j + 1}: ${value} `;
      slider.parentElement.querySelector("output").textContent = `${cost} nats`;
    });
    const change = changes();
    for (const name of ["kl", "reconstruction"]) {
      stage.show(name, fixed(now.terms[name]));
      stage.show(`${name}Change`, signed(change[name]));
    }
    stage.show("changed", change.pixels);
    stage.redraw();
  }

  const changes = () => ({
    pixels: maths.changedPixels(now.terms.logits, now.own.logits),
    kl: now.terms.kl - now.own.kl,
    reconstruction: now.terms.reconstruction - now.own.reconstruction,
  });

  // The pictures -----------------------------------------------------------------------------------------------------

  function drawDigits() {
    const {context} = digits, gap = 8;
    digits.clear();
    const edge = Math.min((digits.width - gap) / 2, digits.height), top = (digits.height - edge) / 2;
    [images[now.digit], now.terms.logits.map(maths.sigmoid)].forEach((values, i) => {
      const left = digits.width / 2 + (i ? gap / 2 : -gap / 2 - edge);
      digits.picture(values, side, side, {left, top, right: left + edge, bottom: top + edge});
      Object.assign(context, {strokeStyle: stage.colors.faint, lineWidth: 1});  // black on a dark page has no edge
      context.strokeRect(left + 0.5, top + 0.5, edge - 1, edge - 1);
    });
  }

  function drawCosts() {
    const {colors} = stage, largest = Math.max(...now.own.each), bar = (rank, height, half, style) => {
      const left = rank + 1 - half, right = rank + 1 + half;
      costs.line([[left, 0], [left, height], [right, height], [right, 0]], style);
    };
    let top = [1, 2, 3, 4, 6, 8].find(each => each >= 1.05 * largest) || 1.05 * largest;
    while (top < Math.max(...now.terms.each)) top *= 2;
    costs.axes({x: [0.4, count + 0.6], y: [0, top], xlabel: "sliders, in their order", ylabel: "KL, nats"});
    costs.inside(() => now.order.forEach((j, rank) => {
      bar(rank, now.terms.each[j], 0.36, {fill: colors.blue});
      bar(rank, now.own.each[j], 0.36, {color: colors.text, width: 1.2});
    }));
  }

  stage.draw(() => {
    drawDigits();
    drawCosts();
  });

  // The controls -----------------------------------------------------------------------------------------------------

  // The sliders of these ranks to zero; all others as at the digit's own code.
  function toZero(which, words) {
    now.z = [...mu[now.digit]];
    for (const rank of which) now.z[now.order[rank]] = 0;
    refresh();
    const change = changes();
    stage.say(
      `${words} to zero: ${change.pixels} of ${side * side} pixels ${change.pixels === 1 ? "changes" : "change"}. ` +
      `KL ${signed(change.kl)} nats, \u2212log p(x|z) ${signed(change.reconstruction)} nats.`
    );
  }

  for (const rank of ranks) {
    stage.on(`rank${rank + 1}`, value => {
      now.z[now.order[rank]] = value;
      refresh();
    });
  }
  stage.on("digit", () => {
    pick();
    stage.say("");
  });
  stage.on("back", () => {
    pick();
    stage.say(`The digit's own code, the mean \u03bc: KL ${fixed(now.own.kl)} nats.`);
  });
  stage.on("last", () => toZero(ranks.slice(count - halves), `The last ${halves}`));
  stage.on("first", () => toZero(ranks.slice(0, halves), `The first ${halves}`));
  stage.on("all", () => toZero(ranks, "All"));
  pick();
});
