// The channels of a cube: slider, play, and the spectrum under the pointer.

import { getJson } from "./api.js";
import { attempt, button, element, say, select } from "./dom.js";
import { ink } from "./colours.js";
import { shown, ticks, withUnit } from "./sky_text.js";

const PLAY_MS = 160;
const MARGIN = { left: 58, right: 10, top: 10, bottom: 40 };

export async function channels(sky) {
  const axis = await getJson("api/map/axis");
  const chart = sky.map.has_spectrum ? new Spectrum(sky, axis) : null;
  return element(
    "fieldset",
    { class: "sky-panel" },
    element("legend", { text: sky.map.data_path ? "Channels" : "Planes" }),
    sky.map.moment ? shownChoice(sky) : null,
    slidingChannel(sky, axis),
    chart ? chart.element : null,
  );
}

function shownChoice(sky) {
  const name = sky.map.moment === "peak" ? "brightest channel" : "sum over all channels";
  let channel = sky.plane < 0 ? Math.floor(sky.map.n_planes / 2) : sky.plane;
  const made = select("Shown", [["moment", name], ["channel", "one channel"]],
    sky.plane < 0 ? "moment" : "channel",
    (chosen) => sky.goToPlane(chosen === "moment" ? -1 : channel));
  sky.on("plane", (plane) => {
    made.querySelector("select").value = plane < 0 ? "moment" : "channel";
    if (plane >= 0) channel = plane;
  });
  return made;
}

function placeOf(axis, plane) {
  const number = `${plane} (0 to ${axis.values.length - 1})`;
  if (axis.kind === "channel") return number;
  return `${number}, ${axis.kind} ${withUnit(axis.values[plane], axis.unit, 6)}`;
}

function slidingChannel(sky, axis) {
  const last = sky.map.n_planes - 1;
  const input = element("input", { type: "range", min: "0", max: String(last), step: "1" });
  const output = element("output");
  const label = element("label", { class: "field slider sky-wide" }, element("span", { text: "Channel" }), input, output);
  let wanted = null;
  const go = async (plane) => {
    // While one plane is on its way the last one asked for waits.
    if (wanted !== null) {
      wanted = plane;
      return;
    }
    wanted = plane;
    try {
      while (wanted !== null && wanted !== sky.plane) await sky.goToPlane(wanted);
    } finally {
      wanted = null;
    }
  };
  const show = (plane) => {
    const text = plane < 0 ? "all together" : placeOf(axis, plane);
    output.textContent = text;
    input.setAttribute("aria-valuetext", text);
    input.value = String(plane >= 0 ? plane : Math.floor(last / 2));
  };
  input.addEventListener("input", () => attempt(() => go(Number(input.value))));
  sky.on("plane", show);
  show(sky.plane);
  return element("div", { class: "sky-row" }, label, player(sky, go));
}

function player(sky, go) {
  let timer = 0;
  const play = button("Play", () => (timer ? stop() : start()));
  const stop = () => {
    clearTimeout(timer);
    timer = 0;
    play.firstChild.data = "Play";
  };
  const step = async () => {
    try {
      await go((Math.max(sky.plane, -1) + 1) % sky.map.n_planes);
      if (timer) timer = setTimeout(step, PLAY_MS);
    } catch (error) {
      stop();
      say(error);
    }
  };
  const start = () => {
    play.firstChild.data = "Pause";
    timer = setTimeout(step, 0);
  };
  return element(
    "div",
    { class: "sky-row", role: "group", "aria-label": "Steps" },
    button("Back", () => sky.emit("stepped", -1), { key: "[" }),
    button("On", () => sky.emit("stepped", 1), { key: "]" }),
    play,
  );
}

class Spectrum {
  constructor(sky, axis) {
    this.sky = sky;
    this.axis = axis;
    this.spectrum = null;
    this.isBusy = false;
    this.next = null;
    this.canvas = element("canvas", { class: "sky-spectrum", role: "img", "aria-label": "Spectrum: choose a pixel" });
    this.caption = element("figcaption", { text: "Spectrum: point at the map, or move the crosshair." });
    this.element = element("figure", { class: "sky-figure" }, this.caption, this.canvas);
    for (const event of ["pointed", "chosen"]) sky.on(event, (found) => this.ask(found, event));
    for (const event of ["plane", "look"]) sky.on(event, () => this.draw());
    this.canvas.addEventListener("click", (event) => this.clicked(event));
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  async ask(found, event) {
    this.next = { x: found.x, y: found.y, event };
    if (this.isBusy) return;
    this.isBusy = true;
    try {
      while (this.next) {
        const { x, y, event: from } = this.next;
        this.next = null;
        if (this.spectrum && this.spectrum.x === x && this.spectrum.y === y) continue;
        this.spectrum = await getJson("api/map/spectrum", { x, y });
        this.caption.textContent = `Spectrum at pixel ${x}, ${y} (${from === "pointed" ? "pointer" : "crosshair"})`;
        this.draw();
      }
    } catch (error) {
      say(error);
    }
    this.isBusy = false;
  }

  scales() {
    const { values } = this.spectrum;
    const known = values.filter((value) => value !== null);
    const low = Math.min(0, ...known);
    const high = Math.max(...known, low + 1e-30);
    const pad = 0.06 * (high - low);
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
    const inner = { width: width - MARGIN.left - MARGIN.right, height: height - MARGIN.top - MARGIN.bottom };
    const places = this.axis.values;
    const [first, last] = [Math.min(...places), Math.max(...places)];
    const half = (last - first) / Math.max(1, places.length - 1) / 2;
    const span = last - first + 2 * half || 1;
    return {
      x: (value) => MARGIN.left + ((value - first + half) / span) * inner.width,
      y: (value) => MARGIN.top + (1 - (value - low + pad) / (high - low + 2 * pad)) * inner.height,
      ends: { first, last, low, high },
      inner,
    };
  }

  draw() {
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
    if (!width) return;
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    const context = this.canvas.getContext("2d");
    context.scale(ratio, ratio);
    if (!this.spectrum || !this.spectrum.values.some((value) => value !== null)) return;
    const scales = this.scales();
    this.drawAxes(context, scales);
    this.drawChannel(context, scales);
    this.drawLine(context, scales);
    this.describe(scales.ends);
  }

  drawAxes(context, { x, y, ends, inner }) {
    context.font = "11px system-ui, sans-serif";
    context.fillStyle = ink("--ink");
    context.strokeStyle = ink("--line");
    const bottom = MARGIN.top + inner.height;
    context.textAlign = "center";
    for (const value of ticks(ends.first, ends.last, Math.max(2, inner.width / 80))) {
      line(context, x(value), bottom, x(value), bottom + 4);
      context.fillText(shown(value, 6), x(value), bottom + 15);
    }
    context.textAlign = "right";
    for (const value of ticks(ends.low, ends.high, 4)) {
      line(context, MARGIN.left, y(value), MARGIN.left + inner.width, y(value));
      context.fillText(shown(value, 4), MARGIN.left - 6, y(value) + 4);
    }
    line(context, MARGIN.left, MARGIN.top, MARGIN.left, bottom);
    line(context, MARGIN.left, bottom, MARGIN.left + inner.width, bottom);
    context.textAlign = "center";
    const { kind, unit } = this.axis;
    context.fillText(unit ? `${kind} (${unit})` : kind, MARGIN.left + inner.width / 2, bottom + 32);
    context.save();
    context.translate(12, MARGIN.top + inner.height / 2);
    context.rotate(-Math.PI / 2);
    context.fillText(this.spectrum.unit ? `value (${this.spectrum.unit})` : "value", 0, 0);
    context.restore();
  }

  drawChannel(context, { x, inner }) {
    if (this.sky.plane < 0) return;
    context.strokeStyle = ink("--accent");
    context.lineWidth = 2;
    context.setLineDash([4, 3]);
    const at = x(this.axis.values[this.sky.plane]);
    line(context, at, MARGIN.top, at, MARGIN.top + inner.height);
    context.setLineDash([]);
  }

  // Steps: each channel is as wide as it is, and blank ones leave a gap.
  drawLine(context, { x, y }) {
    const { values } = this.spectrum;
    const places = this.axis.values;
    context.strokeStyle = ink("--ink");
    context.lineWidth = 1.5;
    context.beginPath();
    let isDrawing = false;
    values.forEach((value, at) => {
      if (value === null) {
        isDrawing = false;
        return;
      }
      const before = at > 0 ? (places[at - 1] + places[at]) / 2 : places[at] - (places[1] - places[0]) / 2;
      const next = places[at + 1] ?? 2 * places[at] - places[at - 1];
      const behind = (places[at] + next) / 2;
      if (isDrawing) context.lineTo(x(before), y(value));
      else context.moveTo(x(before), y(value));
      context.lineTo(x(behind), y(value));
      isDrawing = true;
    });
    context.stroke();
  }

  describe({ high }) {
    const at = this.spectrum.values.indexOf(high);
    const { kind, unit, values } = this.axis;
    const peak = at < 0 ? "" : `, highest ${withUnit(high, this.spectrum.unit)} at ${kind} ${withUnit(values[at], unit)}`;
    this.canvas.setAttribute("aria-label", `Spectrum at pixel ${this.spectrum.x}, ${this.spectrum.y}${peak}`);
  }

  clicked(event) {
    if (!this.spectrum) return;
    const { x } = this.scales();
    const distances = this.axis.values.map((value) => Math.abs(x(value) - event.offsetX));
    attempt(() => this.sky.goToPlane(distances.indexOf(Math.min(...distances))));
  }
}

function line(context, x0, y0, x1, y1) {
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}
