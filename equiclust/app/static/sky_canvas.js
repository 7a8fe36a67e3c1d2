// The map itself: what is in view, drawn, moved by pointer, wheel and keys, and fetched in detail.

import { getArrays } from "./api.js";
import { element, say } from "./dom.js";
import { drawOverlays } from "./sky_overlay.js";
import { painted } from "./sky_paint.js";

const LARGEST_ZOOM = 64;
const LARGEST_SIDE = 2048;
const COARSE_SIDE = 1024;
// Beyond the edge of the view, so that a small move shows no gap.
const MARGIN = 0.15;
const WAIT_MS = 150;

export class SkyCanvas {
  constructor(sky) {
    this.sky = sky;
    this.canvas = element("canvas", {
      class: "sky-canvas",
      tabindex: "0",
      role: "application",
      "aria-label":
        "Map. Plus and minus zoom, 0 shows all, arrow keys move the map, shift and arrow keys move the " +
        "crosshair, Enter selects the segment under it.",
    });
    const [height, width] = sky.map.shape;
    this.x = (width - 1) / 2;
    this.y = (height - 1) / 2;
    this.zoom = 0;
    this.layers = { overview: null, detail: null };
    this.pictures = new Map();
    this.waiting = 0;
    this.asked = null;
    this.pointers = new Map();
    this.frame = 0;
    new ResizeObserver(() => this.resized()).observe(this.canvas);
    this.listen();
  }

  get width() {
    return this.canvas.clientWidth || 300;
  }

  get height() {
    return this.canvas.clientHeight || 300;
  }

  // Screen pixels by pixel of the map, when all of it is in view.
  get smallestZoom() {
    const [height, width] = this.sky.map.shape;
    return Math.min(this.width / width, this.height / height);
  }

  get region() {
    return this.layers.detail || this.layers.overview;
  }

  toScreen(x, y) {
    return [(x - this.x) * this.zoom + this.width / 2, this.height / 2 - (y - this.y) * this.zoom];
  }

  toMap(left, top) {
    return [(left - this.width / 2) / this.zoom + this.x, (this.height / 2 - top) / this.zoom + this.y];
  }

  // The pixel at a place on the screen, or null beyond the map.
  pixelAt(left, top) {
    const [x, y] = this.toMap(left, top).map(Math.round);
    const [height, width] = this.sky.map.shape;
    return x >= 0 && y >= 0 && x < width && y < height ? { x, y } : null;
  }

  resized() {
    const ratio = window.devicePixelRatio || 1;
    const isWhole = this.zoom === 0 || this.zoom <= this.fitted * 1.001;
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    this.fitted = this.smallestZoom;
    if (isWhole) this.zoom = this.fitted;
    this.moved();
  }

  showAll() {
    const [height, width] = this.sky.map.shape;
    this.go((width - 1) / 2, (height - 1) / 2, this.smallestZoom);
  }

  // Zooms so that a box (first and last rows, first and last columns) fills two thirds of the view.
  showBox([y0, y1, x0, x1]) {
    const zoom = (2 / 3) * Math.min(this.width / (x1 - x0), this.height / (y1 - y0));
    this.go((x0 + x1 - 1) / 2, (y0 + y1 - 1) / 2, zoom);
  }

  go(x, y, zoom = this.zoom) {
    const [height, width] = this.sky.map.shape;
    this.zoom = Math.min(Math.max(zoom, this.smallestZoom), LARGEST_ZOOM);
    this.x = Math.min(Math.max(x, 0), width - 1);
    this.y = Math.min(Math.max(y, 0), height - 1);
    this.moved();
  }

  // Zooms about a place on the screen, by default the middle.
  zoomBy(factor, left = this.width / 2, top = this.height / 2) {
    const [x, y] = this.toMap(left, top);
    const zoom = Math.min(Math.max(this.zoom * factor, this.smallestZoom), LARGEST_ZOOM);
    const share = 1 - this.zoom / zoom;
    this.go(this.x + (x - this.x) * share, this.y + (y - this.y) * share, zoom);
  }

  moved() {
    this.draw();
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.fetchDetail().catch(say), WAIT_MS);
    this.sky.emit("moved");
  }

  // Pixels in view, with a margin: [y0, y1, x0, x1].
  boxInView() {
    const [height, width] = this.sky.map.shape;
    const span = (middle, seen, length) => {
      const extra = Math.min(MARGIN * seen, Math.max(0, (LARGEST_SIDE - 4 - seen) / 2));
      const first = Math.max(0, Math.floor(middle - seen / 2 - extra));
      return [Math.min(first, length - 1), Math.min(length, Math.ceil(middle + seen / 2 + extra) + 1)];
    };
    return [...span(this.y, this.height / this.zoom, height), ...span(this.x, this.width / this.zoom, width)];
  }

  isEnough(region, [y0, y1, x0, x1]) {
    if (!region || region.plane !== this.sky.plane) return false;
    const ratio = window.devicePixelRatio || 1;
    const covers = region.y0 <= y0 && region.y1 >= y1 && region.x0 <= x0 && region.x1 >= x1;
    return covers && (region.step === 1 || region.step * this.zoom * ratio <= 1);
  }

  async fetchDetail() {
    // Until the whole plane is there, nothing of it is asked for in detail.
    if (!this.layers.overview || this.layers.overview.plane !== this.sky.plane) return;
    const box = this.boxInView();
    if (this.isEnough(this.layers.overview, box)) {
      if (this.layers.detail) this.replace({ ...this.layers, detail: null });
      return;
    }
    if (this.isEnough(this.layers.detail, box)) return;
    const ratio = window.devicePixelRatio || 1;
    const side = Math.max(box[1] - box[0], box[3] - box[2]);
    const detail = await this.fetchRegion(box, Math.max(256, Math.ceil(side * this.zoom * ratio)));
    this.replace({ ...this.layers, detail });
  }

  // All of the plane, coarse: it is under the detail and comes first.
  async fetchPlane() {
    const [height, width] = this.sky.map.shape;
    const overview = await this.fetchRegion([0, height, 0, width], COARSE_SIDE);
    this.replace({ overview, detail: null });
    await this.fetchDetail();
  }

  replace(layers) {
    this.layers = layers;
    this.changed();
  }

  async fetchRegion([y0, y1, x0, x1], side) {
    if (this.asked) this.asked.abort();
    this.asked = new AbortController();
    const params = { plane: this.sky.plane, y0, y1, x0, x1, max_side: Math.min(side, LARGEST_SIDE) };
    const { header, arrays } = await getArrays("api/map/region", params, this.asked.signal);
    return { ...header, ...arrays };
  }

  // The look or the numbers are others: all is painted anew.
  changed() {
    this.pictures.clear();
    this.draw();
    this.sky.emit("painted");
  }

  draw() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
  }

  paint() {
    const context = this.canvas.getContext("2d");
    const ratio = window.devicePixelRatio || 1;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    context.imageSmoothingEnabled = false;
    for (const region of [this.layers.overview, this.layers.detail]) {
      if (region && this.sky.look) this.paintRegion(context, region);
    }
    drawOverlays(context, this);
  }

  paintRegion(context, region) {
    if (!this.pictures.has(region)) this.pictures.set(region, painted(region, this.sky.look));
    const picture = this.pictures.get(region);
    const [height, width] = region.labels.shape;
    const size = region.step * this.zoom;
    const [left, bottom] = this.toScreen(region.x0 - 0.5, region.y0 - 0.5);
    // Blocks at the far edge may be cut off by the edge of the map.
    context.save();
    context.beginPath();
    const [right, top] = this.toScreen(region.x1 - 0.5, region.y1 - 0.5);
    context.rect(left, top, right - left, bottom - top);
    context.clip();
    context.clearRect(left, top, right - left, bottom - top);
    context.drawImage(picture, left, bottom - height * size, width * size, height * size);
    context.restore();
  }

  listen() {
    const canvas = this.canvas;
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoomBy(Math.exp(-Math.sign(event.deltaY) * 0.2), event.offsetX, event.offsetY);
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, { left: event.offsetX, top: event.offsetY });
      this.travelled = this.pointers.size > 1 ? Infinity : 0;
    });
    canvas.addEventListener("pointermove", (event) => this.pointed(event));
    canvas.addEventListener("pointerup", (event) => {
      if (this.pointers.delete(event.pointerId) && this.travelled < 4) {
        this.sky.emit("clicked", this.pixelAt(event.offsetX, event.offsetY));
      }
    });
    canvas.addEventListener("pointercancel", (event) => this.pointers.delete(event.pointerId));
    canvas.addEventListener("pointerleave", () => this.sky.emit("hovered", null));
    canvas.addEventListener("keydown", (event) => this.pressed(event));
  }

  pointed(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) {
      this.sky.emit("hovered", this.pixelAt(event.offsetX, event.offsetY));
      return;
    }
    const now = { left: event.offsetX, top: event.offsetY };
    const others = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    this.pointers.set(event.pointerId, now);
    if (others.length === 1) {
      const [other] = others;
      const distance = (place) => Math.hypot(place.left - other.left, place.top - other.top) || 1;
      this.zoomBy(distance(now) / distance(before), other.left, other.top);
      return;
    }
    this.travelled += Math.hypot(now.left - before.left, now.top - before.top);
    if (this.travelled < 4) return;
    this.go(this.x - (now.left - before.left) / this.zoom, this.y + (now.top - before.top) / this.zoom);
  }

  pressed(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const actions = {
      "+": () => this.zoomBy(1.5),
      "=": () => this.zoomBy(1.5),
      "-": () => this.zoomBy(1 / 1.5),
      "0": () => this.showAll(),
      Enter: () => this.sky.emit("clicked", this.sky.cross),
      "[": () => this.sky.emit("stepped", -1),
      "]": () => this.sky.emit("stepped", 1),
    };
    const step = steps[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey || !(step || actions[event.key])) return;
    event.preventDefault();
    if (!step) actions[event.key]();
    else if (event.shiftKey) this.sky.emit("crossed", step);
    else this.go(this.x + (step[0] * 60) / this.zoom, this.y + (step[1] * 60) / this.zoom);
  }

  // Moves the view, if need be, so that a pixel is in it.
  reveal({ x, y }) {
    const [left, top] = this.toScreen(x, y);
    const edge = 20;
    if (left > edge && top > edge && left < this.width - edge && top < this.height - edge) this.draw();
    else this.go(x, y);
  }
}
