// The mathematics of the live figures, without a page: random numbers, layers, losses, gradients, Adam, closed forms.
// That of images is in images.js.
//
// tests/test_live_maths.py holds it to PyTorch. Losses are in nats; shapes and symbols are those of the book: x data
// (D), z code (Z), mu and logvar, N codes for each of B rows. Arrays are flat and row by row. What computes a sum for
// many rows takes `from` and `to`, so that a page can do a part of the rows in one frame and the rest in the next.
"use strict";
globalThis.vaeMaths = (() => {
  const LOG_2PI = Math.log(2 * Math.PI);

  // Random numbers ---------------------------------------------------------------------------------------------------

  // A 32-bit counter, mixed. vaebook/live/random.py is its twin. Sources: Steele, Lea & Flood (2014), "Fast splittable
  // pseudorandom number generators", with the mixing of Appleby's MurmurHash3.
  class Generator {
    constructor(seed) {
      this.state = seed >>> 0;
      this.spare = null;
    }

    bits() {
      this.state = (this.state + 0x9e3779b9) >>> 0;
      let mixed = this.state;
      mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
      mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
      return (mixed ^ (mixed >>> 16)) >>> 0;
    }

    uniform() {  // in (0, 1)
      return (this.bits() + 0.5) / 4294967296;
    }

    normal() {  // standard normal, two at a time. Source: Box & Muller (1958)
      if (this.spare !== null) {
        const kept = this.spare;
        this.spare = null;
        return kept;
      }
      const radius = Math.sqrt(-2 * Math.log(this.uniform()));
      const angle = 2 * Math.PI * this.uniform();
      this.spare = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    }

    normals(count) {
      return Float64Array.from({length: count}, () => this.normal());
    }
  }

  // Formulas ---------------------------------------------------------------------------------------------------------

  const softplus = value => Math.max(value, 0) + Math.log1p(Math.exp(-Math.abs(value)));
  const sigmoid = value => 1 / (1 + Math.exp(-value));
  const tanh = value => 1 - 2 / (Math.exp(2 * value) + 1);  // three times faster than Math.tanh, and as exact here

  // KL(N(mu, e^logvar) || N(0, 1)) of one number of a code, and its two derivatives: (1.8) and (1.10).
  const kl = (mu, logvar) => 0.5 * (mu * mu + Math.exp(logvar) - 1 - logvar);
  const klByMu = mu => mu;
  const klByLogvar = logvar => 0.5 * (Math.exp(logvar) - 1);

  // Points [mu, logvar] of the closed curve on which that KL is `level`: mu^2 = 2 level - (e^logvar - 1 - logvar).
  function klContour(level, count = 60) {
    const meets = (inside, outside) => {  // where it crosses mu = 0, by bisection
      for (let i = 0; i < 60; i++) {
        const middle = 0.5 * (inside + outside);
        if (kl(0, middle) < level) inside = middle;
        else outside = middle;
      }
      return inside;
    };
    const low = meets(0, -2 * level - 1), high = meets(0, 2 + Math.log1p(2 * level)), right = [];
    for (let i = 0; i <= count; i++) {  // closer together towards both ends, where it is round
      const logvar = low + 0.5 * (high - low) * (1 - Math.cos(i / count * Math.PI));
      right.push([Math.sqrt(Math.max(0, 2 * (level - kl(0, logvar)))), logvar]);
    }
    return [...right, ...right.map(([mu, logvar]) => [-mu, logvar]).reverse()];
  }

  // log N(x; mu, e^logvar) of one coordinate: (4.6).
  const logNormal = (mu, logvar, x) => -0.5 * (LOG_2PI + logvar + (x - mu) ** 2 * Math.exp(-logvar));

  function logSumExp(values, count = values.length) {
    let top = -Infinity, sum = 0;
    for (let i = 0; i < count; i++) if (values[i] > top) top = values[i];
    for (let i = 0; i < count; i++) sum += Math.exp(values[i] - top);
    return top + Math.log(sum);
  }

  // A Gaussian MLP, a Gaussian VAE and its gradient ------------------------------------------------------------------

  // tanh(W1 x + b1), then one linear layer to mu and logvar: (4.13), from two numbers to one or from one to two. Its
  // weights are a stretch of a flat array, in the order of PyTorch's parameters(). The sums over inputs and results are
  // written out, what is not there as 0: loops of two and four turns take half as long again.
  class GaussianMLP {
    static size(inputs, hidden, outputs) {
      return hidden * (inputs + 1) + 2 * outputs * (hidden + 1);
    }

    constructor(inputs, hidden, outputs, parameters, start = 0) {
      Object.assign(this, {inputs, hidden, outputs, parameters});
      this.w1 = start;
      this.b1 = this.w1 + hidden * inputs;
      this.w2 = this.b1 + hidden;
      this.b2 = this.w2 + 2 * outputs * hidden;
      this.activation = new Float64Array(hidden);
      this.result = new Float64Array(2 * outputs);  // mu, then logvar
    }

    // As nn.Linear begins: uniform within 1 / sqrt(inputs) of 0.
    initialise(generator) {
      const fill = (start, end, inputs) => {
        const reach = 1 / Math.sqrt(inputs);
        for (let i = start; i < end; i++) this.parameters[i] = reach * (2 * generator.uniform() - 1);
      };
      fill(this.w1, this.w2, this.inputs);
      fill(this.w2, this.b2 + 2 * this.outputs, this.hidden);
    }

    forward(x, at = 0) {
      const {hidden, parameters, activation, result, w1, b1, w2, b2} = this, two = this.inputs === 2, four = result.length === 4;
      const x1 = x[at], x2 = two ? x[at + 1] : 0;
      let r1 = parameters[b2], r2 = parameters[b2 + 1], r3 = four ? parameters[b2 + 2] : 0, r4 = four ? parameters[b2 + 3] : 0;
      for (let h = 0; h < hidden; h++) {
        const w = two ? w1 + 2 * h : w1 + h, v = w2 + h;
        const active = tanh(parameters[b1 + h] + parameters[w] * x1 + (two ? parameters[w + 1] * x2 : 0));
        activation[h] = active;
        r1 += parameters[v] * active;
        r2 += parameters[v + hidden] * active;
        if (four) {
          r3 += parameters[v + 2 * hidden] * active;
          r4 += parameters[v + 3 * hidden] * active;
        }
      }
      result[0] = r1;
      result[1] = r2;
      if (four) {
        result[2] = r3;
        result[3] = r4;
      }
      return result;
    }

    // After forward(x, at): adds to `gradient` what `above`, the gradient at the result, asks of the weights. Returns
    // what it asks of the only input, where there is one.
    backward(x, at, above, gradient) {
      const {hidden, parameters, activation, w1, b1, w2, b2} = this, two = this.inputs === 2, four = above.length === 4;
      const x1 = x[at], x2 = two ? x[at + 1] : 0;
      const a1 = above[0], a2 = above[1], a3 = four ? above[2] : 0, a4 = four ? above[3] : 0;
      for (let o = 0; o < above.length; o++) gradient[b2 + o] += above[o];
      let below = 0;
      for (let h = 0; h < hidden; h++) {
        const w = two ? w1 + 2 * h : w1 + h, v = w2 + h, active = activation[h];
        let sum = a1 * parameters[v] + a2 * parameters[v + hidden];
        gradient[v] += a1 * active;
        gradient[v + hidden] += a2 * active;
        if (four) {
          sum += a3 * parameters[v + 2 * hidden] + a4 * parameters[v + 3 * hidden];
          gradient[v + 2 * hidden] += a3 * active;
          gradient[v + 3 * hidden] += a4 * active;
        }
        sum *= 1 - active * active;
        gradient[b1 + h] += sum;
        gradient[w] += sum * x1;
        if (two) gradient[w + 1] += sum * x2;
        else below += sum * parameters[w];
      }
      return below;
    }
  }

  // A code of one number for points of two: vaebook.models.GaussianVAE(2, hidden, 1).
  class GaussianVAE {
    constructor(hidden, parameters = null) {
      const encoder = GaussianMLP.size(2, hidden, 1);
      this.parameters = parameters || new Float64Array(encoder + GaussianMLP.size(1, hidden, 2));
      this.encoder = new GaussianMLP(2, hidden, 1, this.parameters);
      this.decoder = new GaussianMLP(1, hidden, 2, this.parameters, encoder);
      this.code = new Float64Array(1);
      this.atResult = new Float64Array(4);
      this.atGaussian = new Float64Array(2);
    }

    initialise(generator) {
      this.encoder.initialise(generator);
      this.decoder.initialise(generator);
    }

    encode(x, at = 0) {
      return this.encoder.forward(x, at);
    }

    decode(z) {
      this.code[0] = z;
      return this.decoder.forward(this.code);
    }

    // The rows from..to of a batch x (B, 2) with noise (N, B): adds their share of the mean -ELBO (4.7) and of its
    // gradient. Returns their share of the two parts, {reconstruction, kl}.
    accumulate(x, noise, gradient, from = 0, to = x.length / 2) {
      const rows = x.length / 2, samples = noise.length / rows;
      const {atResult, atGaussian} = this, each = 1 / rows, share = each / samples;
      let reconstruction = 0, price = 0;
      for (let row = from; row < to; row++) {
        const at = 2 * row;
        const coded = this.encode(x, at), mu = coded[0], logvar = coded[1], sigma = Math.exp(0.5 * logvar);
        price += each * kl(mu, logvar);
        atGaussian[0] = each * klByMu(mu);
        atGaussian[1] = each * klByLogvar(logvar);
        for (let sample = 0; sample < samples; sample++) {
          const epsilon = noise[sample * rows + row];
          const result = this.decode(mu + sigma * epsilon);
          for (let d = 0; d < 2; d++) {
            const off = result[d] - x[at + d], precision = Math.exp(-result[2 + d]);
            reconstruction -= share * logNormal(result[d], result[2 + d], x[at + d]);
            atResult[d] = share * off * precision;
            atResult[2 + d] = share * 0.5 * (1 - off * off * precision);
          }
          const atCode = this.decoder.backward(this.code, 0, atResult, gradient);
          atGaussian[0] += atCode;
          atGaussian[1] += atCode * 0.5 * sigma * epsilon;
        }
        this.encoder.backward(x, at, atGaussian, gradient);
      }
      return {reconstruction, kl: price};
    }
  }

  // Adam, as in PyTorch. Source: Kingma & Ba (2015).
  class Adam {
    constructor(parameters, beta1 = 0.9, beta2 = 0.99, epsilon = 1e-8) {
      Object.assign(this, {parameters, beta1, beta2, epsilon, steps: 0});
      this.mean = new Float64Array(parameters.length);
      this.square = new Float64Array(parameters.length);
    }

    step(gradient, rate) {
      const {parameters, mean, square, beta1, beta2, epsilon} = this;
      this.steps += 1;
      const scale = rate / (1 - beta1 ** this.steps), correction = 1 - beta2 ** this.steps;
      for (let i = 0; i < parameters.length; i++) {
        mean[i] = beta1 * mean[i] + (1 - beta1) * gradient[i];
        square[i] = beta2 * square[i] + (1 - beta2) * gradient[i] * gradient[i];
        parameters[i] -= scale * mean[i] / (Math.sqrt(square[i] / correction) + epsilon);
      }
    }
  }

  // The data of chapter 4 and its answer keys ------------------------------------------------------------------------

  const MEAN = [1, 0.5];

  const entropy = rho => Math.log(2 * Math.PI * Math.E) + 0.5 * Math.log(1 - rho * rho);  // (4.2)
  const commonInformation = rho => 0.5 * Math.log((1 + Math.abs(rho)) / (1 - Math.abs(rho)));  // (4.12)

  const logTruth = (rho, x1, x2) => {
    const a = x1 - MEAN[0], b = x2 - MEAN[1], rest = 1 - rho * rho;
    return -LOG_2PI - 0.5 * Math.log(rest) - 0.5 * (a * a - 2 * rho * a * b + b * b) / rest;
  };

  // Two standard normal numbers to a point of the data, in place.
  function toRow(rho, x, at = 0) {
    const [a, b] = [x[at], x[at + 1]];
    x[at] = MEAN[0] + a;
    x[at + 1] = MEAN[1] + rho * a + Math.sqrt(1 - rho * rho) * b;
  }

  function drawRows(generator, rho, rows) {
    const x = generator.normals(2 * rows);
    for (let at = 0; at < x.length; at += 2) toRow(rho, x, at);
    return x;
  }

  // A linear decoder with means MEAN + w z and variances s2 that fits the data, and its exact posterior: (4.10) and
  // (4.11). w1 from |rho| to 1. Without it: the key (4.9), which in data of equal variances has w1 = sqrt(|rho|).
  class LinearKey {
    constructor(rho, w1 = Math.sqrt(Math.abs(rho))) {
      const w2 = w1 > 0 ? rho / w1 : 0;
      Object.assign(this, {rho, w: [w1, w2], s2: [1 - w1 * w1, 1 - w2 * w2]});
      this.precision = 1 + w1 * w1 / this.s2[0] + w2 * w2 / this.s2[1];
    }

    encode(x, at = 0) {
      const {w, s2, precision} = this;
      const mu = ((x[at] - MEAN[0]) * w[0] / s2[0] + (x[at + 1] - MEAN[1]) * w[1] / s2[1]) / precision;
      return [mu, -Math.log(precision)];
    }

    decode(z) {
      return [MEAN[0] + this.w[0] * z, MEAN[1] + this.w[1] * z, ...this.s2.map(Math.log)];
    }
  }

  // -ELBO, reconstruction and KL of a linear key, averaged over all data without a draw: both are quadratic in x and in
  // the noise, so four points with the data's mean and covariance and noise of -1 and +1 are enough. Nothing in here
  // knows that the key is exact.
  function keyTerms(key) {
    const {rho} = key, far = Math.SQRT2, terms = {loss: 0, reconstruction: 0, kl: 0};
    for (const x of [[far, 0], [-far, 0], [0, far], [0, -far]]) {
      toRow(rho, x);
      const [mu, logvar] = key.encode(x);
      terms.kl += kl(mu, logvar) / 4;
      for (const epsilon of [-1, 1]) {
        const [mu1, mu2, logvar1, logvar2] = key.decode(mu + Math.exp(0.5 * logvar) * epsilon);
        terms.reconstruction -= (logNormal(mu1, logvar1, x[0]) + logNormal(mu2, logvar2, x[1])) / 8;
      }
    }
    terms.loss = terms.reconstruction + terms.kl;
    return terms;
  }

  // Averages without a draw, for any model of chapter 4 --------------------------------------------------------------

  // The averages over all data of (4.14), for a model of chapter 4: {gap, decoder, encoder, kl, loss}. x is integrated
  // with a quadrature for the standard normal (Gauss-Hermite: places, weights), z on a grid of codes.
  function exactParts(model, rho, {places, weights}, {step, reach} = {step: 0.05, reach: 6}) {
    const total = weights.reduce((sum, weight) => sum + weight, 0), x = new Float64Array(2);
    const codes = 2 * Math.round(reach / step) + 1, likelihood = new Float64Array(codes), joint = new Float64Array(codes);
    const grid = Float64Array.from({length: codes}, (_, k) => k * step - reach);
    const prior = grid.map(z => logNormal(0, 0, z) + Math.log(step)), decoded = new Float64Array(4 * codes);
    grid.forEach((z, k) => decoded.set(model.decode(z), 4 * k));
    const precision = decoded.map(logvar => Math.exp(-logvar));  // of which only those of variances are of use
    const parts = {gap: 0, decoder: 0, encoder: 0, kl: 0, loss: 0};
    for (let i = 0; i < places.length; i++) {
      for (let j = 0; j < places.length; j++) {
        x[0] = places[i];
        x[1] = places[j];
        toRow(rho, x);
        const coded = model.encode(x), mu = coded[0], logvar = coded[1], sharp = Math.exp(-logvar);
        let mass = 0, average = 0, nearest = Infinity;
        for (let k = 0, at = 0; k < codes; k++, at += 4) {
          const off1 = x[0] - decoded[at], off2 = x[1] - decoded[at + 1], distance = 0.5 * sharp * (grid[k] - mu) ** 2;
          const scaled = off1 * off1 * precision[at + 2] + off2 * off2 * precision[at + 3];
          likelihood[k] = -LOG_2PI - 0.5 * (decoded[at + 2] + decoded[at + 3] + scaled);
          joint[k] = likelihood[k] + prior[k];
          if (distance < nearest) nearest = distance;
        }
        for (let k = 0; k < codes; k++) {  // q(z|x) on the grid; it adds up to one
          const share = Math.exp(nearest - 0.5 * sharp * (grid[k] - mu) ** 2);
          mass += share;
          average += share * likelihood[k];
        }
        const weight = weights[i] * weights[j] / (total * total), truth = logTruth(rho, x[0], x[1]);
        const evidence = logSumExp(joint), price = kl(mu, logvar), loss = price - average / mass;
        parts.kl += weight * price;
        parts.loss += weight * loss;
        parts.gap += weight * (loss + truth);
        parts.decoder += weight * (truth - evidence);
        parts.encoder += weight * (loss + evidence);
      }
    }
    return parts;
  }

  // Training from scratch, in parts that fit into a frame. Each step draws its own rows; the rate falls evenly to 0.
  class Training {
    constructor({rho, seed, rate, samples, rows = 200, hidden = 64, steps = 2000}) {
      Object.assign(this, {rho, rate, samples, rows, steps, step: 0, row: 0, loss: NaN, generator: new Generator(seed)});
      this.model = new GaussianVAE(hidden);
      this.model.initialise(this.generator);
      this.adam = new Adam(this.model.parameters);
      this.gradient = new Float64Array(this.model.parameters.length);
    }

    // About 200 codes' worth of work. Returns whether it has ended a step.
    part() {
      if (this.row === 0) {
        this.x = drawRows(this.generator, this.rho, this.rows);
        this.noise = this.generator.normals(this.rows * this.samples);
        this.gradient.fill(0);
        this.sum = 0;
        this.share = Math.max(1, Math.round(this.rows / this.samples));
      }
      const end = Math.min(this.rows, this.row + this.share);
      const {reconstruction, kl} = this.model.accumulate(this.x, this.noise, this.gradient, this.row, end);
      this.sum += reconstruction + kl;
      this.row = end % this.rows;
      if (this.row) return false;
      this.adam.step(this.gradient, this.rate * (1 - this.step / this.steps));
      this.step += 1;
      this.loss = this.sum;
      return true;
    }

    get ended() {
      return this.step >= this.steps;
    }

    get diverged() {  // a loss that training has not come back from, or that is no number at all
      return this.step > 0 && !(this.loss < 1000);
    }
  }

  return {
    Generator, softplus, sigmoid, tanh, kl, klByMu, klByLogvar, klContour, logNormal, logSumExp, GaussianMLP, GaussianVAE,
    Adam, MEAN, entropy, commonInformation, logTruth, toRow, drawRows, LinearKey, keyTerms, exactParts, Training,
  };
})();
