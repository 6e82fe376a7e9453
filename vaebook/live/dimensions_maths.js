// The mathematics of the twenty sliders, without a page: what each number of a code costs, and what it changes.
"use strict";
(() => {
  const {bytes, kl} = vaeMaths;

  // Images of black and white pixels, as vaebook/live/dimensions.py packs them: base64, each image from a byte of its
  // own.
  function imagesOf(base64, pixels) {
    const packed = bytes(base64), line = Math.ceil(pixels / 8);
    return Array.from({length: packed.length / line}, (_, i) => (
      Float32Array.from({length: pixels}, (_, pixel) => packed[i * line + (pixel >> 3)] >> (7 - pixel % 8) & 1)
    ));
  }

  // KL(N(z, e^logvar) || N(0, 1)) of each number of a code: a term of (2.7), with z in the place of mu.
  const costsOf = (z, logvar) => z.map((value, j) => kl(value, logvar[j]));

  // The dimensions, the dearest first.
  const dearestFirst = costs => [...costs.keys()].sort((a, b) => costs[b] - costs[a]);

  // How many pixels are likelier white than black in one picture, and not in the other.
  const changedPixels = (logits, others) => logits.reduce((sum, logit, i) => sum + (logit > 0 !== others[i] > 0), 0);

  Object.assign(vaeMaths, {imagesOf, costsOf, dearestFirst, changedPixels});
})();
