// What every live figure stands on: its controls, numbers, words, colours, frames, and how it starts.
//
// A figure is a file that calls vaeLive.define(name, stage => {...}). Its markup is written by vaebook/live/figure.py.
// Native controls come first; what a pointer does on a canvas is a shortcut to them.
"use strict";
globalThis.vaeLive = globalThis.vaeLive || {figures: {}, weights: {}};
(() => {
  const FRAME = 5.5;  // milliseconds of work, so that with its drawing a frame stays below 8
  const PALETTES = {  // Okabe & Ito (2008), lighter where the ground is dark
    light: {blue: "#0072b2", orange: "#d55e00", green: "#007a5a", pink: "#a8457c", faint: "#8a8a8a", ground: "#ffffff"},
    dark: {blue: "#56b4e9", orange: "#ff9e4a", green: "#3fcf9f", pink: "#e79ac2", faint: "#9a9a9a", ground: "#121212"},
  };
  const isLight = color => {
    const [red, green, blue] = color.match(/[\d.]+/g).map(Number);
    return 0.3 * red + 0.6 * green + 0.1 * blue > 128;
  };

  class Stage {
    constructor(root) {
      this.root = root;
      this.settings = JSON.parse(root.querySelector("script.settings").textContent);
      this.weights = this.settings.weights.map(key => vaeLive.weights[key]);
      this.panels = {};
      this.inView = true;
      this.longest = 0;  // milliseconds of work in one frame, at most
      this.paint = () => {};
      for (const element of root.querySelectorAll(".panel")) {
        this.panels[element.dataset.panel] = new vaeLive.Panel(element, this);
      }
      for (const control of root.querySelectorAll("[data-control]")) this.describe(control);
    }

    control(name) {
      const found = this.root.querySelector(`[data-control="${name}"]`);
      if (!found) throw new Error(`no control is called ${name}`);
      return found;
    }

    // The number that a range or a choice stands at, 0 or 1 of a switch. A range with data-log stands at the exponent of ten.
    value(name) {
      const control = this.control(name);
      if (control.type === "checkbox") return Number(control.checked);
      return "log" in control.dataset ? 10 ** Number(control.value) : Number(control.value);
    }

    set(name, value) {
      const control = this.control(name);
      if (control.type === "checkbox") control.checked = Boolean(value);
      else control.value = "log" in control.dataset ? Math.log10(value) : value;
      this.describe(control);
    }

    // Beside a range stands what it is set to, and a screen reader hears the same.
    describe(control, text = null) {
      if (control.type !== "range") return;
      const value = this.value(control.dataset.control), decimals = (control.step.split(".")[1] || "").length;
      const words = text || ("log" in control.dataset ? String(Number(value.toPrecision(2))) : value.toFixed(decimals));
      control.setAttribute("aria-valuetext", words);
      control.parentElement.querySelector("output").textContent = words.replace(/^-/, "\u2212");
    }

    // Calls act(value) whenever the reader moves a range, makes a choice or presses a button.
    on(name, act) {
      const control = this.control(name), isButton = control.tagName === "BUTTON";
      control.addEventListener(isButton ? "click" : "input", () => {
        this.describe(control);
        act(isButton ? null : this.value(name));
      });
    }

    // A number (or a word) that the figure shows beside its pictures.
    show(name, text) {
      const place = this.root.querySelector(`[data-number="${name}"]`);
      if (place.textContent !== String(text)) place.textContent = text;
    }

    // Words for the eye and for a screen reader. Not in every frame: they are read out.
    say(words) {
      this.root.querySelector(".status").textContent = words;
    }

    // The weights that the figure has under this name for whoever asks: a promise of the texts. A page of the site
    // fetches them (loader.js), a notebook has them.
    load(name) {
      const keys = this.settings.later[name];
      const found = keys.map(key => vaeLive.weights[key] ? null : vaeLive.fetchWeights(key));
      return Promise.all(found).then(() => keys.map(key => vaeLive.weights[key]));
    }

    draw(paint) {
      this.paint = paint;
      this.redraw();
    }

    redraw() {
      if (this.waiting) return;
      this.waiting = requestAnimationFrame(() => {
        this.waiting = null;
        this.timed(() => this.paint());
      });
    }

    timed(act) {
      const start = performance.now(), result = act();
      this.longest = Math.max(this.longest, performance.now() - start);
      return result;
    }

    // Calls work(isOver) in every frame until it returns false or stop() is called. It goes on until isOver(), and begins
    // nothing of k milliseconds once isOver(k). What cannot be seen does not run.
    run(work) {
      this.stop();
      const frame = () => {
        this.running = requestAnimationFrame(frame);
        if (!this.inView) return;
        this.timed(() => {
          const end = performance.now() + FRAME;
          const goesOn = work((needed = 0) => performance.now() + needed >= end);
          this.paint();
          if (goesOn === false) this.stop();
        });
      };
      this.running = requestAnimationFrame(frame);
    }

    stop() {
      cancelAnimationFrame(this.running);
      this.running = null;
    }

    // The colours of the page around the figure, which may change.
    dress() {
      const text = getComputedStyle(this.root).color;
      this.colors = {text, ...PALETTES[isLight(text) ? "dark" : "light"]};
      for (const [name, color] of Object.entries(this.colors)) this.root.style.setProperty(`--${name}`, color);
      this.redraw();
    }

    watch() {
      new ResizeObserver(() => this.redraw()).observe(this.root);
      new IntersectionObserver(([entry]) => { this.inView = entry.isIntersecting; }).observe(this.root);
      const look = () => this.dress();
      new MutationObserver(look).observe(document.documentElement, {attributes: true, attributeFilter: ["data-theme", "class"]});
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", look);
    }
  }

  // A figure that cannot start says why, and its still stays.
  function fail(root, reason) {
    root.classList.add("failed");
    root.querySelector(".status").textContent = `This figure cannot start (${reason}). The picture stays as it is.`;
  }

  function start(root) {
    root.classList.add("started");
    try {
      const stage = new Stage(root);
      root.stage = stage;
      stage.dress();
      root.querySelector(".controls").disabled = false;
      vaeLive.figures[root.dataset.figure](stage);
      root.classList.add("live");
      stage.watch();
    } catch (error) {
      root.classList.remove("live");
      root.querySelector(".controls").disabled = true;
      fail(root, error.message);
    }
  }

  // Starts all figures of the page that have not started and whose files are there.
  function startAll() {
    for (const root of document.querySelectorAll(".vae-live:not(.started)")) {
      const {weights} = JSON.parse(root.querySelector("script.settings").textContent);
      if (vaeLive.figures[root.dataset.figure] && weights.every(key => vaeLive.weights[key])) start(root);
    }
  }

  function define(name, figure) {
    vaeLive.figures[name] = figure;
  }

  Object.assign(vaeLive, {define, startAll, fail});
})();
