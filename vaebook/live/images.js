// The mathematics of models of images, without a page: weights, layers, Bernoulli pixels, squares. It adds to maths.js.
"use strict";
(() => {
  const {kl, softplus} = vaeMaths;

  const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

  function bytes(base64) {
    const found = new Uint8Array(Math.floor(base64.replace(/=+$/, "").length * 3 / 4));
    const values = new Uint8Array(128);
    [...ALPHABET].forEach((letter, value) => { values[letter.charCodeAt(0)] = value; });
    for (let i = 0, at = 0, held = 0, bits = 0; at < found.length; i++) {
      held = (held << 6 | values[base64.charCodeAt(i)]) & 0xffff;
      bits += 6;
      if (bits >= 8) {
        bits -= 8;
        found[at++] = held >> bits & 0xff;
      }
    }
    return found;
  }

  // What vaebook.live.weights.packed wrote, one text or the texts of several networks, expanded once: for each layer
  // {inputs, outputs, weight, bias}. A layer is written as float32 scales (one for each row), float32 biases, int8 weights.
  function unpack(texts, sizes) {
    const parts = [texts].flat().map(bytes), packed = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    const layers = [];
    let at = 0;
    for (const part of parts) {
      packed.set(part, at);
      at += part.length;
    }
    at = 0;
    const floats = count => {
      const found = new Float32Array(packed.slice(at, at += 4 * count).buffer);
      return found;
    };
    for (const [inputs, outputs] of sizes) {
      const scale = floats(outputs), bias = floats(outputs);
      const integers = new Int8Array(packed.buffer, at, inputs * outputs);
      layers.push({inputs, outputs, bias, weight: Float32Array.from(integers, (v, i) => v * scale[Math.floor(i / inputs)])});
      at += inputs * outputs;
    }
    if (at !== packed.length) throw new RangeError(`the weights hold ${packed.length} bytes, expected ${at}`);
    return layers;
  }

  function linear({inputs, outputs, weight, bias}, x) {
    const result = new Float32Array(outputs), lit = new Int32Array(inputs);
    let count = 0;
    for (let i = 0; i < inputs; i++) if (x[i] !== 0) lit[count++] = i;  // after a ReLU, and of black pixels, most are 0
    for (let o = 0, row = 0; o < outputs; o++, row += inputs) {
      let sum = bias[o];
      for (let k = 0; k < count; k++) sum += weight[row + lit[k]] * x[lit[k]];
      result[o] = sum;
    }
    return result;
  }

  // Linear layers with a ReLU between each two.
  const relus = (layers, x) => layers.reduce((h, layer, i) => linear(layer, i ? h.map(v => Math.max(v, 0)) : h), x);

  // log p(x|z) of independent pixels from their logits: (1.1).
  function logBernoulli(logits, x) {
    let sum = 0;
    for (let i = 0; i < logits.length; i++) sum += x[i] * logits[i] - softplus(logits[i]);
    return sum;
  }

  // A model of images whose last encoding layer gives mu and, below it, logvar. Without an encoder it only decodes.
  class BernoulliVAE {
    constructor(texts, {encoder = [], decoder}) {
      const layers = unpack(texts, [...encoder, ...decoder]);
      this.encoder = layers.slice(0, encoder.length);
      this.decoder = layers.slice(encoder.length);
      this.latentDims = decoder[0][0];
    }

    encode(x) {
      const both = relus(this.encoder, x);
      return {mu: [...both.slice(0, this.latentDims)], logvar: [...both.slice(this.latentDims)]};
    }

    decode(z) {
      return relus(this.decoder, z);
    }

    // -ELBO, reconstruction and KL of one image for noise (N, Z), each draw with its weight (by default 1 / N).
    negativeElbo(x, noise, weights = noise.map(() => 1 / noise.length)) {
      const {mu, logvar} = this.encode(x);
      const price = mu.reduce((sum, value, j) => sum + kl(value, logvar[j]), 0);
      const reconstruction = noise.reduce((sum, epsilon, n) => {
        const z = mu.map((value, j) => value + Math.exp(0.5 * logvar[j]) * epsilon[j]);
        return sum - weights[n] * logBernoulli(this.decode(z), x);
      }, 0);
      return {mu, logvar, reconstruction, kl: price, loss: reconstruction + price};
    }
  }

  // Of all squares of `side` pixels in an image (H, W): the log-likelihood of each place, row by row, from the logits.
  function squareLogLikelihoods(logits, [height, width], side) {
    const table = new Float64Array((height + 1) * (width + 1)), places = [];
    let none = 0;  // of the image that is all black
    for (let row = 0; row < height; row++) {
      for (let column = 0, line = 0; column < width; column++) {
        line += logits[row * width + column];
        none -= softplus(logits[row * width + column]);
        table[(row + 1) * (width + 1) + column + 1] = table[row * (width + 1) + column + 1] + line;
      }
    }
    const sum = (row, column) => table[row * (width + 1) + column];
    for (let row = 0; row + side <= height; row++) {
      for (let column = 0; column + side <= width; column++) {
        const inside = sum(row + side, column + side) - sum(row, column + side) - sum(row + side, column) + sum(row, column);
        places.push(none + inside);
      }
    }
    return places;
  }

  Object.assign(vaeMaths, {bytes, unpack, linear, relus, logBernoulli, BernoulliVAE, squareLogLikelihoods});
})();
