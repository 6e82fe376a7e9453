// Chapter 3: the Gaussians of a square's corruptions, their mixture (3.3), the true posterior, and the two bounds.
"use strict";
vaeLive.define("mixture", stage => {
  const maths = globalThis.vaeMaths, {settings} = stage, {shape, side, grid, contours, fewest} = settings;
  const {plane, bounds, copy} = stage.panels, columns = shape[1] - side + 1;
  const vae = new maths.BernoulliVAE(stage.weights, settings.layers);
  const posteriors = new Map(), begun = new Map();  // of the squares so far: what is known, and what works on it
  const now = {gaussians: [], losses: null};  // what is shown
  let seed = settings.seed, noise = newNoise(), job = null, stale = true, words = false, isNew = false;

  function newNoise() {
    return new maths.Noise(seed, shape[0] * shape[1], settings.pairs);
  }

  // The work, in parts: the Gaussians first, since they are soon seen. After these it ends early if something has
  // changed.
  function* work() {
    const [row, column, p, count] = ["row", "column", "p", "count"].map(name => stage.value(name));
    const place = row * columns + column, x = maths.squareAt([row, column], side, shape);
    const found = settings.posteriors[place], key = [place, p, seed].join(), drawn = noise;
    const gaussians = key === now.key ? now.gaussians.slice(0, count) : [];
    stale = false;
    while (gaussians.length < count) {
      gaussians.push(maths.corrupt(vae, x, p, drawn.of(gaussians.length)));
      yield false;
    }
    const window = maths.windowOf(found, gaussians);
    if (place !== now.place) now.lines = null;
    Object.assign(now, {key, place, gaussians, window, losses: null});
    isNew = true;
    stage.show("flips", (gaussians.reduce((sum, {flips}) => sum + flips, 0) / count).toFixed(1));
    const density = yield* maths.mixtureOn(gaussians, window, contours.count), peak = Math.max(...density.values);
    const lines = [];
    for (const level of contours.levels) {
      lines.push(maths.contour(density, level * peak));
      yield;
    }
    now.lines = lines;
    isNew = true;
    if (!begun.has(place)) begun.set(place, maths.posteriorOn(vae, x, found, grid));
    while (!posteriors.has(place)) {
      const {done, value} = begun.get(place).next();
      if (done) posteriors.set(place, value);
      isNew = isNew || done;
      yield;
    }
    for (const gaussian of gaussians) {
      gaussian.logJoints = gaussian.logJoints || [];
      while (gaussian.logJoints.length < gaussian.codes.length) {
        gaussian.logJoints.push(maths.logJoint(vae, gaussian.codes[gaussian.logJoints.length], x));
        yield;
      }
    }
    now.losses = yield* maths.mixtureLosses(gaussians);
    isNew = true;
    showLosses();
  }

  const fixed = value => value.toFixed(2).replace(/^-0\.00$/, "0.00").replace("-", "\u2212");

  function showLosses() {
    const trained = now.losses[0].kept, {size, kept, leftOut} = now.losses[now.losses.length - 1];
    const nll = -posteriors.get(now.place).logEvidence, both = size >= fewest;
    const most = fixed(trained - leftOut), least = fixed(trained - kept);
    const shown = {
      nll: fixed(nll), trained: fixed(trained), kept: fixed(kept), leftOut: both ? fixed(leftOut) : "\u2013",
      gain: both ? `${least} to ${most}` : `at least ${least}`,
    };
    for (const [name, text] of Object.entries(shown)) stage.show(name, text);
    describe({
      count: size, trained: fixed(trained - nll), kept: fixed(kept - nll),
      end: both ? `ends at ${fixed(leftOut - nll)}` : "is not shown",
    });
    if (words) stage.say(
      `${size} ${size === 1 ? "Gaussian" : "Gaussians"}: trained ${shown.trained} nats, the mixture ` +
      `${both ? `between ${shown.leftOut} and ${shown.kept}` : `at most ${shown.kept}`}, \u2212log p(x) ${shown.nll}.`
    );
  }

  // What a screen reader is told of the pictures.
  function describe(values) {
    for (const [name, words] of Object.entries(settings.words)) {
      const text = words.replace(/{(\w+)}/g, (_, key) => values[key]);
      stage.panels[name].canvas.setAttribute("aria-label", text);
    }
  }

  function changed(tell = false) {
    stale = true;
    words = tell;
    stage.say("");  // what was said is of other numbers
    busy(true);
    if (!stage.running) stage.run(isOver => {
      while (!isOver(1)) {
        if (!job || stale && now.mayStop) job = work();
        const {done, value} = job.next();
        now.mayStop = value !== false;
        if (done) {
          job = null;
          busy(false);
          return false;
        }
      }
      return true;
    });
  }

  // Numbers of what was before stay, paler, until the new ones are there.
  function busy(is) {
    stage.root.querySelector(".numbers").style.opacity = is ? 0.55 : "";
  }

  // The pictures -----------------------------------------------------------------------------------------------------

  // The posterior as a shade of the text's colour, as dark as it is high.
  function shade(panel, {values, count, low, high}) {
    const small = panel.small ||= document.createElement("canvas"), peak = Math.max(...values);  // one for all frames
    const data = new ImageData(count, count);
    const color = stage.colors.text.match(/[\d.]+/g).slice(0, 3).map(Number), {context} = panel;
    values.forEach((value, i) => data.data.set([...color, 190 * Math.exp(value - peak)], 4 * i));
    Object.assign(small, {width: count, height: count}).getContext("2d").putImageData(data, 0, 0);
    const [left, right] = [low, high].map(([z]) => panel.x.to(z));
    const [bottom, top] = [low, high].map(([, z]) => panel.y.to(z));
    context.imageSmoothingEnabled = true;
    context.drawImage(small, left, top, right - left, bottom - top);
  }

  function drawPieces(panel, pieces, {color, width}) {
    const {context} = panel;
    context.beginPath();
    for (const [from, to] of pieces) {
      context.moveTo(panel.x.to(from[0]), panel.y.to(from[1]));
      context.lineTo(panel.x.to(to[0]), panel.y.to(to[1]));
    }
    Object.assign(context, {strokeStyle: color, lineWidth: width});
    context.stroke();
  }

  function drawPlane() {
    const {colors} = stage, {gaussians, window: {low, high}} = now, posterior = posteriors.get(now.place);
    const ellipse = ({mu, sigma}, style) => plane.ellipse(mu, [sigma[0] ** 2, 0, sigma[1] ** 2], style);
    plane.axes({x: [low[0], high[0]], y: [low[1], high[1]], xlabel: "z1", ylabel: "z2"});
    plane.inside(() => {
      if (posterior) shade(plane, posterior);
      for (const gaussian of gaussians) ellipse(gaussian, {color: colors.pink, width: 1, alpha: 0.6});
      ellipse(gaussians[0], {color: colors.orange, width: 2.4});
      for (const pieces of now.lines || []) drawPieces(plane, pieces, {color: colors.blue, width: 2});
    });
  }

  function drawBounds() {
    const {colors} = stage, posterior = posteriors.get(now.place), ticksX = [1, 2, 4, 8, 16, 32, 64, 128];
    const {losses} = now, nll = posterior && -posterior.logEvidence;
    if (!losses) {  // of what is being computed there are no lines yet
      if (!bounds.box) bounds.clear();
      return;
    }
    const highest = Math.max(...losses.map(({kept}) => kept)) - nll;
    const top = maths.endOfAxis(highest);
    const series = (name, from) => losses.filter(({size}) => size >= from).map(each => [each.size, each[name] - nll]);
    const kept = series("kept", 1), leftOut = series("leftOut", fewest), ends = [1, 128];
    bounds.axes({
      x: [0.9, 142], y: [-0.15 * top, top], logX: true, ticksX,
      xlabel: "Gaussians in the estimate, M", ylabel: "nats above \u2212log p(x)",
    });
    bounds.inside(() => {
      bounds.line([...series("kept", fewest), ...leftOut.slice().reverse()], {fill: colors.blue, alpha: 0.2});
      bounds.line(ends.map(m => [m, 0]), {color: colors.text, dash: [5, 4]});
      bounds.line(ends.map(m => [m, kept[0][1]]), {color: colors.orange, width: 2});
      bounds.line(kept, {color: colors.blue, width: 2.2});
      bounds.line(leftOut, {color: colors.blue, width: 2.2, dash: [5, 4]});
      for (const line of [kept, leftOut].filter(({length}) => length)) {
        bounds.ring(...line[line.length - 1], {color: colors.blue, radius: 4});
      }
    });
  }

  function drawCopy() {
    const [height, width] = shape;
    copy.clear();
    const edge = Math.min(copy.width / width, copy.height / height);
    const left = (copy.width - edge * width) / 2, top = (copy.height - edge * height) / 2;
    const box = {left, top, right: left + edge * width, bottom: top + edge * height};
    copy.picture(now.gaussians[0].image, height, width, box);
    Object.assign(copy.context, {strokeStyle: stage.colors.faint, lineWidth: 1});  // black on a dark page has no edge
    copy.context.strokeRect(left + 0.5, top + 0.5, edge * width - 1, edge * height - 1);
  }

  stage.draw(() => {
    if (!now.key || stage.running && !isNew) return;  // most parts of the work change nothing that is seen
    isNew = false;
    drawPlane();
    drawBounds();
    drawCopy();
  });

  // The controls -----------------------------------------------------------------------------------------------------

  for (const name of ["p", "row", "column"]) stage.on(name, () => changed());
  stage.on("count", () => changed(true));
  stage.on("noise", () => {
    seed += 1;
    noise = newNoise();
    changed(true);
  });
  changed();
});
