"use strict";
vaeLive.define("training", stage => {
  const maths = globalThis.vaeMaths;
  let run;
  const again = () => {
    run = new maths.Training({rho: stage.value("rho"), seed: stage.value("seed"), rate: stage.value("rate"), samples: stage.value("samples")});
    stage.redraw();
  };
  again();
  stage.draw(() => {
    stage.panels.plane.axes({x: [-3, 5], y: [-3.5, 4.5], xlabel: "x1", ylabel: "x2"});
    stage.panels.plane.inside(() => run.x && stage.panels.plane.dots(run.x));
    stage.panels.gap.axes({x: [1, 2000], y: [1e-4, 10], logX: true, logY: true, xlabel: "step", ylabel: "nats"});
    stage.show("step", run.step);
  });
  stage.on("run", () => {
    if (stage.running) return stage.stop();
    stage.run(isOver => { while (!isOver() && !run.ended) run.part(); return !run.ended; });
  });
});
