// A line chart: several series over a whole number, linear or logarithmic, with values at a cursor.

import { announce, element } from "./dom.js";

const [WIDTH, HEIGHT] = [480, 250];
const MARGIN = { left: 72, right: 12, top: 10, bottom: 40 };
const MOST_TICKS = 6;

function svg(tag, attributes = {}, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  if (text) made.textContent = text;
  return made;
}

// A number in a few characters.
export function brief(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e5) return value.toExponential(1).replace("e+", "e");
  return String(Number(value.toPrecision(3)));
}

// How the ticks of one axis are written: all of them with a power of ten when one of them is.
function alike(ticks) {
  const isPower = (value) => brief(value).includes("e");
  if (!ticks.some(isPower)) return brief;
  return (value) => (value === 0 ? "0" : value.toExponential(1).replace("e+", "e"));
}

// Mean over the last `width` values that are there.
export function movingAverage(points, width) {
  return points.map(([x], at) => {
    const part = points.slice(Math.max(0, at - width + 1), at + 1);
    return [x, part.reduce((sum, [, y]) => sum + y, 0) / part.length];
  });
}

// Values as in the file; what a logarithm has no place for is left out.
function drawable(points, isLog) {
  return points.filter(([, y]) => Number.isFinite(y) && (!isLog || y > 0));
}

function steps(low, high) {
  const raw = (high - low) / MOST_TICKS;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= raw);
  const found = [];
  for (let k = Math.ceil(low / step); k * step <= high + step * 1e-9; k += 1) found.push(k * step);
  return found;
}

function powers(low, high) {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const factors = last - first <= 2 ? [1, 2, 5] : [1];
  const every = Math.max(1, Math.ceil((last - first) / MOST_TICKS));
  const found = [];
  for (let power = first; power <= last; power += every) {
    for (const factor of factors) found.push(factor * 10 ** power);
  }
  return found.filter((value) => value >= low * 0.999 && value <= high * 1.001);
}

// The style sheet makes colours lighter on a dark page.
function coloured(made, colour) {
  made.style.setProperty("--colour", colour);
  return made;
}

export function colourMark(colour) {
  return coloured(element("span", { class: "chart-mark", "aria-hidden": "true" }), colour);
}

export class LineChart {
  constructor({ title, xLabel, yLabel }) {
    this.labels = { title, xLabel, yLabel };
    this.series = [];
    this.isLog = false;
    this.cursor = null;
    this.values = element("p", { class: "chart-values" });
    this.drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" });
    this.frame = element("div", { class: "chart-frame", tabindex: "0", role: "application" }, this.drawing);
    this.element = element("figure", { class: "chart" },
      element("figcaption", { text: title }), this.frame, this.values);
    this.#listen();
  }

  // Every series: { name, colour, points: [[x, y], ...], dash, faint }; faint ones have no values.
  set(series, { isLog = false } = {}) {
    this.isLog = isLog;
    this.series = series.map((one) => ({ ...one, points: drawable(one.points, isLog) }));
    this.element.hidden = !this.series.some((one) => one.points.length);
    if (!this.element.hidden) this.#draw();
  }

  #draw() {
    const all = this.series.flatMap((one) => one.points);
    this.range = this.#ranges(all);
    this.drawing.replaceChildren(...this.#axes(), ...this.series.map((one) => this.#line(one)));
    this.rule = svg("line", { class: "chart-rule", y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom });
    this.drawing.append(this.rule);
    this.frame.setAttribute("aria-label", this.#summary());
    this.#showCursor();
  }

  #ranges(points) {
    let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
    for (const [x, y] of points) {
      [x0, x1, y0, y1] = [Math.min(x0, x), Math.max(x1, x), Math.min(y0, y), Math.max(y1, y)];
    }
    if (x0 === x1) [x0, x1] = [x0 - 0.5, x1 + 0.5];
    if (y0 === y1) [y0, y1] = this.isLog ? [y0 / 2, y1 * 2] : [y0 - Math.max(Math.abs(y0) * 0.1, 1e-9), y1 + Math.max(Math.abs(y1) * 0.1, 1e-9)];
    return { x0, x1, y0, y1 };
  }

  #x(value) {
    const { x0, x1 } = this.range;
    return MARGIN.left + ((value - x0) / (x1 - x0)) * (WIDTH - MARGIN.left - MARGIN.right);
  }

  #y(value) {
    const scale = this.isLog ? Math.log10 : (one) => one;
    const [low, high] = [scale(this.range.y0), scale(this.range.y1)];
    const share = (scale(value) - low) / (high - low);
    return HEIGHT - MARGIN.bottom - share * (HEIGHT - MARGIN.top - MARGIN.bottom);
  }

  #axes() {
    const { x0, x1, y0, y1 } = this.range;
    const [right, bottom] = [WIDTH - MARGIN.right, HEIGHT - MARGIN.bottom];
    const made = [];
    const xTicks = steps(x0, x1).filter(Number.isInteger);
    for (const value of xTicks) {
      const x = this.#x(value);
      made.push(svg("line", { class: "chart-grid", x1: x, x2: x, y1: MARGIN.top, y2: bottom }));
      made.push(svg("text", { x, y: bottom + 15, "text-anchor": "middle" }, String(value)));
    }
    const yTicks = this.isLog ? powers(y0, y1) : steps(y0, y1);
    const written = alike(yTicks);
    for (const value of yTicks) {
      const y = this.#y(value);
      made.push(svg("line", { class: "chart-grid", x1: MARGIN.left, x2: right, y1: y, y2: y }));
      made.push(svg("text", { x: MARGIN.left - 6, y: y + 4, "text-anchor": "end" }, written(value)));
    }
    const middle = (MARGIN.top + bottom) / 2;
    const { xLabel, yLabel } = this.labels;
    made.push(svg("text", { x: (MARGIN.left + right) / 2, y: HEIGHT - 6, "text-anchor": "middle" }, xLabel));
    const turned = { x: 0, y: 0, "text-anchor": "middle", transform: `translate(13 ${middle}) rotate(-90)` };
    made.push(svg("text", turned, yLabel));
    return made;
  }

  #line({ points, colour, dash, faint }) {
    const path = points.map(([x, y], at) => `${at ? "L" : "M"}${this.#x(x).toFixed(1)} ${this.#y(y).toFixed(1)}`);
    if (points.length === 1) {
      const [[x, y]] = points;
      const dot = { class: "chart-dot", cx: this.#x(x), cy: this.#y(y), r: 2.5, opacity: faint ? 0.35 : 1 };
      return coloured(svg("circle", dot), colour);
    }
    return coloured(svg("path", {
      class: "chart-line", d: path.join("") || "M0 0", opacity: faint ? 0.35 : 1,
      "stroke-width": faint ? 1 : 2, "stroke-dasharray": dash ? "6 4" : "none", "stroke-linejoin": "round",
    }), colour);
  }

  #summary() {
    const named = this.series.filter((one) => !one.faint && one.points.length);
    const [first] = named;
    const count = named.length === 1 ? "1 line" : `${named.length} lines`;
    const last = first ? `; ${first.name} ends at ${brief(first.points.at(-1)[1])}` : "";
    const { title, xLabel, yLabel } = this.labels;
    return `${title}: ${yLabel} by ${xLabel}, ${count}${last}. Arrow keys read the values.`;
  }

  #listen() {
    this.frame.addEventListener("pointermove", (event) => {
      const box = this.drawing.getBoundingClientRect();
      this.#moveTo(((event.clientX - box.left) / box.width) * WIDTH);
    });
    this.frame.addEventListener("pointerleave", () => this.#clearCursor());
    this.frame.addEventListener("blur", () => this.#clearCursor());
    this.frame.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step || !this.range) return;
      event.preventDefault();
      event.stopPropagation();
      const { x0, x1 } = this.range;
      const from = this.cursor ?? (step > 0 ? Math.ceil(x0) - 1 : Math.floor(x1) + 1);
      this.cursor = Math.min(Math.floor(x1), Math.max(Math.ceil(x0), from + step));
      this.#showCursor();
      announce(this.values.textContent);
    });
  }

  #moveTo(x) {
    if (!this.range) return;
    const { x0, x1 } = this.range;
    const share = (x - MARGIN.left) / (WIDTH - MARGIN.left - MARGIN.right);
    this.cursor = Math.round(Math.min(x1, Math.max(x0, x0 + share * (x1 - x0))));
    this.#showCursor();
  }

  #clearCursor() {
    this.cursor = null;
    this.#showCursor();
  }

  #showCursor() {
    if (!this.rule) return;
    const isShown = this.cursor !== null;
    this.rule.setAttribute("visibility", isShown ? "visible" : "hidden");
    this.values.replaceChildren();
    if (!isShown) return;
    const x = this.#x(this.cursor);
    this.rule.setAttribute("x1", x);
    this.rule.setAttribute("x2", x);
    const parts = [element("span", { text: `${this.labels.xLabel} ${this.cursor}: ` })];
    for (const { name, colour, points, faint } of this.series) {
      const found = faint ? undefined : points.find(([at]) => at === this.cursor);
      if (!found) continue;
      parts.push(element("span", { class: "chart-value" }, colourMark(colour), `${name} ${brief(found[1])} `));
    }
    this.values.append(...parts);
  }
}
