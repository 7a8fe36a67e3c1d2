// The map of all images: points on a canvas, with pan, zoom, lasso, box, and a cursor for the keyboard.

import { element } from "./dom.js";
import { rgb } from "./colours.js";

// More points than this are drawn pixel by pixel; fewer as shapes with an outline.
const SHAPES_UP_TO = 3000;
const HIT = 12;
const TAU = 2 * Math.PI;

export class Scatter {
  // `onselect(rows)`, `onopen(row)`, `onhover(row or -1, x, y)`.
  constructor(place, { onselect, onopen, onhover, label }) {
    this.onselect = onselect;
    this.onopen = onopen;
    this.onhover = onhover;
    this.positions = new Float32Array(0);
    this.colours = [];
    this.markers = [];
    this.codes = new Int32Array(0);
    this.chosen = null;
    this.ringed = -1;
    this.tool = "lasso";
    this.view = { x: 0, y: 0, scale: 1 };
    this.canvas = element("canvas", { class: "points" });
    this.overlay = element("canvas", {
      class: "overlay", tabindex: "0", role: "application", "aria-label": label,
    });
    this.frame = element("div", { class: "scatter" }, this.canvas, this.overlay);
    place.append(this.frame);
    this.#listen();
    new ResizeObserver(() => this.resize()).observe(this.frame);
  }

  get n() {
    return this.positions.length / 2;
  }

  setPositions(positions) {
    this.positions = positions;
    this.fit();
  }

  // Colour k of `colours` for every point with `codes[i] === k`; below zero the last one.
  setColours(codes, colours, markers = []) {
    this.codes = codes;
    this.colours = colours;
    this.markers = markers;
    this.draw();
  }

  // Others are drawn faint; null draws all alike.
  setChosen(rows) {
    this.chosen = rows && rows.length ? new Uint8Array(this.n) : null;
    if (this.chosen) for (const row of rows) this.chosen[row] = 1;
    this.draw();
  }

  ring(row) {
    this.ringed = row;
    this.#drawOverlay();
  }

  // For whoever uses keys: the cursor is seen at once.
  focus() {
    this.overlay.focus();
    this.keyboard = true;
    this.#drawOverlay();
  }

  resize() {
    const { width, height } = this.frame.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    const [w, h] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
    if (w === this.canvas.width && h === this.canvas.height) return;
    const first = !this.fitted;
    for (const one of [this.canvas, this.overlay]) [one.width, one.height] = [w, h];
    this.ratio = ratio;
    if (first || !this.moved) this.fit();
    else this.draw();
  }

  fit() {
    if (!this.n || !this.canvas.width) return;
    let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
    for (let i = 0; i < this.positions.length; i += 2) {
      x0 = Math.min(x0, this.positions[i]);
      x1 = Math.max(x1, this.positions[i]);
      y0 = Math.min(y0, this.positions[i + 1]);
      y1 = Math.max(y1, this.positions[i + 1]);
    }
    const margin = 24 * this.ratio;
    const across = Math.max(x1 - x0, y1 - y0, 1e-9) * 1e-3;
    const scale = Math.min(
      (this.canvas.width - margin) / Math.max(x1 - x0, across),
      (this.canvas.height - margin) / Math.max(y1 - y0, across),
    );
    this.view = { x: (x0 + x1) / 2, y: (y0 + y1) / 2, scale };
    this.cursor = { x: this.canvas.width / 2, y: this.canvas.height / 2 };
    this.fitted = true;
    this.moved = false;
    this.draw();
  }

  // Screen position in device pixels.
  #screen(i) {
    const { x, y, scale } = this.view;
    return [
      this.canvas.width / 2 + (this.positions[2 * i] - x) * scale,
      this.canvas.height / 2 - (this.positions[2 * i + 1] - y) * scale,
    ];
  }

  zoom(factor, sx = this.canvas.width / 2, sy = this.canvas.height / 2) {
    const { x, y, scale } = this.view;
    const [dx, dy] = [sx - this.canvas.width / 2, this.canvas.height / 2 - sy];
    const changed = scale * factor;
    this.view = { x: x + dx / scale - dx / changed, y: y + dy / scale - dy / changed, scale: changed };
    this.moved = true;
    this.draw();
  }

  pan(dx, dy) {
    this.view.x -= dx / this.view.scale;
    this.view.y += dy / this.view.scale;
    this.moved = true;
    this.draw();
  }

  draw() {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      if (this.n && this.codes.length === this.n) {
        if (this.n > SHAPES_UP_TO) this.#drawPixels();
        else this.#drawShapes();
      }
      this.#drawOverlay();
    });
  }

  #radius() {
    const size = this.n < 500 ? 5 : this.n < SHAPES_UP_TO ? 4 : this.n < 30_000 ? 2.2 : 1.3;
    return size * this.ratio * Math.min(2, Math.max(1, this.#magnification() ** 0.25));
  }

  #magnification() {
    const area = (this.canvas.width * this.canvas.height) / Math.max(this.n, 1);
    return area > 400 ? 1 : this.moved ? 4 : 1;
  }

  #drawPixels() {
    const { width, height } = this.canvas;
    const context = this.canvas.getContext("2d");
    const image = context.createImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    const packed = this.colours.map((colour) => {
      const [r, g, b] = rgb(colour);
      return [(255 << 24) | (b << 16) | (g << 8) | r, (70 << 24) | (b << 16) | (g << 8) | r];
    });
    const radius = this.#radius();
    const disc = [];
    const reach = Math.floor(radius);
    for (let dy = -reach; dy <= reach; dy += 1) {
      for (let dx = -reach; dx <= reach; dx += 1) if (dx * dx + dy * dy <= radius * radius) disc.push([dx, dy]);
    }
    const { x, y, scale } = this.view;
    const [left, top] = [width / 2 - x * scale, height / 2 + y * scale];
    // What is chosen goes on top.
    for (const pass of this.chosen ? [0, 1] : [1]) {
      for (let i = 0, n = this.n; i < n; i += 1) {
        if (this.chosen && this.chosen[i] !== pass) continue;
        const sx = Math.round(left + this.positions[2 * i] * scale);
        const sy = Math.round(top - this.positions[2 * i + 1] * scale);
        if (sx < -reach || sy < -reach || sx >= width + reach || sy >= height + reach) continue;
        const code = this.codes[i] < 0 ? packed.length - 1 : this.codes[i];
        const colour = packed[code][pass ? 0 : 1];
        for (const [dx, dy] of disc) {
          const [px, py] = [sx + dx, sy + dy];
          if (px >= 0 && py >= 0 && px < width && py < height) pixels[py * width + px] = colour;
        }
      }
    }
    context.putImageData(image, 0, 0);
  }

  #drawShapes() {
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const radius = this.#radius();
    const style = getComputedStyle(this.frame);
    context.lineWidth = this.ratio;
    context.strokeStyle = style.getPropertyValue("--edge");
    for (const pass of this.chosen ? [0, 1] : [1]) {
      context.globalAlpha = pass ? 0.9 : 0.22;
      for (let i = 0; i < this.n; i += 1) {
        if (this.chosen && this.chosen[i] !== pass) continue;
        const [sx, sy] = this.#screen(i);
        const code = this.codes[i] < 0 ? this.colours.length - 1 : this.codes[i];
        context.fillStyle = this.colours[code];
        tracePath(context, this.markers[code] || "circle", sx, sy, radius);
        context.fill();
        context.stroke();
      }
    }
    context.globalAlpha = 1;
  }

  #drawOverlay() {
    const context = this.overlay.getContext("2d");
    context.clearRect(0, 0, this.overlay.width, this.overlay.height);
    const style = getComputedStyle(this.frame);
    context.strokeStyle = style.getPropertyValue("--ink");
    context.lineWidth = 1.5 * this.ratio;
    if (this.ringed >= 0 && this.ringed < this.n) {
      const [sx, sy] = this.#screen(this.ringed);
      context.beginPath();
      context.arc(sx, sy, this.#radius() + 4 * this.ratio, 0, TAU);
      context.stroke();
    }
    if (this.path && this.path.length > 1) {
      context.setLineDash([5 * this.ratio, 4 * this.ratio]);
      context.beginPath();
      this.path.forEach(([px, py], k) => (k ? context.lineTo(px, py) : context.moveTo(px, py)));
      context.closePath();
      context.fillStyle = "rgb(31 90 140 / 12%)";
      context.fill();
      context.stroke();
      context.setLineDash([]);
    }
    if (this.keyboard) {
      const { x, y } = this.cursor;
      const arm = 9 * this.ratio;
      context.beginPath();
      context.moveTo(x - arm, y);
      context.lineTo(x + arm, y);
      context.moveTo(x, y - arm);
      context.lineTo(x, y + arm);
      context.stroke();
    }
  }

  // The nearest point within a few pixels, or -1.
  at(sx, sy) {
    let [best, least] = [-1, (HIT * this.ratio) ** 2];
    for (let i = 0; i < this.n; i += 1) {
      const [px, py] = this.#screen(i);
      const far = (px - sx) ** 2 + (py - sy) ** 2;
      if (far < least) [best, least] = [i, far];
    }
    return best;
  }

  // Rows of the points within a polygon of screen positions.
  within(path) {
    const { x, y, scale } = this.view;
    const polygon = path.map(([px, py]) => [
      (px - this.canvas.width / 2) / scale + x, (this.canvas.height / 2 - py) / scale + y,
    ]);
    const [xs, ys] = [polygon.map((p) => p[0]), polygon.map((p) => p[1])];
    const [x0, x1] = [Math.min(...xs), Math.max(...xs)];
    const [y0, y1] = [Math.min(...ys), Math.max(...ys)];
    const found = [];
    for (let i = 0; i < this.n; i += 1) {
      const [px, py] = [this.positions[2 * i], this.positions[2 * i + 1]];
      if (px >= x0 && px <= x1 && py >= y0 && py <= y1 && isInside(xs, ys, px, py)) found.push(i);
    }
    return found;
  }

  #position(event) {
    const box = this.overlay.getBoundingClientRect();
    return [(event.clientX - box.left) * this.ratio, (event.clientY - box.top) * this.ratio];
  }

  #listen() {
    const { overlay } = this;
    overlay.addEventListener("pointerdown", (event) => this.#down(event));
    overlay.addEventListener("pointermove", (event) => this.#move(event));
    overlay.addEventListener("pointerup", (event) => this.#up(event));
    overlay.addEventListener("pointercancel", () => this.#drop());
    overlay.addEventListener("pointerleave", () => this.onhover(-1, 0, 0));
    overlay.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY / 400), ...this.#position(event));
    }, { passive: false });
    overlay.addEventListener("dblclick", (event) => {
      const row = this.at(...this.#position(event));
      if (row >= 0) this.onopen(row);
    });
    overlay.addEventListener("keydown", (event) => this.#key(event));
    overlay.addEventListener("blur", () => {
      this.keyboard = false;
      this.#drawOverlay();
    });
  }

  #down(event) {
    if (event.button > 1) return;
    this.overlay.setPointerCapture(event.pointerId);
    const start = this.#position(event);
    const panning = this.tool === "pan" || event.button === 1 || event.altKey;
    this.drag = { start, last: start, panning, adds: event.shiftKey };
    if (!panning) this.path = [start];
  }

  #move(event) {
    const now = this.#position(event);
    if (!this.drag) {
      const row = this.at(...now);
      this.onhover(row, event.clientX, event.clientY);
      if (row !== this.ringed) this.ring(row);
      return;
    }
    if (this.drag.panning) this.pan(now[0] - this.drag.last[0], now[1] - this.drag.last[1]);
    else if (this.tool === "box") this.path = corners(this.drag.start, now);
    else this.path.push(now);
    this.drag.last = now;
    this.#drawOverlay();
  }

  #up(event) {
    if (!this.drag) return;
    const { start, panning, adds } = this.drag;
    const now = this.#position(event);
    const still = Math.hypot(now[0] - start[0], now[1] - start[1]) < 4 * this.ratio;
    const path = this.path;
    this.#drop();
    if (still && !(path && path.length > 8)) {
      const row = this.at(...now);
      this.onselect(row >= 0 ? [row] : [], adds);
    } else if (!panning) this.onselect(this.within(path), adds);
  }

  #drop() {
    this.drag = null;
    this.path = null;
    this.#drawOverlay();
  }

  // Arrows move a cursor, B begins and ends a box, Enter takes what is under the cursor.
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = (event.shiftKey ? 60 : 12) * this.ratio;
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key in moves) {
      const [dx, dy] = moves[event.key];
      this.keyboard = true;
      this.cursor.x = Math.min(this.canvas.width, Math.max(0, this.cursor.x + dx * step));
      this.cursor.y = Math.min(this.canvas.height, Math.max(0, this.cursor.y + dy * step));
      if (this.boxFrom) this.path = corners(this.boxFrom, [this.cursor.x, this.cursor.y]);
      this.ringed = this.at(this.cursor.x, this.cursor.y);
      this.#hoverCursor();
    } else if (event.key === "+" || event.key === "=") this.zoom(1.4, this.cursor.x, this.cursor.y);
    else if (event.key === "-") this.zoom(1 / 1.4, this.cursor.x, this.cursor.y);
    else if (event.key === "f") this.fit();
    else if (event.key === "b") this.#keyBox();
    else if (event.key === "Escape" && this.boxFrom) {
      this.boxFrom = null;
      this.#drop();
    } else if (event.key === "Enter") {
      if (this.boxFrom) this.#keyBox();
      else if (this.ringed >= 0) this.onselect([this.ringed], event.shiftKey);
      else return;
    } else return;
    event.preventDefault();
    event.stopPropagation();
    this.#drawOverlay();
  }

  #keyBox() {
    if (!this.boxFrom) {
      this.keyboard = true;
      this.boxFrom = [this.cursor.x, this.cursor.y];
      return;
    }
    const found = this.within(corners(this.boxFrom, [this.cursor.x, this.cursor.y]));
    this.boxFrom = null;
    this.#drop();
    this.onselect(found, false);
  }

  #hoverCursor() {
    const box = this.overlay.getBoundingClientRect();
    const [x, y] = [this.cursor.x / this.ratio + box.left, this.cursor.y / this.ratio + box.top];
    this.onhover(this.ringed, x, y);
  }
}

function corners([x0, y0], [x1, y1]) {
  return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
}

// Whether a ray to the right crosses the outline an odd number of times.
function isInside(xs, ys, x, y) {
  let inside = false;
  for (let i = 0, j = xs.length - 1; i < xs.length; j = i, i += 1) {
    if (ys[i] > y !== ys[j] > y && x < ((xs[j] - xs[i]) * (y - ys[i])) / (ys[j] - ys[i]) + xs[i]) inside = !inside;
  }
  return inside;
}

const CORNERS = { triangle: [3, -90], inverted_triangle: [3, 90], square: [4, 45], diamond: [4, 0], hex: [6, 0] };

function tracePath(context, marker, x, y, radius) {
  context.beginPath();
  if (marker === "circle") {
    context.arc(x, y, radius, 0, TAU);
    return;
  }
  const star = marker === "star";
  const [count, start] = star ? [10, -90] : CORNERS[marker];
  for (let k = 0; k < count; k += 1) {
    const angle = ((start + (360 * k) / count) * Math.PI) / 180;
    const reach = radius * (star && k % 2 ? 0.6 : 1.25);
    context.lineTo(x + reach * Math.cos(angle), y + reach * Math.sin(angle));
  }
  context.closePath();
}
