// Chapter 1: the plane of squares. Above, a code to drag and what it decodes to. Below, an image to flip pixels of, what
// it is encoded to and what it costs. What takes longer than a frame is done in parts.
"use strict";
vaeLive.define("squares", stage => {
  const maths = globalThis.vaeMaths, {settings} = stage, {shape, side, reach, quadrature} = settings;
  const [height, width] = shape, columns = width - side + 1, {plane, decoded, image, posterior} = stage.panels;
  const vae = new maths.BernoulliVAE(stage.weights, settings.layers), whole = [-reach, reach];
  const code = {z: [stage.value("z1"), stage.value("z2")], stale: true};
  const picked = {flips: new Set(settings.flips), stale: true};
  const cleanCosts = new Map();  // from a place to what its square costs

  // The mathematics of what is shown ---------------------------------------------------------------------------------

  const likeliest = logits => {
    const each = maths.squareLogLikelihoods(logits, shape, side);
    return each.reduce((best, value, place) => (value > each[best] ? place : best), 0);
  };
  const cornerOf = place => [Math.floor(place / columns), place % columns];
  const isIn = ([top, left], pixel) => {
    const row = Math.floor(pixel / width), column = pixel % width;
    return row >= top && row < top + side && column >= left && column < left + side;
  };
  const squareAt = corner => Float32Array.from({length: height * width}, (_, pixel) => Number(isIn(corner, pixel)));
  const gaussianOf = x => {
    const {mu, logvar} = vae.encode(x);
    return {mu, sigma: logvar.map(value => Math.exp(0.5 * value))};
  };

  // -ELBO and its parts, some of the points of the quadrature at a time, so that a frame stays short.
  function* costs(x) {
    const {noise, weights} = quadrature, part = 5;
    let reconstruction = 0, price = 0;
    for (let n = 0; n < noise.length; n += part) {
      const found = vae.negativeElbo(x, noise.slice(n, n + part), weights.slice(n, n + part));
      reconstruction += found.reconstruction;
      price = found.kl;
      yield;
    }
    return {reconstruction, kl: price, loss: reconstruction + price};
  }

  function* costsOfBoth(place, clean, x) {
    if (!cleanCosts.has(place)) cleanCosts.set(place, yield* costs(clean));
    const before = cleanCosts.get(place), after = picked.flips.size ? yield* costs(x) : before;
    for (const name of ["loss", "kl", "reconstruction"]) {
      stage.show(name, after[name].toFixed(2));
      stage.show(`${name}Change`, signed(after[name] - before[name]));
    }
    if (picked.words) stage.say(`${picked.words} ${signed(after.loss - before.loss)} nats against the clean square.`);
    picked.words = "";
  }

  function refreshCode() {
    const logits = vae.decode(code.z), corner = cornerOf(likeliest(logits));
    const wrong = logits.reduce((sum, logit, pixel) => sum + (logit > 0 !== isIn(corner, pixel)), 0);
    Object.assign(code, {probabilities: logits.map(maths.sigmoid), corner, wrong, stale: false});
    const shown = {z1: code.z[0].toFixed(3), z2: code.z[1].toFixed(3), row: corner[0], column: corner[1], wrong};
    for (const [name, text] of Object.entries(shown)) stage.show(name, minus(text));
  }

  function refreshImage() {
    const corner = [stage.value("squareRow"), stage.value("squareColumn")];
    const square = squareAt(corner), x = square.slice();
    for (const pixel of picked.flips) x[pixel] = 1 - x[pixel];
    const clean = gaussianOf(square), gaussian = gaussianOf(x), window = closeWindow(clean, gaussian);
    stage.show("flips", picked.flips.size);
    for (const j of [0, 1]) {
      stage.show(`mu${j + 1}`, minus(gaussian.mu[j].toFixed(3)));
      stage.show(`sigma${j + 1}`, gaussian.sigma[j].toFixed(4));
    }
    if (String(window) !== String(picked.window)) close.restart(...window);
    Object.assign(picked, {x, clean, gaussian, window, stale: false});
    picked.costs = costsOfBoth(corner[0] * columns + corner[1], square, x);
    work();
  }

  const minus = text => String(text).replace("-", "\u2212");
  const signed = value => {
    const rounded = Number(value.toFixed(2)) || 0;  // not -0
    return (rounded > 0 ? "+" : "") + minus(rounded.toFixed(2));
  };

  // A square of the plane around the clean square's mean. Its half width is five standard deviations, doubled until the
  // image's Gaussian fits: flips move that, and not the window.
  function closeWindow(clean, {mu, sigma}) {
    const needed = Math.max(...mu.map((value, j) => Math.abs(value - clean.mu[j]) + 2.5 * sigma[j]));
    let half = 5 * Math.max(...clean.sigma);
    while (half < needed) half *= 2;
    return clean.mu.map(middle => [middle - half, middle + half]);
  }

  // The tiles --------------------------------------------------------------------------------------------------------

  const placeAt = z => likeliest(vae.decode(z));
  const far = new vaeLive.Tiles(settings.tiles.plane, settings.colors, placeAt);
  const close = new vaeLive.Tiles(settings.tiles.posterior, settings.colors, placeAt);
  far.restart(whole, whole);
  stage.tiles = far;  // for tests

  // What takes longer than a frame: the costs first, then the tiles.
  function work() {
    if (!stage.running) stage.run(isOver => {
      refresh();
      while (picked.costs && !isOver(1)) if (picked.costs.next().done) picked.costs = null;
      return picked.costs !== null || close.work(isOver) || far.work(isOver);
    });
  }

  // The pictures -----------------------------------------------------------------------------------------------------

  function refresh() {
    if (code.stale) refreshCode();
    if (picked.stale) refreshImage();
  }

  // Draws twice, first wider and in the colour of the ground, so that a line is seen on any tile and any pixel.
  function withHalo(panel, style, draw) {
    draw({...style, dash: [], color: stage.colors.ground, width: style.width + 2});
    draw(style);
  }

  function drawPlane(panel, tiles, [x, y]) {
    panel.axes({x, y, xlabel: "z1", ylabel: "z2"});
    panel.inside(() => tiles.draw(panel));
    if (!tiles.complete) note(panel, `tiles: ${Math.floor(100 * tiles.share)}%`);
  }

  function note({context, box}, text) {
    context.fillStyle = stage.colors.ground;
    context.fillRect(box.left, box.top, 74, 18);
    Object.assign(context, {fillStyle: stage.colors.text, textAlign: "left", textBaseline: "middle"});
    context.fillText(text, box.left + 4, box.top + 9);
  }

  function drawGaussian(panel, {mu, sigma}, style) {
    for (const radius of [1, 2]) {
      withHalo(panel, style, each => panel.ellipse(mu, [sigma[0] ** 2, 0, sigma[1] ** 2], {radius, ...each}));
    }
  }

  function drawCode(panel, [x, y]) {
    const [z1, z2] = code.z, isIn = z1 >= x[0] && z1 <= x[1] && z2 >= y[0] && z2 <= y[1];
    panel.handle.hidden = !isIn;
    if (!isIn) return;
    panel.ring(z1, z2);
    panel.moveHandle(z1, z2);
  }

  // Pixels, as large as fits, and the box that they fill.
  function drawPixels(panel, values) {
    panel.clear();
    const edge = Math.min(panel.width / width, panel.height / height);
    const left = (panel.width - edge * width) / 2, top = (panel.height - edge * height) / 2;
    panel.pixels = {left, top, edge};
    panel.picture(values, height, width, {left, top, right: left + edge * width, bottom: top + edge * height});
    Object.assign(panel.context, {strokeStyle: stage.colors.faint, lineWidth: 1});  // black on a dark page has no edge
    panel.context.strokeRect(left + 0.5, top + 0.5, edge * width - 1, edge * height - 1);
  }

  function frame({context, pixels: {left, top, edge}}, [row, column], size, color, pad = 0) {
    for (const [style, line] of [[stage.colors.ground, 4], [color, 2]]) {
      Object.assign(context, {strokeStyle: style, lineWidth: line});
      const inner = edge * size - 2 * pad;
      context.strokeRect(left + edge * column + pad, top + edge * row + pad, inner, inner);
    }
  }

  stage.draw(() => {
    refresh();
    const {colors} = stage, window = picked.window, [x, y] = window;
    const pink = {color: colors.pink, width: 2}, dashed = {color: colors.text, width: 1.6, dash: [5, 4]};
    drawPlane(plane, far, [whole, whole]);
    plane.inside(() => {
      const corners = [[x[0], y[0]], [x[1], y[0]], [x[1], y[1]], [x[0], y[1]], [x[0], y[0]]];
      withHalo(plane, pink, style => plane.line(corners, style));
    });
    drawCode(plane, [whole, whole]);
    drawPlane(posterior, close, window);
    posterior.inside(() => {
      drawGaussian(posterior, picked.clean, dashed);
      drawGaussian(posterior, picked.gaussian, pink);
    });
    drawCode(posterior, window);
    drawPixels(decoded, code.probabilities);
    frame(decoded, code.corner, side, colors.orange);
    drawPixels(image, picked.x);
    for (const pixel of picked.flips) frame(image, [Math.floor(pixel / width), pixel % width], 1, colors.pink);
    frame(image, [stage.value("pixelRow"), stage.value("pixelColumn")], 1, colors.blue, 0.25 * image.pixels.edge);
  });

  // The controls, and the pointer's way to them ----------------------------------------------------------------------

  function moveCode(z) {
    code.z = z.map(value => Math.min(Math.max(value, -reach), reach));
    code.stale = true;
    stage.redraw();
  }

  function pick() {
    picked.stale = true;
    stage.redraw();
  }

  function flip() {
    const [row, column] = [stage.value("pixelRow"), stage.value("pixelColumn")], pixel = row * width + column;
    if (!picked.flips.delete(pixel)) picked.flips.add(pixel);
    const count = picked.flips.size === 1 ? "1 pixel is" : `${picked.flips.size} pixels are`;
    picked.words = `${count} flipped, the last at row ${row}, column ${column}:`;
    pick();
  }

  for (const name of ["z1", "z2"]) {
    const j = name === "z1" ? 0 : 1;
    stage.on(name, value => moveCode(code.z.map((kept, i) => (i === j ? value : kept))));
  }
  const moveRanges = (...z) => {
    moveCode(z);
    code.z.forEach((value, j) => stage.set(`z${j + 1}`, value));
  };
  stage.on("toMean", () => {
    refresh();
    moveRanges(...picked.gaussian.mu);
    refresh();
    const [row, column] = code.corner;
    stage.say(`The code is the image's mean. The nearest square is at row ${row}, column ${column}.`);
  });
  for (const panel of [plane, posterior]) panel.onPointer(moveRanges, {handle: true});
  for (const name of ["squareRow", "squareColumn"]) stage.on(name, pick);
  for (const name of ["pixelRow", "pixelColumn"]) stage.on(name, () => stage.redraw());
  stage.on("flip", flip);
  stage.on("undo", () => {
    picked.flips.clear();
    picked.words = "No pixel is flipped:";
    pick();
  });
  image.canvas.style.cursor = "pointer";
  image.canvas.addEventListener("click", event => {
    const {left, top} = image.canvas.getBoundingClientRect(), {pixels} = image;
    const row = Math.floor((event.clientY - top - pixels.top) / pixels.edge);
    const column = Math.floor((event.clientX - left - pixels.left) / pixels.edge);
    if (row < 0 || row >= height || column < 0 || column >= width) return;
    stage.set("pixelRow", row);
    stage.set("pixelColumn", column);
    flip();
  });
});
