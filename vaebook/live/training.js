// Chapter 4, "Train it here": a Gaussian VAE trains in the page, beside its answer key and the lines it cannot cross.
"use strict";
vaeLive.define("training", stage => {
  const maths = globalThis.vaeMaths, {quadrature, window} = stage.settings;
  const {plane, gap, kl} = stage.panels;
  const CODES = [-2, -1, 0, 1, 2], LINE = Float64Array.from({length: 41}, (_, i) => -2.5 + i / 8);
  const LOWEST = 1e-4, GENERATED = 200, EVALUATION = 2.5;  // nats; points; milliseconds
  const nats = value => value.toFixed(4).replace("-", "\u2212");
  const fixed = new maths.Generator(0).normals(3 * GENERATED);  // codes and noise of the generated points
  const generated = new Float64Array(2 * GENERATED);
  let run, key, history, rows, state, asked;  // asked: steps still to take

  function evaluate() {
    if (history.length && latest().step === run.step) return;
    history.push({step: run.step, ...maths.exactParts(run.model, run.rho, quadrature)});
  }

  // After the first 25 steps each is 4 percent further than the one before: some 140 points, however long it runs.
  const latest = () => history[history.length - 1];
  const isDue = () => run.step >= Math.max(latest().step + 1, latest().step * 1.04);

  function become(next, words = "") {
    state = next;
    const trains = state === "training", over = state === "trained" || state === "diverged";
    stage.control("run").textContent = trains ? "Pause" : "Train";
    stage.control("run").disabled = stage.control("step").disabled = over;
    stage.control("run").classList.toggle("first", !over);
    stage.control("again").classList.toggle("first", over);
    if (!trains) stage.stop();
    stage.say(words);
    label();
    stage.redraw();
  }

  // What the pictures show now, in words: the stills' words are of another training.
  function label() {
    const last = latest(), known = last.step === run.step && state !== "training";
    const unknown = state === "diverged" ? "of a training that diverged" : "while it trains";
    const when = known ? `at step ${run.step}` : unknown;
    const [above, decoder, encoder, price] = ["gap", "decoder", "encoder", "kl"].map(name => nats(last[name]));
    const words = {
      plane: `The plane of the data, ${when}: rows, their density, generated points, the network's means as a line ` +
        "with ellipses of one standard deviation, and the answer key's, dashed.",
      gap: `Nats above the truth over the steps, on two logarithmic axes, ${when}` +
        (known ? `: ${above}, of which ${decoder} are the decoder's part and ${encoder} the encoder's.` : "."),
      kl: `The KL over the steps, ${when}${known ? `: ${price} nats` : ""}. Its floor, the common information, is ` +
        `${nats(maths.commonInformation(run.rho))} nats.`,
    };
    for (const name of Object.keys(words)) stage.panels[name].canvas.setAttribute("aria-label", words[name]);
  }

  // Says what ended a training.
  function ending() {
    if (run.diverged) {
      const rate = stage.control("rate").getAttribute("aria-valuetext");
      become("diverged", `The loss left all bounds at step ${run.step}: a learning rate of ${rate} is too high. ` +
        "Lower it, then start again.");
    } else {
      become("trained", `Trained: ${nats(latest().gap)} nats above the truth.`);
    }
  }

  // Takes the steps that are asked for, each in as many frames as it needs.
  function advance() {
    let due = false;  // an evaluation that found no room in its frame waits for the next
    stage.run(isOver => {
      while (!isOver()) {
        if (!due) {
          if (!run.part()) continue;
          rows = run.x;
          asked -= 1;
          if (run.diverged) {
            ending();
            return false;
          }
          due = isDue() || run.ended || asked < 1;
        }
        if (!due) continue;
        if (isOver(EVALUATION)) return true;
        evaluate();
        due = false;
        if (asked > 0 && !run.ended) continue;
        if (run.ended) ending();
        else become("paused");
        return false;
      }
      return true;
    });
  }

  function train() {
    asked = Infinity;
    become("training");
    advance();
  }

  function pause() {
    asked = 0;
    evaluate();
    if (run.ended) ending();  // its last evaluation was still to come
    else become("paused", `Paused at step ${run.step}, ${nats(latest().gap)} nats above the truth.`);
  }

  // One step more. With many codes it spans frames, so it may be asked for again before it is done.
  function step() {
    if (state === "training") return pause();
    asked += 1;
    stage.say("");
    if (!stage.running) advance();
  }

  function startAgain() {
    const [rho, seed, rate, samples] = ["rho", "seed", "rate", "samples"].map(name => stage.value(name));
    run = new maths.Training({rho, seed, rate, samples});
    key = new maths.LinearKey(rho);
    rows = maths.drawRows(new maths.Generator(seed + 1000), rho, run.rows);  // to look at, before the first step
    history = [];
    asked = 0;
    evaluate();
  }

  // Pictures ---------------------------------------------------------------------------------------------------------

  function drawDecoder(decoder, style) {
    plane.line(Array.from(LINE, z => decoder.decode(z).slice(0, 2)), style);
    for (const z of CODES) {
      const [mu1, mu2, logvar1, logvar2] = decoder.decode(z);
      const variances = [Math.exp(logvar1), 0, Math.exp(logvar2)];
      plane.ellipse([mu1, mu2], variances, {...style, width: 0.6 * (style.width || 1.8)});
    }
  }

  function drawPlane() {
    const {colors} = stage;
    for (let i = 0; i < GENERATED; i++) {
      const [mu1, mu2, logvar1, logvar2] = run.model.decode(fixed[3 * i]);
      generated[2 * i] = mu1 + Math.exp(0.5 * logvar1) * fixed[3 * i + 1];
      generated[2 * i + 1] = mu2 + Math.exp(0.5 * logvar2) * fixed[3 * i + 2];
    }
    plane.axes({...window, xlabel: "x\u2081", ylabel: "x\u2082"});
    plane.inside(() => {
      plane.dots(rows, {color: colors.faint});
      plane.dots(generated, {color: colors.blue, size: 2.5});
      for (const radius of [1, 2]) plane.ellipse(maths.MEAN, [1, run.rho, 1], {radius, color: colors.text, width: 1});
      drawDecoder(run.model, {color: colors.blue, width: 2.2});
      drawDecoder(key, {color: colors.orange, dash: [5, 4]});
    });
  }

  // An area between two heights over the steps, from the first step on.
  function area(points, low, high, color) {
    const upper = points.map(point => [point.step, Math.max(high(point), LOWEST)]);
    const lower = points.map(point => [point.step, Math.max(low(point), LOWEST)]).reverse();
    gap.line([...upper, ...lower], {fill: color, alpha: 0.75});
  }

  function drawCurves() {
    const {colors} = stage, shown = history.filter(point => point.step > 0 && Number.isFinite(point.gap));
    const steps = {x: [1, run.steps], logX: true, xlabel: "step"};
    gap.axes({...steps, y: [LOWEST, 10], logY: true, ylabel: "nats above the truth"});
    gap.inside(() => {
      area(shown, () => 0, point => point.decoder, colors.blue);
      area(shown, point => point.decoder, point => point.gap, colors.pink);
      gap.line(shown.map(point => [point.step, Math.max(point.gap, LOWEST)]), {color: colors.text, width: 1.4});
    });
    const floor = maths.commonInformation(run.rho), highest = Math.max(1, 1.3 * floor);
    kl.axes({...steps, y: [0, highest], ylabel: "KL, nats"});
    kl.inside(() => {
      kl.line([[1, floor], [run.steps, floor]], {color: colors.orange, dash: [5, 4]});
      kl.line(shown.map(point => [point.step, point.kl]), {color: colors.green, width: 2.2});
    });
  }

  stage.draw(() => {
    const last = latest();
    drawPlane();
    drawCurves();
    stage.show("step", run.step);
    stage.show("state", state);
    // Once it has diverged, the last numbers are of a step before.
    for (const name of ["gap", "decoder", "encoder", "kl"]) {
      stage.show(name, state === "diverged" ? "\u2013" : nats(last[name]));
    }
    stage.show("floor", nats(maths.commonInformation(run.rho)));
  });

  // Controls ---------------------------------------------------------------------------------------------------------

  for (const name of ["rho", "seed"]) {
    stage.on(name, () => {
      const goesOn = state === "training";
      startAgain();
      if (goesOn) train();
      else become("paused");
    });
  }
  stage.on("rate", rate => { run.rate = rate; });
  stage.on("samples", samples => { run.samples = samples; });
  stage.on("run", () => (state === "training" ? pause() : train()));
  stage.on("step", step);
  stage.on("again", () => {
    startAgain();
    become("paused", "At step 0 again.");
    stage.control("run").focus();
  });
  stage.points = () => history.map(point => point.step);  // where it was evaluated
  startAgain();
  become("paused");
});
