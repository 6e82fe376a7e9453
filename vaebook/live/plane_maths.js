// The mathematics of the plane of codes, without a page: the prior's quantiles, a walk, and the exact posterior of an
// image. It adds to images.js.
"use strict";
(() => {
  const {kl, logBernoulli, logSumExp, relus, softplus} = vaeMaths, LOG_2PI = Math.log(2 * Math.PI);

  // P(Z <= z) of the prior, one number of a code, by the series around 0. Source: Marsaglia (2004).
  function normalCdf(z) {
    if (Math.abs(z) > 6) return z > 0 ? 1 : 0;
    let sum = z, term = z;
    for (let k = 3; Math.abs(term) > 1e-17; k += 2) sum += term *= z * z / k;
    return 0.5 + sum * Math.exp(-0.5 * (z * z + LOG_2PI));
  }

  // The z with that probability below it, by bisection between -6 and 6.
  function normalQuantile(probability) {
    let low = -6, high = 6;
    for (let i = 0; i < 50; i++) {
      const middle = 0.5 * (low + high);
      if (normalCdf(middle) < probability) low = middle;
      else high = middle;
    }
    return 0.5 * (low + high);
  }

  // A closed curve through a point of the unit square: from seconds to a point. It turns three times across while it
  // turns twice up, and comes back after a period.
  function closedCurve([across, up], period) {
    const wave = (start, turns) => {
      const reach = Math.max(0.45, Math.abs(start - 0.5)), phase = Math.asin((start - 0.5) / reach);
      return seconds => 0.5 + reach * Math.sin(phase + 2 * Math.PI * turns * seconds / period);
    };
    const [x, y] = [wave(across, 3), wave(up, 2)];
    return seconds => [x(seconds), y(seconds)];
  }

  const logPrior = ([z1, z2]) => -LOG_2PI - 0.5 * (z1 * z1 + z2 * z2);

  // -ELBO and its parts of an image x whose q(z|x) is N(mu, e^logvar), by points {noise, weights} of a product rule. In
  // parts of some codes, so that a frame stays short.
  function* costs(vae, x, {mu, logvar}, {noise, weights}) {
    const price = mu.reduce((sum, value, j) => sum + kl(value, logvar[j]), 0);
    let reconstruction = 0;
    for (let n = 0; n < noise.length; n++) {
      const z = mu.map((value, j) => value + Math.exp(0.5 * logvar[j]) * noise[n][j]);
      reconstruction -= weights[n] * logBernoulli(vae.decode(z), x);
      yield;
    }
    return {reconstruction, kl: price, loss: reconstruction + price};
  }

  // The codes of a grid over the plane, decoded once for all images. What is kept of each code is what the last layer
  // gets, and the sum of the softplus of its logits: log p(x|z) of any x is then one sum over that layer.
  class Grid {
    // count: cells along each axis, from -reach to reach.
    constructor(vae, count, reach) {
      const last = vae.decoder[vae.decoder.length - 1];
      Object.assign(this, {vae, count, reach, last, side: 2 * reach / count, done: 0});
      this.hidden = Array(count * count);
      this.softplus = new Float64Array(count * count);
    }

    get complete() {
      return this.done === this.count ** 2;
    }

    // The middle of a cell; z2 varies fastest.
    codeAt(cell) {
      const {count, reach, side} = this;
      return [(Math.floor(cell / count) + 0.5) * side - reach, (cell % count + 0.5) * side - reach];
    }

    // Decodes one code more.
    step() {
      const below = this.vae.decoder.slice(0, -1), z = this.codeAt(this.done);
      const hidden = below.length ? relus(below, z).map(value => Math.max(value, 0)) : Float32Array.from(z);
      this.hidden[this.done] = hidden;
      this.softplus[this.done] = relus([this.last], hidden).reduce((sum, logit) => sum + softplus(logit), 0);
      this.done += 1;
    }

    // What the last layer's weights make of an image: log p(x|z) = at + weight . hidden - softplus.
    met(x) {
      const {inputs, outputs, bias, weight} = this.last, found = new Float64Array(inputs);
      let at = 0;
      for (let o = 0; o < outputs; o++) {
        if (x[o] === 0) continue;
        at += x[o] * bias[o];
        for (let i = 0; i < inputs; i++) found[i] += x[o] * weight[o * inputs + i];
      }
      return {at, weight: found};
    }

    logJoint(cell, {at, weight}) {
      const hidden = this.hidden[cell];
      let sum = at - this.softplus[cell];
      for (let i = 0; i < hidden.length; i++) sum += weight[i] * hidden[i];
      return sum + logPrior(this.codeAt(cell));
    }
  }

  // p(z|x) of one image, exactly: p(x|z) p(z) on cells that cover the plane, small where the posterior has its mass.
  // A cell is {z, side, log, slack}: its middle, log p(x, z) there, and how much more it may be elsewhere in the cell.
  // A cell is divided into four as long as it may hold more than `share` of all.
  class Posterior {
    constructor(grid, x, share = 0.01) {
      Object.assign(this, {grid, x, share, cells: [], sum: -Infinity, decoded: 0, complete: false});
    }

    // Some of the work; the iterator ends when no cell is left to divide.
    * work() {
      const {grid, x} = this, {count} = grid, met = grid.met(x), log = new Float64Array(count * count);
      yield;
      for (let cell = 0; cell < log.length; cell++) {
        log[cell] = grid.logJoint(cell, met);
        if (cell % 256 === 255) yield;
      }
      for (let row = 0, cell = 0; row < count; row++) {
        for (let column = 0; column < count; column++, cell++) {
          let low = Infinity, high = -Infinity;
          for (let r = Math.max(row - 1, 0); r <= Math.min(row + 1, count - 1); r++) {
            for (let c = Math.max(column - 1, 0); c <= Math.min(column + 1, count - 1); c++) {
              low = Math.min(low, log[r * count + c]);
              high = Math.max(high, log[r * count + c]);
            }
          }
          this.cells.push({z: grid.codeAt(cell), side: grid.side, log: log[cell], slack: 0.5 * (high - low)});
        }
      }
      this.add();
      for (let goesOn = true; goesOn; this.add()) {
        yield;
        goesOn = false;
        const least = this.sum + Math.log(this.share), kept = [];
        for (const cell of this.cells) {
          if (this.logMass(cell) + cell.slack < least) kept.push(cell);
          else {
            goesOn = true;
            for (const part of this.quarters(cell)) {
              kept.push(part);
              yield;
            }
          }
        }
        this.cells = kept;
      }
      this.complete = true;
    }

    quarters({z: [z1, z2], side}) {
      const parts = [[-1, -1], [-1, 1], [1, -1], [1, 1]].map(([a, b]) => {
        const z = [z1 + a * side / 4, z2 + b * side / 4];
        return {z, side: side / 2, log: logBernoulli(this.grid.vae.decode(z), this.x) + logPrior(z)};
      });
      const logs = parts.map(part => part.log), slack = Math.max(...logs) - Math.min(...logs);
      this.decoded += 4;
      return parts.map(part => ({...part, slack}));
    }

    logMass({log, side}) {
      return log + 2 * Math.log(side);
    }

    // log p(x), as far as the cells tell.
    add() {
      this.sum = logSumExp(this.cells.map(this.logMass));
    }

    // Of all the posterior, the part with its cell's middle in [low, high] of z1 and of z2.
    massIn([x, y]) {
      const inside = ({z: [z1, z2]}) => z1 >= x[0] && z1 <= x[1] && z2 >= y[0] && z2 <= y[1];
      return this.cells.reduce((sum, cell) => sum + (inside(cell) ? Math.exp(this.logMass(cell) - this.sum) : 0), 0);
    }

    // The square around mu that shows 95 % of it: [low, high] on both axes. Half its side is four standard deviations,
    // doubled until it is enough.
    window(mu, sigma, reach) {
      let half = 4 * Math.max(...sigma);
      const square = () => mu.map(middle => [middle - half, middle + half]);
      while (this.complete && half < reach && this.massIn(square()) < 0.95) half *= 2;
      return square();
    }
  }

  Object.assign(vaeMaths, {normalCdf, normalQuantile, closedCurve, logPrior, costs, Grid, Posterior});
})();
