// The view "Sky": a label map over its data, with its segments, spectra and tiles.

import { getJson } from "./api.js";
import { announce, attempt, button, clear, element } from "./dom.js";
import { SkyCanvas } from "./sky_canvas.js";
import { brightness, labelChoice } from "./sky_controls.js";
import { Readout } from "./sky_readout.js";
import { SegmentTable } from "./sky_segments.js";
import { channels } from "./sky_channels.js";
import { TileMap } from "./sky_tiles.js";

// What all parts of the view share: the plane, the crosshair, the segment, and who wants to know.
class Sky {
  constructor(map) {
    this.map = map;
    this.plane = map.first_plane;
    this.cross = null;
    this.hover = null;
    this.segment = 0;
    this.look = null;
    this.tiles = null;
    this.tile = -1;
    this.listeners = new Map();
  }

  on(event, listener) {
    this.listeners.set(event, [...(this.listeners.get(event) || []), listener]);
  }

  emit(event, ...given) {
    for (const listener of this.listeners.get(event) || []) listener(...given);
  }

  get unit() {
    return this.plane < 0 ? this.map.units.moment : this.map.units.channel;
  }

  // Tiles to outline on the map.
  shownTiles() {
    if (!this.tiles || this.tile < 0) return [];
    return [{ x: this.tiles.x[this.tile], y: this.tiles.y[this.tile], side: this.tiles.side }];
  }

  // The crosshair goes to a pixel; with it the segment there is chosen, unless it is to stay.
  async choose(pixel, { keepSegment = false } = {}) {
    if (!pixel) return;
    this.cross = pixel;
    this.view.reveal(pixel);
    const found = await getJson("api/map/at", { plane: this.plane, ...pixel });
    this.emit("chosen", found);
    if (!keepSegment) await this.chooseSegment(found.segment);
  }

  async chooseSegment(number, { show = false } = {}) {
    this.segment = number;
    this.emit("segment", number);
    this.view.draw();
    if (!number || !show) return;
    const found = await getJson("api/map/segment", { number });
    if (found.planes && !(this.plane >= found.planes[0] && this.plane < found.planes[1])) {
      await this.goToPlane(Math.floor((found.planes[0] + found.planes[1]) / 2));
    }
    if (found.box) this.view.showBox(found.box);
    this.view.canvas.scrollIntoView({ block: "nearest" });
    announce(`Segment ${number}, ${found.row.n_pixels} pixels, is outlined`);
  }

  async goToPlane(plane) {
    const wasMoment = this.plane < 0;
    this.plane = plane;
    this.emit("plane", plane, wasMoment !== plane < 0);
    await this.view.fetchPlane();
    if (this.cross) this.emit("chosen", await getJson("api/map/at", { plane, ...this.cross }));
  }
}

export async function start(place) {
  const map = await getJson("api/map/info");
  const sky = new Sky(map);
  const view = new SkyCanvas(sky);
  sky.view = view;
  const readout = new Readout(sky);
  const parts = {
    readout: readout.element,
    channels: map.n_planes > 1 ? await channels(sky) : null,
    brightness: map.data_path ? await brightness(sky) : null,
    labels: labelChoice(sky),
    tiles: map.has_tiles ? new TileMap(sky).element : null,
    segments: new SegmentTable(sky).element,
  };
  clear(place).append(...layout(sky, parts).filter(Boolean));
  connect(sky);
  sky.emit("look");
  await attempt(() => view.fetchPlane());
  return { keys: KEYS };
}

const KEYS = [
  ["+  −", "On the map: zoom in or out; the wheel does too"],
  ["0", "Show the whole map"],
  ["Arrows", "Move the map; dragging it does too"],
  ["Shift + arrows", "Move the crosshair pixel by pixel"],
  ["Enter", "Choose the segment under the crosshair; a click does too"],
  ["[  ]", "Channel before or behind"],
];

function layout(sky, parts) {
  const { map, view } = sky;
  const title = element("h2", { class: "sky-title", text: map.name });
  const data = map.data_path ? element("p", { class: "sky-data", text: `Labels of ${map.data_path}` }) : null;
  const notes = map.notes.map((note) => element("p", { class: "sky-note", text: note }));
  const tools = element(
    "div",
    { class: "sky-tools", role: "group", "aria-label": "Zoom" },
    button("Zoom in", () => view.zoomBy(1.5), { key: "+" }),
    button("Zoom out", () => view.zoomBy(1 / 1.5), { key: "-" }),
    button("All", () => view.showAll(), { key: "0", title: "Show the whole map" }),
    button("1:1", () => view.go(view.x, view.y, 1), { title: "One pixel of the screen for each of the map" }),
    zoomShown(sky),
  );
  const main = element("div", { class: "sky-main" }, tools, view.canvas, parts.readout, parts.channels);
  const side = element("div", { class: "sky-side" }, parts.brightness, parts.labels, parts.tiles);
  return [title, data, ...notes, element("div", { class: "sky-layout" }, main, side), parts.segments];
}

function zoomShown(sky) {
  const shown = element("span", { class: "sky-zoom" });
  sky.on("moved", () => {
    const zoom = sky.view.zoom;
    shown.textContent = zoom >= 1
      ? `1 pixel is ${zoom.toFixed(zoom < 10 ? 1 : 0)} on the screen`
      : `${(1 / zoom).toFixed(1)} pixels are 1 on the screen`;
  });
  return shown;
}

function connect(sky) {
  const { view } = sky;
  const [height, width] = sky.map.shape;
  sky.on("look", () => view.changed());
  sky.on("clicked", (pixel) => attempt(() => sky.choose(pixel)));
  sky.on("crossed", ([dx, dy]) => {
    const from = sky.cross || { x: Math.round(view.x), y: Math.round(view.y) };
    const x = Math.min(Math.max(from.x + dx, 0), width - 1);
    const y = Math.min(Math.max(from.y + dy, 0), height - 1);
    sky.crossing = attempt(() => sky.choose({ x, y }, { keepSegment: true }));
  });
  sky.on("stepped", (step) => {
    const first = sky.map.moment ? -1 : 0;
    const plane = Math.min(Math.max(sky.plane + step, first), sky.map.n_planes - 1);
    if (plane !== sky.plane) attempt(() => sky.goToPlane(plane));
  });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => sky.emit("look"));
}
