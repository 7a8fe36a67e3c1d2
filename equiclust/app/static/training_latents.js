// Latents of the same images through the epochs, as points that keep their place.

import { getArrays } from "./api.js";
import { categorical, ink, marker } from "./colours.js";
import { drawComponentAxes } from "./component_axes.js";
import { element } from "./dom.js";

const MARGIN = 26;
const REACH = 12;

function percent(share) {
  return `${Math.round(100 * share)} % of the variance`;
}

export class LatentMap {
  constructor(openImage) {
    this.openImage = openImage;
    this.found = null;
    this.epoch = undefined;
    this.canvas = element("canvas", { class: "training-latents", role: "img", "aria-label": "Latents" });
    this.caption = element("p", { class: "aside" });
    this.pointed = element("p", { class: "aside pointed" });
    this.element = element("div", {}, element("h4", { text: "Latents" }), this.canvas, this.caption, this.pointed);
    this.canvas.addEventListener("pointermove", (event) => this.#point(this.#at(event)));
    this.canvas.addEventListener("pointerleave", () => this.#point(-1));
    this.canvas.addEventListener("click", (event) => {
      const at = this.#at(event);
      if (at >= 0 && this.openImage && this.found.codes[at] > -2) this.openImage(this.found.rows[at]);
    });
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  async open(member) {
    const { header, arrays } = await getArrays("api/training/latents", { member });
    this.found = { ...header, ...arrays };
    this.bounds = bounds(arrays.positions);
    this.element.hidden = !header.epochs.length;
    this.draw();
  }

  show(epoch) {
    this.epoch = epoch;
    this.draw();
  }

  // Snapshots with latents before and after the epoch that is shown, and how far it is from one to
  // the other, 0 to 1.
  get frame() {
    const { epochs } = this.found;
    const last = epochs.length - 1;
    const epoch = this.epoch ?? epochs[last];
    const after = epochs.findIndex((one) => one >= epoch);
    if (after <= 0) return after < 0 ? { before: last, after: last, share: 0 } : { before: 0, after: 0, share: 0 };
    if (epochs[after] === epoch) return { before: after, after, share: 0 };
    const before = after - 1;
    return { before, after, share: (epoch - epochs[before]) / (epochs[after] - epochs[before]) };
  }

  // Position of a point on the canvas, in pixels of the page.
  #placed(at, frame) {
    const { positions, rows } = this.found;
    const { before, after, share } = frame;
    const [from, to] = [before, after].map((k) => 2 * (k * rows.length + at));
    const [px, py] = [0, 1].map((k) => (1 - share) * positions[from + k] + share * positions[to + k]);
    const { x, y, half } = this.bounds;
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
    const scale = (Math.min(width, height) / 2 - MARGIN) / half;
    return [
      width / 2 + (px - x) * scale,
      height / 2 - (py - y) * scale,
    ];
  }

  draw() {
    const { canvas, found } = this;
    if (!found || !canvas.clientWidth) return;
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(canvas.clientWidth * ratio);
    canvas.height = Math.round(canvas.clientHeight * ratio);
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    drawComponentAxes(context, this.canvas.clientWidth, this.canvas.clientHeight);
    const isCoded = found.codes.some((code) => code > -2);
    const plain = ink("--accent");
    if (found.epochs.length) {
      const { frame } = this;
      context.strokeStyle = ink("--edge");
      context.lineWidth = 0.7;
      for (let at = 0; at < found.rows.length; at += 1) {
        context.fillStyle = isCoded ? categorical(Math.max(found.codes[at], -1)) : plain;
        trace(context, isCoded ? marker(found.codes[at]) : "circle", ...this.#placed(at, frame));
        context.fill();
        context.stroke();
      }
    }
    this.#describe(isCoded);
  }

  #describe(isCoded) {
    const { epochs, rows, shares } = this.found;
    if (!epochs.length) return;
    const coloured = isCoded ? "coloured by the cluster that the run found" : "not coloured before the run is finished";
    const { before, after, share } = this.frame;
    const when = share ? `between the ends of epochs ${epochs[before] + 1} and ${epochs[after] + 1}` : `at the end of epoch ${epochs[after] + 1}`;
    const text = `Latents of ${rows.length} images ${when}, ${coloured}`;
    this.caption.textContent =
      `${text}. The axes are the first two principal components of the last snapshot ` +
      `(${percent(shares[0])}, ${percent(shares[1])}), so that an image that does not change keeps its place.`;
    this.canvas.setAttribute("aria-label", text);
  }

  #at({ offsetX, offsetY }) {
    if (!this.found || !this.found.epochs.length) return -1;
    const { frame } = this;
    let [best, nearest] = [-1, REACH];
    for (let at = 0; at < this.found.rows.length; at += 1) {
      const [x, y] = this.#placed(at, frame);
      const distance = Math.hypot(x - offsetX, y - offsetY);
      if (distance < nearest) [best, nearest] = [at, distance];
    }
    return best;
  }

  #point(at) {
    if (at < 0) {
      this.pointed.textContent = "";
      return;
    }
    const code = this.found.codes[at];
    const cluster = code >= 0 ? `, cluster ${code}` : code === -1 ? ", no cluster" : "";
    this.pointed.textContent = `image ${this.found.rows[at] + 1}${cluster}`;
  }
}

function trace(context, shape, x, y) {
  const r = 3.5;
  context.beginPath();
  if (shape === "circle") context.arc(x, y, r, 0, 7);
  else if (shape === "square") context.rect(x - r, y - r, 2 * r, 2 * r);
  else {
    const up = shape === "inverted_triangle" ? -1 : 1;
    const corners = shape.endsWith("triangle") ? [[0, -1.3], [1.2, 0.9], [-1.2, 0.9]] : [[0, -1.4], [1.4, 0], [0, 1.4], [-1.4, 0]];
    corners.forEach(([dx, dy], k) => context[k ? "lineTo" : "moveTo"](x + dx * r, y + up * dy * r));
    context.closePath();
  }
}

function bounds(positions) {
  let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let at = 0; at < positions.length; at += 2) {
    [left, right] = [Math.min(left, positions[at]), Math.max(right, positions[at])];
    [low, high] = [Math.min(low, positions[at + 1]), Math.max(high, positions[at + 1])];
  }
  if (!positions.length) return { x: 0, y: 0, half: 1 };
  return { x: (left + right) / 2, y: (low + high) / 2, half: Math.max(right - left, high - low) / 2 || 1 };
}
