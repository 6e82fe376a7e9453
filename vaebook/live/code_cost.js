// Chapter 1, what a code costs: one number of a code, its KL, and where the KL alone would move it.
"use strict";
vaeLive.define("code_cost", stage => {
  const maths = globalThis.vaeMaths, {density, plane} = stage.panels, {mus, sigmas, levels} = stage.settings;
  const LAMBDA = sigmas.map(sigma => 2 * Math.log(sigma));
  const shown = value => value.toFixed(3).replace(/^-(?=[0.]*$)/, "").replace("-", "\u2212");
  const within = (value, [low, high]) => Math.min(high, Math.max(low, value));

  function now() {
    const mu = stage.value("mu"), sigma = stage.value("sigma"), logvar = 2 * Math.log(sigma);
    return {mu, sigma, logvar, kl: maths.kl(mu, logvar), byMu: maths.klByMu(mu), byLogvar: maths.klByLogvar(logvar)};
  }

  function drawDensity({mu, sigma, logvar}) {
    const {colors} = stage, peak = Math.exp(maths.logNormal(0, logvar, 0));
    const top = [0.5, 1, 2, 4, 8, 16].find(height => height > peak);
    const curve = (middle, spread) => Array.from({length: 201}, (_, i) => {
      const z = middle + (i - 100) / 20 * spread;
      return [z, Math.exp(maths.logNormal(middle, 2 * Math.log(spread), z))];
    });
    density.axes({x: [-5, 5], y: [0, top], xlabel: "z", ylabel: "density"});
    density.inside(() => {
      density.line(curve(0, 1), {color: colors.text, dash: [5, 4]});
      density.line(curve(mu, sigma), {fill: colors.blue, alpha: 0.25});
      density.line(curve(mu, sigma), {color: colors.blue, width: 2.2});
    });
  }

  // From a point, `right` and `up` by two derivatives. Both are drawn in units of the axis of mu, so that they compare.
  function arrow([x, y], right, up, color) {
    const {context} = plane, unit = plane.x.to(1) - plane.x.to(0), start = [plane.x.to(x), plane.y.to(y)];
    const tip = [start[0] + unit * right, start[1] - unit * up];
    const length = unit * Math.hypot(right, up), angle = Math.atan2(-up, right), size = Math.min(10, length);
    if (length < 0.5) return;
    Object.assign(context, {strokeStyle: color, fillStyle: color, lineWidth: 3});
    context.beginPath();
    context.moveTo(...start);
    context.lineTo(tip[0] - 0.6 * size * Math.cos(angle), tip[1] - 0.6 * size * Math.sin(angle));
    context.stroke();
    context.beginPath();
    context.moveTo(...tip);
    for (const side of [-0.5, 0.5]) {
      context.lineTo(tip[0] - size * Math.cos(angle + side), tip[1] - size * Math.sin(angle + side));
    }
    context.fill();
  }

  // A curve of equal KL, with its level at its left, half-way down.
  function contour(level) {
    const {context} = plane, {colors} = stage, points = maths.klContour(level);
    const half = 0.5 * Math.max(points[0][1], LAMBDA[0]);
    const x = plane.x.to(-Math.sqrt(2 * (level - maths.kl(0, half)))), y = plane.y.to(half);
    plane.line(points, {color: colors.faint, width: 1});
    Object.assign(context, {fillStyle: colors.ground, textAlign: "center", textBaseline: "middle"});
    const width = context.measureText(level).width + 4;
    context.fillRect(x - 0.5 * width, y - 7, width, 14);
    context.fillStyle = colors.text;
    context.fillText(level, x, y);
  }

  function drawPlane({mu, logvar, byMu, byLogvar}) {
    const {colors} = stage;
    plane.axes({x: mus, y: LAMBDA, xlabel: "mean \u03bc", ylabel: "log-variance \u03bb"});
    plane.inside(() => {
      for (const level of levels) contour(level);
      plane.dots([0, 0], {color: colors.text, size: 6, alpha: 1});
      arrow([mu, logvar], -byMu, 0, colors.orange);
      arrow([mu, logvar], 0, -byLogvar, colors.green);
      plane.ring(mu, logvar, {color: colors.blue});
    });
    plane.moveHandle(mu, logvar);
  }

  stage.draw(() => {
    const code = now();
    drawDensity(code);
    drawPlane(code);
    stage.show("logvar", shown(code.logvar));
    stage.show("kl", shown(code.kl));
    stage.show("bits", shown(code.kl / Math.LN2));
    stage.show("bymu", shown(code.byMu));
    stage.show("bylogvar", shown(code.byLogvar));
  });

  // After each change; `words` are read out, so a slider has none.
  function moved(words = "") {
    stage.describe(stage.control("sigma"), stage.value("sigma").toPrecision(3));
    stage.say(words);
    stage.redraw();
  }
  function put(mu, sigma, words) {
    stage.set("mu", within(mu, mus));
    stage.set("sigma", within(sigma, sigmas));
    moved(words);
  }
  for (const name of ["mu", "sigma"]) stage.on(name, () => moved());
  stage.on("prior", () => put(0, 1, "The prior itself costs nothing."));
  stage.on("halve", () => {
    const before = now();
    put(before.mu, before.sigma / 2);
    const after = now(), more = after.kl - before.kl, went = more < 0 ? "fell" : "rose";
    const change = `the KL ${went} by ${shown(Math.abs(more))} nats. One bit is ${shown(Math.LN2)} nats.`;
    const ends = `The slider ends at \u03c3 = ${after.sigma.toPrecision(3)}.`;
    stage.say(after.sigma > 0.51 * before.sigma ? ends : `\u03c3 halved: ${change}`);
  });
  plane.onPointer((mu, logvar) => put(mu, Math.exp(0.5 * logvar)), {handle: true});
  moved();
});
