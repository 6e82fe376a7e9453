// The sheet of digits: a code to drag, and what it is decoded to.
"use strict";
vaeLive.define("sheet", stage => {
  const maths = globalThis.vaeMaths, {settings} = stage, {reach, period} = settings, {plane, digit} = stage.panels;
  const vae = new maths.BernoulliVAE(stage.weights, settings.layers), sheet = new vaeLive.Sheet(vae, settings);
  const source = new maths.Generator(settings.seed), walkButton = stage.control("walk");
  let z = [stage.value("z1"), stage.value("z2")], walk = null;
  stage.sheet = sheet;  // for tests

  stage.draw(() => {
    vaeLive.drawPlane(plane, sheet, reach);
    plane.ring(...z, {color: stage.colors.orange, radius: 9});
    plane.moveHandle(...z);
    vaeLive.drawDigits(digit, [vae.decode(z).map(maths.sigmoid)]);
    z.forEach((value, j) => stage.show(`z${j + 1}`, vaeLive.minus(value.toFixed(2))));
  });

  const inWords = () => z.map((value, j) => `z${j + 1} ${vaeLive.minus(value.toFixed(2))}`).join(", ");

  function moveTo(code) {
    z = code;
    z.forEach((value, j) => stage.set(`z${j + 1}`, value));
    stage.redraw();
  }

  // The rest of the sheet, and the walk. Where a frame comes late, the walk waits for it.
  function work() {
    if (!stage.running) stage.run(isOver => {
      if (walk) {
        const now = performance.now();
        walk.seconds += Math.min((now - walk.last) / 1000, 0.1);
        walk.last = now;
        moveTo(walk.curve(walk.seconds).map(maths.normalQuantile));
      }
      return sheet.work(isOver) || walk !== null;
    });
  }

  function endWalk() {
    walk = null;
    walkButton.textContent = "Walk";
  }

  stage.on("walk", () => {
    if (walk) {
      endWalk();
      stage.say(`Stopped at ${inWords()}.`);
      return;
    }
    walk = {curve: maths.closedCurve(z.map(maths.normalCdf), period), seconds: 0, last: performance.now()};
    walkButton.textContent = "Stop";
    stage.say("");
    work();
  });
  stage.on("random", () => {
    endWalk();
    let drawn;
    do drawn = [source.normal(), source.normal()]; while (drawn.some(value => Math.abs(value) > reach));
    moveTo(drawn);
    stage.say(`A code drawn from the prior: ${inWords()}.`);
  });
  for (const name of ["z1", "z2"]) {
    stage.on(name, value => {
      endWalk();
      z[Number(name === "z2")] = value;
      stage.redraw();
    });
  }
  plane.onPointer((...code) => {
    endWalk();
    moveTo(code);
  }, {handle: true});
  work();
});
