// Chapter 2: a board to draw a digit on. What the model sees, its code and its reconstruction follow in the same frame,
// the -ELBO, whose ten draws take longer, over the next ones.
"use strict";
vaeLive.define("board", stage => {
  const maths = globalThis.vaeMaths, {SIDE, INK, stroke, seen, inkOf, anomalies, fromBits, rank} = maths.board;
  const {settings} = stage, {board, seen: picture, decoded, code} = stage.panels;
  const vae = new maths.BernoulliVAE(stage.weights, settings.layers);
  const normal = new maths.Generator(settings.seed), uniform = new maths.Generator(settings.seed);
  const noise = Array.from({length: settings.draws}, () => [...normal.normals(vae.latentDims)]);
  const digits = settings.digits.map(bits => fromBits(bits, SIDE * SIDE));
  const state = {ink: inkOf(digits[0]), stale: true, costs: null, words: ""};
  const pen = {pointer: null, isDown: false, at: [SIDE / 2, SIDE / 2]};  // isDown: by the keyboard
  stage.board = {state, pen, noise};  // for tests

  // What is shown ----------------------------------------------------------------------------------------------------

  function refresh() {
    state.stale = false;
    state.x = seen(state.ink, stage.value("centred"));
    const {mu, logvar} = vae.encode(state.x), price = mu.map((value, j) => maths.kl(value, logvar[j]));
    const probabilities = vae.decode(mu).map(maths.sigmoid);
    Object.assign(state, {mu, sigma: logvar.map(value => Math.exp(0.5 * value)), price, probabilities});
    // While a line is drawn the bars keep their places, so that one can follow them.
    if (!state.order || !isDrawing()) state.order = [...mu.keys()].sort((a, b) => price[b] - price[a] || a - b);
    if (!state.costs) state.costs = costs(state.x);
    work();
  }

  // -ELBO and its parts of one picture, a draw at a time.
  function* costs(x) {
    let reconstruction = 0, found;
    for (const epsilon of noise) {
      found = vae.negativeElbo(x, [epsilon], [1 / noise.length]);
      reconstruction += found.reconstruction;
      yield;
    }
    return {x, mu: found.mu, logvar: found.logvar, reconstruction, kl: found.kl, loss: reconstruction + found.kl};
  }

  // A picture's -ELBO is computed to its end, even if there is another one by then: so numbers follow while one draws.
  function work() {
    if (!stage.running) stage.run(isOver => {
      if (state.stale) refresh();
      while (state.costs && !isOver(1)) {
        const {done, value} = state.costs.next();
        if (!done) continue;
        showCosts(value);
        state.costs = value.x === state.x ? null : costs(state.x);
      }
      return state.costs !== null;
    });
  }

  function showCosts({x, mu, logvar, reconstruction, kl, loss}) {
    const verdict = loss > settings.threshold ? "alarm" : "no alarm";
    const share = `${(rank(settings.percentiles, loss) / 10).toFixed(1)}%`;
    const prices = mu.map((value, j) => ({j, price: maths.kl(value, logvar[j])})).sort((a, b) => b.price - a.price);
    const dearest = prices.slice(0, 3).map(({j, price}) => `z${j + 1} ${price.toFixed(2)}`).join(", ");
    const shown = {reconstruction: reconstruction.toFixed(2), kl: kl.toFixed(2), loss: loss.toFixed(2)};
    for (const [name, text] of Object.entries({...shown, percentile: share, verdict, dearest})) stage.show(name, text);
    if (x !== state.x || !state.words) return;
    stage.say(`${state.words} \u2212ELBO ${shown.loss} nats, ${verdict}.`);
    state.words = "";
  }

  // The pictures -----------------------------------------------------------------------------------------------------

  const fine = Object.assign(document.createElement("canvas"), {width: INK, height: INK});
  const bits = new ImageData(INK, INK), grey = new Uint32Array(bits.data.buffer);

  function drawBoard() {
    board.clear();
    for (let at = 0; at < grey.length; at++) grey[at] = state.ink[at] ? 0xffffffff : 0xff000000;
    fine.getContext("2d").putImageData(bits, 0, 0);
    board.context.imageSmoothingEnabled = false;
    board.context.drawImage(fine, 0, 0, board.width, board.height);
    edge(board);
    if (document.activeElement === board.canvas) drawCursor();
  }

  function drawCursor() {
    const {context, width} = board, pixel = width / SIDE, [x, y] = pen.at.map(value => value * pixel);
    for (const [style, line] of [[stage.colors.ground, 5], [stage.colors.orange, 2.5]]) {
      Object.assign(context, {strokeStyle: style, lineWidth: line, fillStyle: stage.colors.orange});
      context.beginPath();
      context.arc(x, y, Math.max(6, stage.value("width") * pixel / 2), 0, 2 * Math.PI);
      context.stroke();
    }
    if (pen.isDown) context.fill();
  }

  function edge({context, width, height}) {  // black on a dark page has none
    Object.assign(context, {strokeStyle: stage.colors.faint, lineWidth: 1});
    context.strokeRect(0.5, 0.5, width - 1, height - 1);
  }

  function drawPixels(panel, values) {
    panel.clear();
    panel.picture(values, SIDE, SIDE);
    edge(panel);
  }

  const sheet = () => document.querySelector(".vae-live[data-figure=posteriors]");

  stage.draw(() => {
    stage.control("sheet").hidden = !sheet();
    if (state.stale) refresh();
    drawBoard();
    drawPixels(picture, state.x);
    drawPixels(decoded, state.probabilities);
    vaeLive.drawBars(code, state, settings.reach);
  });

  // Drawing ----------------------------------------------------------------------------------------------------------

  const isDrawing = () => pen.pointer !== null || pen.isDown;

  function change(words = "") {
    Object.assign(state, {stale: true, words});
    if (!stage.running) stage.redraw();
  }

  function drawTo(place, from = pen.at) {
    stroke(state.ink, from, place, stage.value("width"), 1 - stage.value("eraser"));
    pen.at = place;
    stage.set("digit", -1);
    change();
  }

  const {canvas} = board, placeOf = event => {
    const {left, top, width, height} = canvas.getBoundingClientRect();
    return [(event.clientX - left) / width * SIDE, (event.clientY - top) / height * SIDE];
  };
  canvas.addEventListener("pointerdown", event => {
    if (pen.pointer !== null || event.button !== 0) return;
    pen.pointer = event.pointerId;
    canvas.setPointerCapture(event.pointerId);
    event.preventDefault();
    stage.say("");  // or the words of the last act would stand below other numbers
    drawTo(placeOf(event), placeOf(event));
  });
  canvas.addEventListener("pointermove", event => {
    if (event.pointerId !== pen.pointer) return;
    const all = event.getCoalescedEvents();
    for (const each of all.length ? all : [event]) drawTo(placeOf(each));
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, event => {
      if (event.pointerId !== pen.pointer) return;
      pen.pointer = null;
      change();
    });
  }
  // Or a browser would take the end of a fast line for a fling, and the next tap on a button for the end of the fling.
  canvas.addEventListener("touchmove", event => event.preventDefault(), {passive: false});

  // By the keyboard the pen goes down and up by space, which asks for one key at a time.
  const STEPS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};

  function lift(words = "") {
    if (!pen.isDown) return;
    pen.isDown = false;
    change(words);
  }

  canvas.addEventListener("keydown", event => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === " ") {
      event.preventDefault();
      if (event.repeat) return;
      if (pen.isDown) return lift("The pen is up.");
      pen.isDown = true;
      drawTo(pen.at);
      stage.say(`The pen is down at row ${Math.floor(pen.at[1])}, column ${Math.floor(pen.at[0])}.`);
    } else if (event.key === "Escape") {
      lift("The pen is up.");
    } else if (STEPS[event.key]) {
      event.preventDefault();
      const moved = pen.at.map((value, i) => Math.floor(value) + STEPS[event.key][i]);
      const place = moved.map(pixel => Math.min(Math.max(pixel, 0), SIDE - 1) + 0.5);
      if (pen.isDown) drawTo(place);
      else pen.at = place;
      if (!stage.running) stage.redraw();
    }
  });
  canvas.addEventListener("focus", () => stage.redraw());
  canvas.addEventListener("blur", () => {
    lift();
    stage.redraw();
  });
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-roledescription", "drawing board");
  const howTo = "A board to draw on. Arrow keys move the cursor, space puts the pen down and lifts it.";
  canvas.setAttribute("aria-label", howTo);
  Object.assign(canvas.style, {touchAction: "none", cursor: "crosshair", userSelect: "none", webkitUserSelect: "none"});

  // The controls -----------------------------------------------------------------------------------------------------

  function put(x, isCentred, words) {
    state.ink = inkOf(x);
    stage.set("centred", isCentred);
    change(words);
  }

  const words = {
    shift: "Shifted by 4 pixels, down and to the right:", invert: "Inverted:", eraseHalf: "Without its lower half:",
    noise: "Uniform noise:", blank: "A blank board:",
  };
  for (const [name, act] of Object.entries(anomalies)) {
    stage.on(name, () => {
      if (state.stale) refresh();  // what the model sees now
      stage.set("digit", -1);
      if (name === "blank") stage.set("eraser", false);
      put(act(state.x, uniform), name === "blank", words[name]);
    });
  }
  stage.on("digit", number => digits[number] && put(digits[number], false, `Test digit ${number + 1}:`));
  stage.on("centred", isOn => change(isOn ? "Centred:" : "As it lies on the board:"));
  stage.on("eraser", () => {});
  stage.on("width", () => stage.redraw());
  stage.on("sheet", () => {
    if (state.stale) refresh();
    vaeLive.drawn = Float32Array.from(state.x);
    document.dispatchEvent(new Event("vae-drawn"));
    state.words = "";  // what an earlier act has to say comes too late
    stage.say("It waits at the sheet above: press \u201cThe digit from the board\u201d there.");
    sheet().tabIndex = -1;
    sheet().scrollIntoView();
    sheet().focus({preventScroll: true});  // the next Tab goes on from there
  });
});
