// Chapter 4, the valley: of all exact linear networks the loss is the same, and the KL is not.
"use strict";
vaeLive.define("valley", stage => {
  const maths = globalThis.vaeMaths, {rho, window, range} = stage.settings, {plane, curves} = stage.panels;
  const CODES = [-2, -1, 0, 1, 2];
  const nats = value => value.toFixed(3).replace("-", "\u2212");
  const floor = maths.commonInformation(rho), best = Math.sqrt(rho);
  const along = Array.from({length: 93}, (_, i) => range[0] + i / 92 * (range[1] - range[0]));
  const terms = along.map(w1 => maths.keyTerms(new maths.LinearKey(rho, w1)));

  function drawPlane(key) {
    const {colors} = stage, {w: [w1, w2], s2} = key, sum = [s2[0] + w1 * w1, w1 * w2, s2[1] + w2 * w2];  // (4.4)
    plane.axes({...window, xlabel: "x\u2081", ylabel: "x\u2082"});
    plane.inside(() => {
      for (const radius of [1, 2]) plane.ellipse(maths.MEAN, [1, rho, 1], {radius, color: colors.text, width: 1});
      plane.line([-2.5, 2.5].map(z => key.decode(z).slice(0, 2)), {color: colors.blue, width: 2.2});
      for (const z of CODES) {
        plane.ellipse(key.decode(z).slice(0, 2), [s2[0], 0, s2[1]], {color: colors.blue, width: 1.2});
      }
      const dashed = {color: colors.orange, dash: [5, 4], width: 2};
      for (const radius of [1, 2]) plane.ellipse(maths.MEAN, sum, {radius, ...dashed});
    });
  }

  function drawCurves(key, now) {
    const {colors} = stage, shades = {loss: colors.text, reconstruction: colors.pink, kl: colors.green};
    curves.axes({x: [0.5, 1], y: [0, 3], xlabel: "w\u2081", ylabel: "nats"});
    curves.inside(() => {
      curves.line([[0.5, floor], [1, floor]], {color: colors.orange, dash: [5, 4], width: 1.4});
      for (const [name, color] of Object.entries(shades)) {
        curves.line(along.map((w1, i) => [w1, terms[i][name]]), {color});
      }
      curves.line([[best, 0], [best, floor]], {color: colors.orange, dash: [2, 3], width: 1.4});
      for (const [name, color] of Object.entries(shades)) curves.ring(key.w[0], now[name], {color, radius: 5});
    });
    curves.moveHandle(key.w[0], now.kl);
  }

  stage.draw(() => {
    const key = new maths.LinearKey(rho, stage.value("w1")), now = maths.keyTerms(key);
    drawPlane(key);
    drawCurves(key, now);
    stage.show("w2", key.w[1].toFixed(3));
    for (const name of ["loss", "reconstruction", "kl"]) stage.show(name, nats(now[name]));
    stage.show("excess", nats(now.kl - floor));
  });

  stage.on("w1", () => stage.redraw());
  stage.on("lowest", () => {
    stage.set("w1", best);
    stage.redraw();
  });
  curves.onPointer(w1 => {
    stage.set("w1", Math.min(range[1], Math.max(range[0], w1)));
    stage.redraw();
  }, {handle: true});
});
