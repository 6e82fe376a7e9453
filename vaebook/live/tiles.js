// Tiles: a part of the plane of codes, coloured by what the decoder draws at each code. Coarse first, then finer.
"use strict";
(() => {
  const SCALE = 3;  // pixels along a code's cell, so that the border of a tile is thin

  class Tiles {
    // count: codes along each axis, 8 times a power of two.  colors: "#rrggbb" for each place.  placeAt(z): the place
    // that the code z is decoded to.
    constructor(count, colors, placeAt) {
      Object.assign(this, {count, placeAt, places: new Int16Array(count * count)});
      const packed = (color, factor) => {  // as the bytes of a picture lie in memory: red, green, blue, opaque
        const [red, green, blue] = [1, 3, 5].map(at => Math.round(factor * parseInt(color.slice(at, at + 2), 16)));
        return (255 << 24 | blue << 16 | green << 8 | red) >>> 0;
      };
      this.inner = colors.map(color => packed(color, 1));
      this.border = colors.map(color => packed(color, 0.5));
      this.canvas = document.createElement("canvas");
      this.canvas.width = this.canvas.height = SCALE * count;
      this.context = this.canvas.getContext("2d");
      this.picture = this.context.createImageData(SCALE * count, SCALE * count);
    }

    // Forgets all, and begins with the codes in x: [low, high] and y: [low, high].
    restart(x, y) {
      Object.assign(this, {x, y, step: this.count / 8, next: 0, done: 0});
      this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    }

    get complete() {
      return this.step < 1;
    }

    get share() {
      return this.done / this.count ** 2;
    }

    // The code in the middle of a cell; row 0 is at the top.
    codeAt(row, column) {
      const {count, x, y} = this;
      return [x[0] + (column + 0.5) / count * (x[1] - x[0]), y[1] - (row + 0.5) / count * (y[1] - y[0])];
    }

    // Goes on until isOver(). A level has half the step of the one before, and skips the cells that this one has done.
    work(isOver) {
      while (!this.complete && !isOver()) {
        const {count, step} = this, across = count / step;
        const row = Math.floor(this.next / across) * step, column = this.next % across * step;
        if (step === count / 8 || row % (2 * step) || column % (2 * step)) {
          const place = this.placeAt(this.codeAt(row, column));
          for (let r = row; r < row + step; r++) this.places.fill(place, r * count + column, r * count + column + step);
          this.done += 1;
        }
        this.next += 1;
        if (this.next === across * across) {
          this.next = 0;
          this.step /= 2;
          this.paint();
        }
      }
      return !this.complete;
    }

    // All cells, with a darker pixel to the right and below where the next cell has another place.
    paint() {
      const {count, places, inner, border} = this, line = SCALE * count, last = SCALE - 1;
      const pixels = new Uint32Array(this.picture.data.buffer);
      for (let row = 0, cell = 0; row < count; row++) {
        for (let column = 0; column < count; column++, cell++) {
          const place = places[cell], at = SCALE * (row * line + column);
          const toRight = column + 1 < count && places[cell + 1] !== place;
          const below = row + 1 < count && places[cell + count] !== place;
          for (let r = 0; r < SCALE; r++) {
            for (let c = 0; c < SCALE; c++) {
              const isBorder = toRight && c === last || below && r === last;
              pixels[at + r * line + c] = (isBorder ? border : inner)[place];
            }
          }
        }
      }
      this.context.putImageData(this.picture, 0, 0);
    }

    // On a panel whose axes have these ranges.
    draw({context, box}) {
      context.imageSmoothingEnabled = true;
      context.drawImage(this.canvas, box.left, box.top, box.right - box.left, box.bottom - box.top);
    }
  }

  vaeLive.Tiles = Tiles;
})();
