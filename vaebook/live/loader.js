// On a page of the site: fetches the files of a live figure when it is near the screen, or first used.
"use strict";
(() => {
  const asked = new Map();  // from a file to the promise of it

  function fetched(file) {
    if (!asked.has(file)) {
      asked.set(file, new Promise((done, failed) => {
        const script = document.createElement("script");
        Object.assign(script, {src: file, async: false, onload: done, onerror: () => failed(file)});
        document.head.append(script);
      }));
    }
    return asked.get(file);
  }

  // For stage.js, whose page may lie elsewhere: the weights lie beside this script.
  const folder = document.currentScript.src.replace(/[^/]*$/, "");
  globalThis.vaeLive = globalThis.vaeLive || {figures: {}, weights: {}};
  vaeLive.fetchWeights = key => fetched(`${folder}${key}.js`);

  // Nothing is fetched before the page has been drawn.
  const drawn = new Promise(done => {
    const isDrawn = list => list.getEntriesByName("first-contentful-paint").length && done();
    if (PerformanceObserver.supportedEntryTypes.includes("paint")) {
      new PerformanceObserver(isDrawn).observe({type: "paint", buffered: true});
    } else {
      done();
    }
  });

  for (const root of document.querySelectorAll(".vae-live[data-files]")) {
    const fetchAll = () => {
      near.disconnect();
      const all = () => Promise.all(root.dataset.files.split(" ").map(fetched));
      drawn.then(all).then(() => vaeLive.startAll()).catch(file => {
        root.querySelector(".status").textContent =
          `This figure cannot start (${file} could not be loaded). The picture stays as it is.`;
      });
    };
    const isNear = entries => entries.some(entry => entry.isIntersecting) && fetchAll();
    const near = new IntersectionObserver(isNear, {rootMargin: "600px"});
    near.observe(root);
    root.addEventListener("focusin", fetchAll, {once: true});
  }
})();
