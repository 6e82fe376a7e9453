// The mathematics of chapter 3's brush, without a page: flips, what a corrupted image costs, and the exact posterior.
// It adds to images.js. x is the clean image (D), x' the corrupted one, `given` to an encoder.
"use strict";
(() => {
  const {kl, logBernoulli, logSumExp, squareLogLikelihoods} = vaeMaths;

  // Which pixels are flipped: those whose uniform number is below p; where the reader has been, as `hand` says, a map
  // from pixel to true or false.
  const flipsOf = (uniforms, p, hand) => (
    Array.from(uniforms, (u, pixel) => (hand.has(pixel) ? hand.get(pixel) : u < p))
  );

  const corrupted = (x, flips) => Float32Array.from(x, (value, pixel) => (flips[pixel] ? 1 - value : value));  // (3.2)

  // Pixels [row, column] on the way from one to another, both included, each a neighbour of the one before.
  function stroke([row, column], [toRow, toColumn]) {
    const steps = Math.max(Math.abs(toRow - row), Math.abs(toColumn - column));
    const part = k => (steps ? k / steps : 0);
    return Array.from({length: steps + 1}, (_, k) => [
      Math.round(row + part(k) * (toRow - row)), Math.round(column + part(k) * (toColumn - column)),
    ]);
  }

  // The logit of each pixel, given the code and what was seen of the pixel, flipped with probability p: (3.12).
  function logitsSeen(logits, given, p) {
    const evidence = Math.log((1 - p) / p);
    return Float64Array.from(logits, (logit, pixel) => logit + (given[pixel] > 0 ? evidence : -evidence));
  }

  const distance = (a, b) => Math.hypot(...a.map((value, j) => value - b[j]));

  // (3.6) for one corrupted image: the code comes from `given`, and has to explain x. Noise (N, Z) with a weight for
  // each draw. It yields after every draw, so that a page can stop there, and returns {kl, reconstruction, loss}.
  function* costsGiven(vae, given, x, {noise, weights}) {
    const {mu, logvar} = vae.encode(given), price = mu.reduce((sum, value, j) => sum + kl(value, logvar[j]), 0);
    let reconstruction = 0;
    for (let n = 0; n < noise.length; n++) {
      const z = mu.map((value, j) => value + Math.exp(0.5 * logvar[j]) * noise[n][j]);
      reconstruction -= weights[n] * logBernoulli(vae.decode(z), x);
      yield;
    }
    return {kl: price, reconstruction, loss: price + reconstruction};
  }

  // All squares of `side` pixels are equally likely, and (3.1) says how likely each is to become `given`. The exact
  // posterior, {places, pixels}: the probability of each place, and of each pixel to be white.
  function squarePosterior(given, shape, side, p) {
    const [height, width] = shape, columns = width - side + 1, pixels = new Float64Array(height * width);
    const logit = Math.log((1 - p) / p);  // a pixel that the noise leaves alone: log (1 - p), one that it flips: log p
    const each = squareLogLikelihoods(Float64Array.from(given, value => (value > 0 ? logit : -logit)), shape, side);
    const total = logSumExp(each), places = each.map(value => Math.exp(value - total));
    places.forEach((probability, place) => {
      const top = Math.floor(place / columns), left = place % columns;
      for (let row = top; row < top + side; row++) {
        for (let column = left; column < left + side; column++) pixels[row * width + column] += probability;
      }
    });
    return {places, pixels};
  }

  // What the planes show, [low, high] of each number of the code, for models with {clean, given}, each {mu, sigma}:
  // around the clean image's mean, in all as wide. Half of that is five of the largest standard deviations, doubled
  // until the Gaussians of the corrupted images fit.
  function sharedWindows(models) {
    const needed = Math.max(...models.flatMap(({clean, given: {mu, sigma}}) =>
      mu.map((value, j) => Math.abs(value - clean.mu[j]) + 2.5 * sigma[j])));
    let half = 5 * Math.max(...models.flatMap(({clean}) => clean.sigma));
    while (half < needed) half *= 2;
    return models.map(({clean}) => clean.mu.map(middle => [middle - half, middle + half]));
  }

  Object.assign(vaeMaths, {flipsOf, corrupted, stroke, logitsSeen, distance, costsGiven, squarePosterior, sharedWindows});
})();
