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
  let run, key, history, rows, state;

  function evaluate() {
    if (history.length && history[history.length - 1].step === run.step) return;
    history.push({step: run.step, ...maths.exactParts(run.model, run.rho, quadrature)});
  }

  // After 0 and the first 25 steps each is 4 percent further than the one before: some 140 points, however long it runs.
  const isDue = () => run.step >= Math.max(history[history.length - 1].step + 1, history[history.length - 1].step * 1.04);

  function become(next, words = "") {
    state = next;
    const trains = state === "training", over = state === "trained" || state === "diverged";
    stage.control("run").textContent = trains ? "Pause" : "Train";
    stage.control("run").disabled = stage.control("step").disabled = over;
    stage.control("run").classList.toggle("first", !over);
    stage.control("again").classList.toggle("first", over);
    if (!trains) stage.stop();
    stage.say(words);
    stage.redraw();
  }

  // What ends a training, if anything does.
  function ending() {
    if (run.diverged) {
      const rate = stage.control("rate").getAttribute("aria-valuetext");
      become("diverged", `The loss left all bounds at step ${run.step}: a learning rate of ${rate} is too high. ` +
        "Lower it, then start again.");
    } else if (run.ended) {
      become("trained", `Trained: ${nats(history[history.length - 1].gap)} nats above the truth.`);
    }
    return state !== "training";
  }

  function train() {
    let due = false;  // an evaluation that found no room in its frame waits for the next
    become("training");
    stage.run(isOver => {
      while (!isOver()) {
        if (!due) {
          if (!run.part()) continue;
          rows = run.x;
          if (run.diverged) return !ending();
          due = isDue() || run.ended;
        }
        if (!due) continue;
        if (isOver(EVALUATION)) return true;
        evaluate();
        due = false;
        if (run.ended) return !ending();
      }
      return true;
    });
  }

  function pause() {
    evaluate();
    become("paused", `Paused at step ${run.step}, ${nats(history[history.length - 1].gap)} nats above the truth.`);
  }

  // One step, in as many frames as it takes.
  function step() {
    if (state === "training") return pause();
    become("training");
    stage.run(isOver => {
      while (!isOver()) {
        if (!run.part()) continue;
        rows = run.x;
        if (!run.diverged) evaluate();
        if (!ending()) become("paused");
        return false;
      }
      return true;
    });
  }

  function startAgain() {
    const [rho, seed, rate, samples] = ["rho", "seed", "rate", "samples"].map(name => stage.value(name));
    run = new maths.Training({rho, seed, rate, samples});
    key = new maths.LinearKey(rho);
    rows = maths.drawRows(new maths.Generator(seed + 1000), rho, run.rows);  // to look at, before the first step has some
    history = [];
    evaluate();
  }

  // Pictures ---------------------------------------------------------------------------------------------------------

  function drawDecoder(decoder, style) {
    plane.line(Array.from(LINE, z => decoder.decode(z).slice(0, 2)), style);
    for (const z of CODES) {
      const [mu1, mu2, logvar1, logvar2] = decoder.decode(z);
      plane.ellipse([mu1, mu2], [Math.exp(logvar1), 0, Math.exp(logvar2)], {...style, width: 0.6 * (style.width || 1.8)});
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
    const last = history[history.length - 1];
    drawPlane();
    drawCurves();
    stage.show("step", run.step);
    stage.show("state", state);
    for (const name of ["gap", "decoder", "encoder", "kl"]) stage.show(name, nats(last[name]));
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
