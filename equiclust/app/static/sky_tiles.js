// The tiles by their texture, beside the map: a point there is a tile here, and the reverse.

import { getArrays } from "./api.js";
import { announce, attempt, button, clear, element } from "./dom.js";
import { categorical, ink } from "./colours.js";
import { drawComponentAxes } from "./component_axes.js";

const MARGIN = 30;
const EDGE = 12;
const REACH = 12;

export class TileMap {
  constructor(sky) {
    this.sky = sky;
    this.group = null;
    this.canvas = element("canvas", {
      class: "sky-tiles",
      tabindex: "0",
      role: "application",
      "aria-label": "Map of the tiles by texture. Arrow keys go from tile to tile, Enter goes to the tile on the sky.",
    });
    this.caption = element("figcaption");
    this.place = element("div");
    this.element = element("fieldset", { class: "sky-panel" }, element("legend", { text: "Tiles by texture" }), this.place);
    this.offer("See which parts of the map have like textures: the latent of every tile, in two dimensions.");
    this.listen();
  }

  offer(sentence) {
    this.sky.tiles = null;
    this.sky.tile = -1;
    clear(this.place).append(
      element("p", { text: sentence }),
      button("Encode the tiles", () => this.read(), { title: "Takes some ten seconds" }),
    );
  }

  groupOf(plane) {
    return this.sky.map.group ? Math.floor(plane / this.sky.map.group) : 0;
  }

  async read() {
    const { plane } = this.sky;
    clear(this.place).append(element("p", { role: "status", text: "Encoding the tiles; this takes some ten seconds." }));
    try {
      const { header, arrays } = await getArrays("api/map/tiles", { plane });
      this.sky.tiles = { ...arrays, side: header.tile };
      this.group = this.groupOf(plane);
      this.describe(header, arrays.x.length);
    } catch (error) {
      this.offer("The tiles could not be encoded.");
      throw error;
    }
    clear(this.place).append(element("figure", { class: "sky-figure" }, this.canvas, this.caption));
    this.draw();
    announce(`${this.sky.tiles.x.length} tiles are shown`);
  }

  describe({ shares, tile, n_all }, count) {
    const [first, second] = shares.map((share) => `${(100 * share).toFixed(0)} %`);
    const sample = count < n_all ? `${count} of ${n_all} tiles` : `${count} tiles`;
    this.caption.textContent =
      `${sample} of ${tile} pixels; first and second principal component of their latents, ` +
      `${first} and ${second} of the variance, each drawn over its whole range. Colours are those of the map at the tile's centre.`;
  }

  listen() {
    const { sky, canvas } = this;
    sky.on("pointed", ({ x, y }) => this.choose(this.tileAt(x, y)));
    sky.on("chosen", ({ x, y }) => this.choose(this.tileAt(x, y)));
    for (const event of ["segment", "look"]) sky.on(event, () => this.draw());
    sky.on("plane", (plane) => {
      if (sky.tiles && this.groupOf(plane) !== this.group) this.offer("The tiles of this plane are others.");
    });
    canvas.addEventListener("pointermove", (event) => this.choose(this.pointAt(event)));
    canvas.addEventListener("click", (event) => this.go(this.pointAt(event)));
    canvas.addEventListener("keydown", (event) => this.pressed(event));
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  choose(tile) {
    if (!this.sky.tiles || tile < 0 || tile === this.sky.tile) return;
    this.sky.tile = tile;
    this.draw();
    this.sky.view.draw();
  }

  go(tile) {
    if (tile < 0) return;
    this.choose(tile);
    const { tiles, map } = this.sky;
    const pixel = { x: tiles.x[tile], y: tiles.y[tile] };
    pixel.x = Math.min(Math.max(Math.round(pixel.x), 0), map.shape[1] - 1);
    pixel.y = Math.min(Math.max(Math.round(pixel.y), 0), map.shape[0] - 1);
    attempt(() => this.sky.choose(pixel));
  }

  pressed(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const step = steps[event.key];
    if (!this.sky.tiles || !(step || event.key === "Enter")) return;
    event.preventDefault();
    if (step) this.choose(this.neighbour(step));
    else this.go(this.sky.tile);
  }

  // The nearest tile that lies in a direction, within 45 degrees of it.
  neighbour([dx, dy]) {
    const from = this.sky.tile < 0 ? 0 : this.sky.tile;
    const [left, top] = this.placed(from);
    let [best, nearest] = [from, Infinity];
    for (let tile = 0; tile < this.sky.tiles.x.length; tile += 1) {
      const [x, y] = this.placed(tile);
      const along = (x - left) * dx + (y - top) * dy;
      const across = Math.abs((x - left) * dy) + Math.abs((y - top) * dx);
      if (along > 0.5 && along >= across && along + across < nearest) {
        [best, nearest] = [tile, along + across];
      }
    }
    return best;
  }

  tileAt(x, y) {
    const { tiles } = this.sky;
    if (!tiles) return -1;
    let [best, nearest] = [-1, tiles.side];
    for (let tile = 0; tile < tiles.x.length; tile += 1) {
      const distance = Math.hypot(tiles.x[tile] - x, tiles.y[tile] - y);
      if (distance < nearest) [best, nearest] = [tile, distance];
    }
    return best;
  }

  pointAt({ offsetX, offsetY }) {
    if (!this.sky.tiles) return -1;
    let [best, nearest] = [-1, REACH];
    for (let tile = 0; tile < this.sky.tiles.x.length; tile += 1) {
      const [x, y] = this.placed(tile);
      const distance = Math.hypot(x - offsetX, y - offsetY);
      if (distance < nearest) [best, nearest] = [tile, distance];
    }
    return best;
  }

  // Each axis fills its range: the first component alone often has nearly all of the variance.
  placed(tile) {
    const { positions } = this.sky.tiles;
    if (this.boundsOf !== positions) {
      this.boundsOf = positions;
      this.bounds = [bounds(positions, 0), bounds(positions, 1)];
    }
    const [x, y] = this.bounds.map(({ low, span }, axis) => (positions[2 * tile + axis] - low) / span);
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
    return [MARGIN + x * (width - MARGIN - EDGE), EDGE + (1 - y) * (height - MARGIN - EDGE)];
  }

  draw() {
    const { canvas, sky } = this;
    if (!sky.tiles || !canvas.clientWidth) return;
    const ratio = window.devicePixelRatio || 1;
    canvas.width = canvas.clientWidth * ratio;
    canvas.height = canvas.clientHeight * ratio;
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    drawComponentAxes(context, this.canvas.clientWidth, this.canvas.clientHeight);
    const { labels, segments } = sky.tiles;
    for (let tile = 0; tile < labels.length; tile += 1) {
      const isFaint = sky.segment > 0 && segments[tile] !== sky.segment;
      context.globalAlpha = isFaint ? 0.18 : 0.8;
      context.fillStyle = labels[tile] < -1 ? ink("--line") : categorical(labels[tile]);
      context.beginPath();
      context.arc(...this.placed(tile), isFaint ? 2 : 2.6, 0, 7);
      context.fill();
    }
    context.globalAlpha = 1;
    if (sky.tile < 0) return;
    context.strokeStyle = ink("--ink");
    context.lineWidth = 2;
    context.beginPath();
    context.arc(...this.placed(sky.tile), 7, 0, 7);
    context.stroke();
  }
}

function bounds(positions, axis) {
  let [low, high] = [Infinity, -Infinity];
  for (let at = axis; at < positions.length; at += 2) {
    low = Math.min(low, positions[at]);
    high = Math.max(high, positions[at]);
  }
  return { low, span: high - low || 1 };
}
