// The field of an exercise: is the number right, and if not, which mistake gives it? The rules are those of number.py.
"use strict";
(() => {
  // A number as people type it, or NaN. A comma may be a decimal point or a thousand, so it is neither.
  function read(text) {
    const plain = text.trim().replace(/^\u2212/, "-");
    return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(plain) ? Number(plain) : NaN;
  }

  function judge(value, {right, within, close, mistakes, start, words}) {
    const near = (number, times = 1) => Math.abs(value - number) <= times * within * Math.abs(number);
    if (near(right)) return [true, words.right];
    const mistake = mistakes.find(([number]) => near(number));
    if (mistake) return [false, mistake[1]];
    if (near(right, close)) return [false, words.close];
    return [false, near(-right) ? words.sign : `Not yet. ${start}`];
  }

  function start(form) {
    const question = JSON.parse(form.querySelector("script").textContent);
    const input = form.querySelector("input"), output = form.querySelector("output");
    form.dataset.started = "";
    form.addEventListener("submit", event => {
      event.preventDefault();
      const value = read(input.value);
      const [passed, words] = Number.isFinite(value) ? judge(value, question) : [false, "Write a number, such as 0.25."];
      form.toggleAttribute("data-passed", passed);
      output.textContent = words;
    });
    input.addEventListener("input", () => { output.textContent = ""; });
  }

  globalThis.vaeAnswer = {read, judge};
  if (globalThis.document) document.querySelectorAll(".vae-answer:not([data-started])").forEach(start);
})();
