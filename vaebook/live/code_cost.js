// Chapter 1, what a code costs: one number of a code, its KL, and where the KL alone would move it.
"use strict";
vaeLive.define("code_cost", stage => {
  const maths = globalThis.vaeMaths, {density, plane} = stage.panels, {mus, sigmas, levels, arrow: reach} = stage.settings;
  const LAMBDA = sigmas.map(sigma => 2 * Math.log(sigma));
  const shown = (value, digits = 3) => value.toFixed(digits).replace("-", "\u2212");
  const within = (value, [low, high]) => Math.min(high, Math.max(low, value));

  function now() {
    const mu = stage.value("mu"), sigma = stage.value("sigma"), logvar = 2 * Math.log(sigma);
    return {mu, sigma, logvar, kl: maths.kl(mu, logvar), byMu: maths.klByMu(mu), byLogvar: maths.klByLogvar(logvar)};
  }

  function drawDensity({mu, sigma, logvar}) {
    const {colors} = stage, peak = Math.exp(maths.logNormal(0, logvar, 0));
    const top = [0.5, 1, 2, 4, 8].find(height => height > peak);
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

  // The curve on which the KL is c: mu^2 = 2 c - (e^lambda - 1 - lambda).
  function contour(c) {
    const half = [];
    for (let i = 0; i <= 400; i++) {
      const logvar = LAMBDA[0] + i / 400 * (LAMBDA[1] - LAMBDA[0]), square = 2 * (c - maths.kl(0, logvar));
      if (square >= 0) half.push([Math.sqrt(square), logvar]);
    }
    return [...half, ...half.map(([mu, logvar]) => [-mu, logvar]).reverse()];
  }

  // From a point, as long as a derivative is large: `right` and `up` are derivatives.
  function arrow([x, y], right, up, color) {
    const {context} = plane, start = [plane.x.to(x), plane.y.to(y)], tip = [start[0] + reach * right, start[1] - reach * up];
    const length = reach * Math.hypot(right, up), angle = Math.atan2(-up, right), size = Math.min(10, length);
    Object.assign(context, {strokeStyle: color, fillStyle: color, lineWidth: 3});
    context.beginPath();
    context.moveTo(...start);
    context.lineTo(...tip);
    context.stroke();
    context.beginPath();
    context.moveTo(tip[0] + 3 * Math.cos(angle), tip[1] + 3 * Math.sin(angle));
    for (const side of [-0.5, 0.5]) {
      context.lineTo(tip[0] - size * Math.cos(angle + side), tip[1] - size * Math.sin(angle + side));
    }
    context.fill();
  }

  function drawPlane({mu, logvar, byMu, byLogvar}) {
    const {colors} = stage;
    plane.axes({x: mus, y: LAMBDA, xlabel: "mean \u03bc", ylabel: "log-variance \u03bb"});
    plane.inside(() => {
      for (const level of levels) {
        const points = contour(level);
        plane.line(points, {color: colors.faint, width: 1});
        const [x, y] = points[0];  // the lowest
        plane.context.fillStyle = colors.text;
        plane.context.fillText(level, plane.x.to(x === 0 ? 0 : -x), plane.y.to(Math.max(y, LAMBDA[0])) - 2);
      }
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

  function put(mu, sigma) {
    stage.set("mu", within(mu, mus));
    stage.set("sigma", within(sigma, sigmas));
    stage.redraw();
  }
  stage.on("mu", () => stage.redraw());
  stage.on("sigma", () => stage.redraw());
  stage.on("prior", () => put(0, 1));
  stage.on("halve", () => put(stage.value("mu"), stage.value("sigma") / 2));
  plane.onPointer((mu, logvar) => put(mu, Math.exp(0.5 * logvar)), {handle: true});
});
