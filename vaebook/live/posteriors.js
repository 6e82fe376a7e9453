// Chapter 2: digits on the plane of codes. What the encoder takes a digit for, a Gaussian, beside its exact posterior.
"use strict";
vaeLive.define("posteriors", stage => {
  const maths = globalThis.vaeMaths, {minus, within} = vaeLive, {settings} = stage;
  const {reach, layers, quadrature, labels} = settings;
  const {plane, digits, close} = stage.panels, chooser = stage.control("digit"), board = stage.control("board");
  const vae = new maths.BernoulliVAE(stage.weights, {decoder: layers.decoder}), NEAR = 16;
  const sheet = new vaeLive.Sheet(vae, settings, true);
  const grid = new maths.Grid(vae, settings.grid.count, settings.grid.reach);
  const known = settings.digits.map(({bits, mu, logvar}, i) => ({x: pixelsOf(bits), mu, logvar, label: labels[i]}));
  let z = [stage.value("z1"), stage.value("z2")], picked = null, whole = null, asked = 0;
  const frame = {worked: false, unpainted: 0, stale: true};

  function pixelsOf(bits) {
    return Float32Array.from({length: 4 * bits.length}, (_, i) => parseInt(bits[i >> 2], 16) >> (3 - i % 4) & 1);
  }

  // Takes up a digit {x, mu, logvar, label}. What it costs and its exact posterior are computed in the frames to come.
  function take(digit, words = "") {
    const sigma = digit.logvar.map(value => Math.exp(0.5 * value)), posterior = new maths.Posterior(grid, digit.x);
    const costs = maths.costs(vae, digit.x, digit, quadrature);
    picked = {digit, sigma, posterior, words, costs, exact: posterior.work()};
    picked.window = posterior.window(digit.mu, sigma, reach);
    stage.picked = picked;  // for tests
    for (const name of ["loss", "reconstruction", "kl", "evidence", "gap", "inside"]) stage.show(name, "\u2013");
    moveTo(digit.mu);
    work();
  }

  function showCosts(costs) {
    picked.loss = costs.loss;
    for (const name of ["loss", "reconstruction", "kl"]) stage.show(name, costs[name].toFixed(2));
  }

  function showExact() {
    const {posterior, digit, sigma, words, loss} = picked, gap = loss + posterior.sum;
    picked.window = posterior.window(digit.mu, sigma, reach);
    stage.show("evidence", (-posterior.sum).toFixed(2));
    stage.show("gap", minus(gap.toFixed(2)));
    stage.show("inside", `${Math.floor(100 * posterior.massIn(picked.window))} %`);
    if (words) stage.say(`${words}: the gap (2.4) is ${minus(gap.toFixed(2))} nats.`);
  }

  // What takes longer than a frame: the sheet, the costs, the codes that all digits share, then the exact posterior.
  // A frame works or paints, not both.
  function work() {
    if (!stage.running) stage.run(isOver => {
      const isDone = sheet.complete && picked.exact === null;
      frame.worked = !isDone && !frame.stale && frame.unpainted < 12;
      if (!frame.worked) return !isDone;
      sheet.work(isOver);
      while (picked.costs && !isOver(0.5)) {
        const next = picked.costs.next();
        if (next.done) [picked.costs] = [null, showCosts(next.value)];
      }
      while (!grid.complete && !isOver(0.5)) grid.step();
      while (grid.complete && picked.exact && !isOver(0.5)) {
        if (picked.exact.next().done) [picked.exact] = [null, showExact()];
      }
      return true;
    });
  }

  // Pictures ---------------------------------------------------------------------------------------------------------

  function drawCells(panel) {
    const {context} = panel, {cells} = picked.posterior, peak = Math.max(...cells.map(cell => cell.log));
    context.fillStyle = stage.colors.orange;
    for (const {z: [z1, z2], side, log} of cells) {
      const density = Math.exp(log - peak);
      if (density < 0.004) continue;
      const [left, right] = [z1 - side / 2, z1 + side / 2].map(value => Math.round(panel.x.to(value)));
      const [bottom, top] = [z2 - side / 2, z2 + side / 2].map(value => Math.round(panel.y.to(value)));
      context.globalAlpha = density;
      context.fillRect(left, top, Math.max(right - left, 1), Math.max(bottom - top, 1));
    }
    context.globalAlpha = 1;
  }

  function drawGaussian(panel, {mu, logvar}, color, width) {
    const variances = [Math.exp(logvar[0]), 0, Math.exp(logvar[1])];
    for (const radius of [1, 2]) {
      panel.ellipse(mu, variances, {radius, color: stage.colors.ground, width: width + 1.6});
      panel.ellipse(mu, variances, {radius, color, width});
    }
  }

  // A digit's label beside its mean, on a disc.
  function drawLabel({context, x, y, box}, {mu, label}, color) {
    const at = [Math.min(x.to(mu[0]) + 9, box.right - 8), Math.max(y.to(mu[1]) - 9, box.top + 8)];
    Object.assign(context, {fillStyle: stage.colors.ground, strokeStyle: color, lineWidth: 1.2});
    context.beginPath();
    context.arc(...at, 8, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
    Object.assign(context, {fillStyle: color, textAlign: "center", textBaseline: "middle"});
    context.fillText(label, at[0], at[1] + 0.5);
  }

  function drawRing(panel, x, y) {
    const isIn = z[0] >= x[0] && z[0] <= x[1] && z[1] >= y[0] && z[1] <= y[1];
    panel.handle.hidden = !isIn;
    if (!isIn) return;
    panel.ring(...z);
    panel.moveHandle(...z);
  }

  function drawPlane() {
    const {colors} = stage, {digit} = picked, others = known.filter(each => each !== digit);
    vaeLive.drawPlane(plane, sheet, reach);
    plane.inside(() => {
      drawCells(plane);
      for (const [each, color] of [...others.map(other => [other, colors.text]), [digit, colors.blue]]) {
        drawGaussian(plane, each, color, each === digit ? 2 : 1.2);
        drawLabel(plane, each, color);
      }
    });
    drawRing(plane, [-reach, reach], [-reach, reach]);
  }

  function drawClose() {
    const [x, y] = picked.window;
    close.axes({x, y, xlabel: "z1", ylabel: "z2"});
    close.inside(() => {
      drawCells(close);
      drawGaussian(close, picked.digit, stage.colors.blue, 2);
      if (!picked.exact) return;
      Object.assign(close.context, {fillStyle: stage.colors.text, textAlign: "left", textBaseline: "top"});
      const share = Math.floor(100 * grid.done / grid.count ** 2);
      const text = grid.complete ? "adding up" : `decoding the plane: ${share} %`;
      close.context.fillText(text, close.box.left + 6, close.box.top + 4);
    });
    drawRing(close, x, y);
  }

  stage.draw(() => {
    if (frame.worked) {
      frame.worked = false;
      frame.unpainted += 1;
      return;
    }
    Object.assign(frame, {unpainted: 0, stale: false});
    const logits = vae.decode(z), {x} = picked.digit;
    stage.show("code", (-maths.logBernoulli(logits, x)).toFixed(2));
    drawPlane();
    vaeLive.drawDigits(digits, [x, logits.map(maths.sigmoid)]);
    drawClose();
  });

  // The controls, and the pointer's way to them ----------------------------------------------------------------------

  function refresh() {
    frame.stale = true;
    if (!stage.running) stage.redraw();
  }

  function moveTo(code) {
    z = code.map(value => within(reach, value));
    z.forEach((value, j) => stage.set(`z${j + 1}`, value));
    refresh();
  }

  function pick(number) {
    asked += 1;  // what is still loading comes too late
    stage.set("digit", number);
    stage.say("");
    take(known[number], number < labels.length ? `Digit ${chooser.options[number].text}` : "The digit from the board");
  }

  function pickFromBoard(texts) {
    whole = whole || new maths.BernoulliVAE([...texts, ...stage.weights], layers);
    board.textContent = "The digit from the board";
    if (known.length === settings.digits.length) {  // the first of them
      known.push({});
      chooser.add(new Option("the digit from the board", known.length - 1));
    }
    const x = Float32Array.from(vaeLive.drawn);
    known[known.length - 1] = {x, ...whole.encode(x), label: "?"};
    pick(known.length - 1);
  }

  for (const name of ["z1", "z2"]) {
    stage.on(name, value => {
      z[Number(name === "z2")] = value;
      refresh();
    });
  }
  stage.on("digit", pick);
  stage.on("toMean", () => {
    moveTo(picked.digit.mu);
    stage.say("The code is the mean of the encoder's Gaussian.");
  });
  stage.on("board", () => {
    const mine = asked += 1;
    stage.load("encoder").then(texts => mine === asked && pickFromBoard(texts))
      .catch(() => stage.say("The encoder could not be loaded. Press again to try once more."));
  });
  const wake = () => {
    board.disabled = !vaeLive.drawn;
    if (vaeLive.drawn) stage.say("Your drawing is here: press \u201cThe digit from the board\u201d.");
  };
  document.addEventListener("vae-drawn", wake);
  wake();

  for (const panel of [plane, close]) panel.onPointer((...code) => moveTo(code), {handle: true});
  // A press on the plane that does not move picks the digit that is near, if one is.
  let pressed = null;
  plane.element.addEventListener("pointerdown", event => { pressed = [event.clientX, event.clientY]; }, true);
  plane.element.querySelector(".picture").addEventListener("click", event => {
    if (!pressed || Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) > 4) return;
    const frame = plane.canvas.getBoundingClientRect(), at = [event.clientX - frame.left, event.clientY - frame.top];
    const away = known.map(({mu}) => Math.hypot(plane.x.to(mu[0]) - at[0], plane.y.to(mu[1]) - at[1]));
    const nearest = away.indexOf(Math.min(...away));
    if (away[nearest] <= NEAR) pick(nearest);
  });

  take(known[0]);
});
