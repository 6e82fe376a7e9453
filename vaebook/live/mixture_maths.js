// The mathematics of the mixture (3.3), without a page: corruptions of one square, its true posterior, and two bounds.
//
// A function* works in parts and yields between two of them, so that a page may go on in the next frame.
"use strict";
(() => {
  const {Generator, logBernoulli, logNormal, logSumExp} = vaeMaths;

  // A white square of `side` pixels on black, in an image (H, W).
  const squareAt = ([top, left], side, [height, width]) => Float32Array.from({length: height * width}, (_, pixel) => {
    const row = Math.floor(pixel / width), column = pixel % width;
    return Number(row >= top && row < top + side && column >= left && column < left + side);
  });

  const logJoint = (vae, z, x) => logBernoulli(vae.decode(z), x) + logNormal(0, 0, z[0]) + logNormal(0, 0, z[1]);

  // Fixed noise. The m-th corruption has uniform numbers of its own, one for each pixel, which is flipped where u < p:
  // so pixels flip one by one as p grows, and more corruptions leave the first ones as they are. Its codes come in
  // pairs with noise of both signs, which steadies averages.
  class Noise {
    constructor(seed, pixels, pairs) {
      Object.assign(this, {pixels, pairs, uniforms: [], codes: []});
      this.forFlips = new Generator(2 * seed);
      this.forCodes = new Generator(2 * seed + 1);
    }

    of(m) {
      while (this.codes.length <= m) {
        this.uniforms.push(Float64Array.from({length: this.pixels}, () => this.forFlips.uniform()));
        const pairs = Array.from({length: this.pairs}, () => [this.forCodes.normal(), this.forCodes.normal()]);
        this.codes.push(pairs.flatMap(([a, b]) => [[a, b], [-a, -b]]));
      }
      return {uniforms: this.uniforms[m], codes: this.codes[m]};
    }
  }

  // The Gaussian q(z|x') of one corruption of x: {image, flips, mu, logvar, sigma, codes}, its codes in the plane.
  function corrupt(vae, x, p, {uniforms, codes}) {
    let flips = 0;
    const image = x.map((value, i) => {
      if (uniforms[i] >= p) return value;
      flips += 1;
      return 1 - value;
    });
    const {mu, logvar} = vae.encode(image), sigma = logvar.map(value => Math.exp(0.5 * value));
    const places = codes.map(noise => noise.map((value, j) => mu[j] + sigma[j] * value));
    return {image, flips, mu, logvar, sigma, codes: places};
  }

  const logGaussian = ({mu, logvar}, z) => logNormal(mu[0], logvar[0], z[0]) + logNormal(mu[1], logvar[1], z[1]);

  // Estimates of the losses from M corruptions with their codes and log p(x, z) at each (`logJoints`): for each size
  // 1, 2, 4, ... M, in groups of that many Gaussians, {size, kept, leftOut}, with and without the Gaussian that a code
  // came from. kept at size 1 is the loss (3.6). M is a power of two.
  function* mixtureLosses(gaussians) {
    const count = gaussians.length, sizes = [], sums = [];
    for (let size = 1; size <= count; size *= 2) sizes.push(size);
    for (const size of sizes) sums.push({size, kept: 0, leftOut: 0});
    const logQ = new Float64Array(count), each = 1 / gaussians.reduce((sum, {codes}) => sum + codes.length, 0);
    for (let m = 0; m < count; m++) {
      const {codes, logJoints} = gaussians[m];
      codes.forEach((z, n) => {
        for (let other = 0; other < count; other++) logQ[other] = logGaussian(gaussians[other], z);
        const own = logQ[m];
        let others = -Infinity;
        sizes.forEach((size, i) => {
          if (i) {  // the half of the group that does not hold m
            const half = size / 2, start = (Math.floor(m / half) ^ 1) * half;
            const more = logSumExp(logQ.subarray(start, start + half));
            others = logSumExp([others, more].filter(value => value > -Infinity));
          }
          const kept = logSumExp(others > -Infinity ? [own, others] : [own]) - Math.log(size);
          sums[i].kept += each * (kept - logJoints[n]);
          sums[i].leftOut += each * (others - Math.log(Math.max(size - 1, 1)) - logJoints[n]);
        });
      });
      yield;
    }
    return sums;
  }

  // The true posterior of x on a grid of count x count codes, `reach` standard deviations around its mean: log p(x, z)
  // in the middle of each cell (row by row, from the upper left), and log p(x), their sum. Yields after each code.
  function* posteriorOn(vae, x, {mean, sd}, {count, reach}) {
    const values = new Float64Array(count * count);
    const [low, high] = [-1, 1].map(sign => mean.map((m, j) => m + sign * reach * sd[j]));
    const steps = [0, 1].map(j => (high[j] - low[j]) / count);
    for (let cell = 0; cell < values.length; cell++) {
      const row = Math.floor(cell / count), column = cell % count;
      values[cell] = logJoint(vae, [low[0] + (column + 0.5) * steps[0], high[1] - (row + 0.5) * steps[1]], x);
      yield;
    }
    return {values, count, low, high, logEvidence: logSumExp(values) + Math.log(steps[0] * steps[1])};
  }

  // The density of the mixture of M Gaussians on a grid over the window {low, high}, at its nodes: row by row, from
  // below.
  function* mixtureOn(gaussians, {low, high}, count) {
    const values = new Float64Array(count * count), along = j => (
      gaussians.map(({mu, logvar}) => Float64Array.from({length: count}, (_, i) => (
        Math.exp(logNormal(mu[j], logvar[j], low[j] + i / (count - 1) * (high[j] - low[j])))
      )))
    );
    const across = along(0);
    yield;
    const up = along(1);
    yield;
    for (let row = 0; row < count; row++) {
      for (let m = 0; m < gaussians.length; m++) {
        const here = up[m][row] / gaussians.length;
        if (here < 1e-12) continue;
        for (let column = 0; column < count; column++) values[row * count + column] += here * across[m][column];
      }
      yield;
    }
    return {values, count, low, high};
  }

  // The line on which values on a grid of nodes are `level`, as pieces [[x, y], [x, y]], in the middle of each cell's
  // four triangles around its centre, so that none is ambiguous.
  function contour({values, count, low, high}, level) {
    const along = (i, j) => low[j] + i / (count - 1) * (high[j] - low[j]), pieces = [];
    const place = (row, column) => [column, row].map(along);
    for (let row = 0; row + 1 < count; row++) {
      for (let column = 0; column + 1 < count; column++) {
        const at = row * count + column, corners = [at, at + 1, at + count + 1, at + count].map(i => values[i]);
        if (corners.every(value => value < level) || corners.every(value => value >= level)) continue;
        const places = [place(row, column), place(row, column + 1), place(row + 1, column + 1), place(row + 1, column)];
        const middle = corners.reduce((sum, value) => sum + value / 4, 0), centre = place(row + 0.5, column + 0.5);
        for (let k = 0; k < 4; k++) {
          const triangle = [[corners[k], places[k]], [corners[(k + 1) % 4], places[(k + 1) % 4]], [middle, centre]];
          const ends = [];
          for (let e = 0; e < 3; e++) {
            const [from, a] = triangle[e], [to, b] = triangle[(e + 1) % 3], share = (level - from) / (to - from);
            if (from < level !== to < level) ends.push(a.map((value, j) => value + share * (b[j] - value)));
          }
          if (ends.length === 2) pieces.push(ends);
        }
      }
    }
    return pieces;
  }

  // What is shown of the plane: a square around the posterior's mean of three standard deviations, a quarter larger
  // until all Gaussians are in it. mixture_stills.py has the same.
  function windowOf({mean, sd}, gaussians) {
    const needed = Math.max(0, ...gaussians.map(({mu, sigma}) => (
      Math.max(...mu.map((value, j) => Math.abs(value - mean[j]) + 1.5 * sigma[j]))
    )));
    let half = 3 * Math.max(...sd);
    while (half < needed) half *= 1.25;
    return {low: mean.map(value => value - half), high: mean.map(value => value + half)};
  }

  // Where an axis from 0 ends that is to hold a value: at 1, 1.5, 2, 3, 4, 6 or 8 times a power of ten.
  function endOfAxis(value) {
    const power = 10 ** Math.floor(Math.log10(Math.max(value, 0.1)));
    return power * [1, 1.5, 2, 3, 4, 6, 8, 10, 15].find(factor => factor * power > 1.05 * value);
  }

  Object.assign(vaeMaths, {
    squareAt, logJoint, Noise, corrupt, mixtureLosses, posteriorOn, mixtureOn, contour, windowOf, endOfAxis,
  });
})();
