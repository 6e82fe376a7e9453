// Chapter 3: brush pixels of an image over, and see what a vanilla and a denoising VAE make of it, and for squares the
// exact posterior. The costs take longer than a frame and are computed in parts.
"use strict";
vaeLive.define("brush", stage => {
  const maths = globalThis.vaeMaths, {settings, panels} = stage;
  const NAMES = ["vanilla", "denoising"];
  const LEAST_P = settings.leastP;  // with p = 0 a flip by hand would be impossible, whatever else is known

  // An image to brush, its flips and the models that restore it: one of squares, and one of digits once they are there.
  function makeKind({shape, side, layers, noise, weights, seed}, texts, clean) {
    const pixels = shape[0] * shape[1], generator = new maths.Generator(seed);
    const draw = () => Float64Array.from({length: pixels}, () => generator.uniform());
    const vaes = texts.map((text, i) => new maths.BernoulliVAE(text, layers[NAMES[i]]));
    return {shape, side, noise, weights, draw, vaes, clean, uniforms: draw(), hand: new Map()};
  }

  function squareHere() {
    const [height, width] = settings.square.shape, {side} = settings.square;
    const top = stage.value("squareRow"), left = stage.value("squareColumn");
    return Float32Array.from({length: height * width}, (_, pixel) => {
      const row = Math.floor(pixel / width) - top, column = pixel % width - left;
      return Number(row >= 0 && row < side && column >= 0 && column < side);
    });
  }

  function digitHere() {
    const bits = maths.bytes(settings.digit.images[stage.value("image") - 1]), [height, width] = settings.digit.shape;
    return Float32Array.from({length: height * width}, (_, pixel) => bits[pixel >> 3] >> (7 - pixel % 8) & 1);
  }

  const square = makeKind(settings.square, stage.weights, squareHere);
  let kind = square, digit = null;  // digit: once they are loaded
  let seen = null, costs = null;  // seen: what is shown, null where it has to be computed

  // The mathematics of what is shown ---------------------------------------------------------------------------------

  const gaussianOf = (vae, x) => {
    const {mu, logvar} = vae.encode(x);
    return {mu, sigma: logvar.map(value => Math.exp(0.5 * value))};
  };
  const countWrong = (white, x) => white.reduce((sum, value, pixel) => sum + (value !== x[pixel]), 0);
  const thresholded = (values, at) => Float32Array.from(values, value => Number(value > at));
  const capital = name => name[0].toUpperCase() + name.slice(1);

  function refresh() {
    if (seen) return;
    const {shape, side, vaes} = kind, p = stage.value("p"), x = kind.clean();
    const flips = maths.flipsOf(kind.uniforms, p, kind.hand), given = maths.corrupted(x, flips);
    const models = vaes.map(vae => ({clean: gaussianOf(vae, x), given: gaussianOf(vae, given)}));
    const restored = {}, possible = Math.max(p, LEAST_P);
    models.forEach((model, i) => {
      const decoded = vaes[i].decode(model.given.mu);
      const logits = stage.value("seen") ? maths.logitsSeen(decoded, given, possible) : decoded;
      restored[NAMES[i]] = {probabilities: logits.map(maths.sigmoid), white: thresholded(logits, 0)};
    });
    if (side) {
      const {pixels} = maths.squarePosterior(given, shape, side, possible);
      restored.exact = {probabilities: pixels, white: thresholded(pixels, 0.5)};
    }
    const count = flips.filter(Boolean).length;
    seen = {x, flips, given, models, restored, count, windows: side ? maths.sharedWindows(models) : null};
    stage.show("flips", count);
    stage.show("wrongExact", "not known");
    for (const [name, each] of Object.entries(restored)) {
      each.wrong = countWrong(each.white, x);
      stage.show(`wrong${capital(name)}`, each.wrong);
      title(name, `${settings.titles[name]}: ${each.wrong}\u00a0wrong`);
    }
    NAMES.forEach((name, i) => {
      const moved = maths.distance(models[i].clean.mu, models[i].given.mu);
      stage.show(`distance${capital(name)}`, moved.toFixed(3));
    });
    costs = allCosts(given, x);
    work();
  }

  function* allCosts(given, x) {
    for (const [i, name] of NAMES.entries()) {
      const found = yield* maths.costsGiven(kind.vaes[i], given, x, kind);
      for (const [part, value] of Object.entries(found)) stage.show(`${part}${capital(name)}`, value.toFixed(2));
    }
  }

  function work() {
    if (!stage.running) stage.run(isOver => {
      refresh();
      while (costs && !isOver(1)) if (costs.next().done) costs = null;
      return costs !== null;
    });
  }

  // The pictures -----------------------------------------------------------------------------------------------------

  function title(name, text) {
    panels[name].element.querySelector(".title").textContent = text;
  }

  function drawPlane(panel, {clean, given}, [x, y]) {
    const {colors} = stage, variances = ({sigma}) => [sigma[0] ** 2, 0, sigma[1] ** 2];
    panel.axes({x, y, xlabel: "z1", ylabel: "z2"});
    panel.inside(() => {
      panel.line([clean.mu, given.mu], {color: colors.faint, width: 1.5});
      for (const radius of [1, 2]) {
        panel.ellipse(clean.mu, variances(clean), {radius, color: colors.text, width: 1.6});
        panel.ellipse(given.mu, variances(given), {radius, color: colors.pink, width: 2});
      }
    });
  }

  stage.draw(() => {
    refresh();
    const {colors} = stage, grey = stage.value("grey");
    board.draw(seen.given, colors.pink);
    for (const [name, {probabilities, white}] of Object.entries(seen.restored)) {
      const isWrong = pixel => white[pixel] !== seen.x[pixel];
      vaeLive.drawPixels(panels[name], grey ? probabilities : white, kind.shape, isWrong, colors.orange);
    }
    if (seen.windows) NAMES.forEach((name, i) => drawPlane(panels[`${name}Plane`], seen.models[i], seen.windows[i]));
  });

  // The controls -----------------------------------------------------------------------------------------------------

  function change() {
    seen = null;
    stage.redraw();
  }

  function report(words = "") {
    refresh();
    const {count, restored: {vanilla, denoising, exact}} = seen;
    const ofExact = exact ? `, exact posterior ${exact.wrong}` : "";
    const wrong = `vanilla ${vanilla.wrong}, denoising ${denoising.wrong}${ofExact}`;
    const flipped = count === 1 ? "1 pixel is flipped" : `${count} pixels are flipped`;
    stage.say(`${words}${flipped}. Wrong when restored: ${wrong}.`);
  }

  for (const name of ["p", "squareRow", "squareColumn"]) stage.on(name, change);
  stage.on("grey", () => stage.redraw());
  stage.on("seen", () => {
    change();
    report();
  });
  stage.on("draw", () => {
    if (stage.value("p") === 0) stage.set("p", settings.p || 0.1);  // or nothing would happen
    kind.uniforms = kind.draw();
    kind.hand.clear();
    change();
    report();
  });
  stage.on("clean", () => {
    stage.set("p", 0);
    kind.hand.clear();
    change();
    report();
  });

  // Digits come when they are asked for ------------------------------------------------------------------------------

  const words = document.createElement("p");

  function pickImage() {
    const isSquare = stage.value("image") === 0;
    for (const name of ["exact", "vanillaPlane", "denoisingPlane"]) panels[name].element.hidden = !isSquare;
    for (const name of ["squareRow", "squareColumn"]) {
      stage.control(name).closest("label").style.display = isSquare ? "" : "none";
    }
    words.hidden = isSquare;
    stage.root.dataset.image = isSquare ? "square" : "digit";
    const picked = isSquare ? square : digit;
    if (picked !== kind) board.reshape(picked.shape);
    kind = picked;
    change();
  }

  function startDigits(texts) {
    const {codes, noiseSeed, layers} = settings.digit, generator = new maths.Generator(noiseSeed);
    const noise = Array.from({length: codes}, () => [...generator.normals(layers.vanilla.decoder[0][0])]);
    digit = makeKind({...settings.digit, noise, weights: noise.map(() => 1 / codes)}, texts, digitHere);
  }

  if (settings.digit) {
    const load = stage.control("load"), chosen = stage.control("image");
    let asked = false;
    Object.assign(words, {className: "note", textContent: settings.digit.words, hidden: true});
    words.style.flex = "1 1 100%";
    panels.board.element.parentElement.append(words);
    chosen.disabled = true;
    stage.on("image", () => {
      pickImage();
      report();
    });
    stage.on("load", () => {
      if (asked) return;
      asked = true;
      stage.say("The digits are being loaded.");
      stage.load("digits").then(texts => {
        startDigits(texts);
        chosen.disabled = false;
        if (document.activeElement === load) chosen.focus();
        load.hidden = true;
        stage.set("image", 1);
        pickImage();
        report("The digits are here. ");
      }).catch(reason => {
        asked = false;
        stage.say(`The digits could not be loaded (${reason.message || reason}). Press the button to try again.`);
      });
    });
  }

  const board = new vaeLive.Board(panels.board, kind.shape, {
    isMarked: pixel => {
      refresh();
      return seen.flips[pixel];
    },
    put: (pixels, flipped) => {
      for (const pixel of pixels) kind.hand.set(pixel, flipped);
      change();
    },
    done: place => {
      refresh();
      const color = place && (seen.given[board.pixel(place)] ? "white" : "black");
      report(place ? `Row ${place[0]}, column ${place[1]} is ${color}. ` : "");
    },
  });
});
