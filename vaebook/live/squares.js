// Chapter 1: the plane of squares. A code to drag and what it decodes to; an image to flip pixels of, and what it costs.
//
// Above: the code. Below: the image. The tiles are asked of the decoder in small parts, the close ones first.
"use strict";
vaeLive.define("squares", stage => {
  const maths = globalThis.vaeMaths, {shape, side, layers, colors: placeColors, reach, tiles: counts, quadrature} = stage.settings;
  const [height, width] = shape, columns = width - side + 1, {plane, decoded, image, posterior} = stage.panels;
  const vae = new maths.BernoulliVAE(stage.weights, layers);
  const whole = [-reach, reach];
  const code = {z: [stage.value("z1"), stage.value("z2")], stale: true};
  const picked = {flips: new Set(stage.settings.flips), stale: true};
  const cleanResults = new Map();  // from a place to what the page knows of its square

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
  const cost = x => {
    const found = vae.negativeElbo(x, quadrature.noise, quadrature.weights);
    return {...found, sigma: found.logvar.map(value => Math.exp(0.5 * value))};
  };

  function refreshCode() {
    const logits = vae.decode(code.z), corner = cornerOf(likeliest(logits));
    const wrong = logits.reduce((sum, logit, pixel) => sum + (logit > 0 !== isIn(corner, pixel)), 0);
    Object.assign(code, {probabilities: logits.map(maths.sigmoid), corner, wrong, stale: false});
    const shown = {z1: code.z[0].toFixed(3), z2: code.z[1].toFixed(3), row: corner[0], column: corner[1], wrong};
    for (const [name, text] of Object.entries(shown)) stage.show(name, minus(text));
  }

  function refreshImage() {
    const corner = [stage.value("squareRow"), stage.value("squareColumn")], place = corner[0] * columns + corner[1];
    const x = squareAt(corner);
    if (!cleanResults.has(place)) cleanResults.set(place, cost(x));
    for (const pixel of picked.flips) x[pixel] = 1 - x[pixel];
    const clean = cleanResults.get(place), result = picked.flips.size ? cost(x) : clean;
    Object.assign(picked, {x, clean, result, stale: false});
    stage.show("flips", picked.flips.size);
    for (const j of [0, 1]) {
      stage.show(`mu${j + 1}`, minus(result.mu[j].toFixed(3)));
      stage.show(`sigma${j + 1}`, result.sigma[j].toFixed(4));
    }
    for (const name of ["loss", "kl", "reconstruction"]) {
      stage.show(name, result[name].toFixed(2));
      stage.show(`${name}Change`, signed(result[name] - clean[name]));
    }
    const window = closeWindow(clean, result);
    if (String(window) !== String(picked.window)) {
      picked.window = window;
      close.restart(...window);
      refine();
    }
  }

  const minus = text => String(text).replace("-", "\u2212");
  const signed = value => (value > 0 ? "+" : "") + minus(value.toFixed(2));

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
  const far = new vaeLive.Tiles(counts.plane, placeColors, placeAt);
  const close = new vaeLive.Tiles(counts.posterior, placeColors, placeAt);
  far.restart(whole, whole);
  stage.tiles = far;

  function refine() {
    if (!stage.running) stage.run(isOver => {
      refresh();
      return close.work(isOver) || far.work(isOver);
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
      drawGaussian(posterior, picked.result, pink);
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
    const before = picked.result.loss;
    if (!picked.flips.delete(pixel)) picked.flips.add(pixel);
    pick();
    refresh();
    stage.say(`The pixel at row ${row}, column ${column} is flipped: ${signed(picked.result.loss - before)} nats.`);
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
    moveRanges(...picked.result.mu);
    refresh();
    stage.say(`The code is the image's mean. The nearest square is at row ${code.corner[0]}, column ${code.corner[1]}.`);
  });
  for (const panel of [plane, posterior]) panel.onPointer(moveRanges, {handle: true});
  for (const name of ["squareRow", "squareColumn"]) stage.on(name, pick);
  for (const name of ["pixelRow", "pixelColumn"]) stage.on(name, () => stage.redraw());
  stage.on("flip", flip);
  stage.on("undo", () => {
    picked.flips.clear();
    pick();
    stage.say("No pixel is flipped.");
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
