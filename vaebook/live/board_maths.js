// The mathematics of the digit board, without a page: ink, centring, what is done to a picture, ranks. It adds to
// maths.js.
//
// The ink is 0 or 1 on 112 x 112, four by four to a pixel. Places are in pixels, from the upper left corner: the first
// pixel reaches from 0 to 1. vaebook/live/centring.py is the twin of `seen`.
"use strict";
(() => {
  const SIDE = 28, FINE = 4, INK = SIDE * FINE;
  const BOX = 20;  // pixels along a digit's longer side
  const SMALLEST = 7;  // pixels on the board; what is smaller has just been begun: it is enlarged as much, and no more
  const MIDDLE = SIDE / 2 + 0.5;  // of the pixel (14, 14), counted from 0: there MNIST's centres are

  // Draws (1) or erases (0) with a round tip of `width` pixels along a line from [x, y] to [x, y].
  function stroke(ink, [x0, y0], [x1, y1], width, value = 1) {
    const radius = width / 2, [dx, dy] = [x1 - x0, y1 - y0], square = dx * dx + dy * dy;
    const low = (...places) => Math.max(0, Math.floor(FINE * (Math.min(...places) - radius)));
    const high = (...places) => Math.min(INK, Math.ceil(FINE * (Math.max(...places) + radius)));
    for (let row = low(y0, y1); row < high(y0, y1); row++) {
      for (let column = low(x0, x1); column < high(x0, x1); column++) {
        const x = (column + 0.5) / FINE - x0, y = (row + 0.5) / FINE - y0;
        const along = square ? Math.min(Math.max((x * dx + y * dy) / square, 0), 1) : 0;
        if ((x - along * dx) ** 2 + (y - along * dy) ** 2 <= radius * radius) ink[row * INK + column] = value;
      }
    }
  }

  // For each pixel the ink's lines that meet it, from `first` on, and how much of it each covers. A line is `scale`
  // pixels wide, and the first one begins at `start`.
  function overlaps(scale, start) {
    return Array.from({length: SIDE}, (_, pixel) => {
      const first = Math.max(0, Math.floor((pixel - start) / scale) - 1), shares = [];
      for (let line = first; line < INK && start + scale * line < pixel + 1; line++) {
        const inside = Math.min(pixel + 1, start + scale * (line + 1)) - Math.max(pixel, start + scale * line);
        shares.push(Math.max(inside, 0));
      }
      return {first, shares};
    });
  }

  // The part of each pixel that is inked, where the ink is scaled and moved.
  function coverage(ink, scale, top, left) {
    const down = overlaps(scale, top), across = overlaps(scale, left), covered = new Float64Array(SIDE * SIDE);
    const lines = new Float64Array(INK);
    down.forEach(({first, shares}, row) => {
      lines.fill(0);
      shares.forEach((share, i) => {
        const at = (first + i) * INK;
        for (let column = 0; column < INK; column++) if (ink[at + column]) lines[column] += share;
      });
      across.forEach((wide, column) => {
        const at = row * SIDE + column;
        for (let i = 0; i < wide.shares.length; i++) covered[at] += wide.shares[i] * lines[wide.first + i];
      });
    });
    return covered;
  }

  // As MNIST was made: scaled so that the longer side is 20 pixels, which keeps the shape, then moved so that the
  // centre of mass is in the middle. Source: LeCun et al. (1998), "Gradient-based learning applied to document
  // recognition".
  function centredCoverage(ink) {
    let top = INK, left = INK, bottom = -1, right = -1, mass = 0, down = 0, across = 0;
    for (let row = 0, at = 0; row < INK; row++) {
      for (let column = 0; column < INK; column++, at++) {
        if (!ink[at]) continue;
        [top, bottom] = [Math.min(top, row), row];
        [left, right] = [Math.min(left, column), Math.max(right, column)];
        mass += 1;
        down += row + 0.5;
        across += column + 0.5;
      }
    }
    if (!mass) return new Float64Array(SIDE * SIDE);
    const scale = BOX / Math.max(bottom + 1 - top, right + 1 - left, SMALLEST * FINE);
    return coverage(ink, scale, MIDDLE - scale * down / mass, MIDDLE - scale * across / mass);
  }

  // The picture that the model gets: 1 where more than half a pixel is inked.
  function seen(ink, isCentred) {
    const covered = isCentred ? centredCoverage(ink) : coverage(ink, 1 / FINE, 0, 0);
    return Float32Array.from(covered, part => Number(part > 0.5));
  }

  // A picture as ink: each pixel becomes a block.
  function inkOf(x) {
    const pixel = line => Math.floor(line / FINE);
    return Uint8Array.from({length: INK * INK}, (_, at) => x[pixel(Math.floor(at / INK)) * SIDE + pixel(at % INK)]);
  }

  // What chapter 2 takes for anomalies, and a digit without its lower half.
  const anomalies = {
    shift: x => x.map((_, at) => {
      const row = Math.floor(at / SIDE) - 4, column = at % SIDE - 4;
      return row >= 0 && column >= 0 ? x[row * SIDE + column] : 0;
    }),
    invert: x => x.map(value => 1 - value),
    eraseHalf: x => x.map((value, at) => (at < x.length / 2 ? value : 0)),
    noise: (x, generator) => x.map(() => Number(generator.uniform() > 0.5)),
    blank: x => x.map(() => 0),
  };

  // Pictures that Python has written as bits, 1 to 8 in a byte, the highest first.
  const fromBits = (base64, length) => {
    const packed = vaeMaths.bytes(base64);
    return Float32Array.from({length}, (_, at) => packed[at >> 3] >> (7 - at % 8) & 1);
  };

  // The share, in thousandths, of the images that cost at most this. thousandths[k - 1]: what k of 1000 do not exceed.
  function rank(thousandths, cost) {
    let low = 0, high = thousandths.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (thousandths[middle] <= cost) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  const board = {SIDE, INK, stroke, coverage, centredCoverage, seen, inkOf, anomalies, fromBits, rank};
  Object.assign(vaeMaths, {board});
})();
