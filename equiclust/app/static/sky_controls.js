// How data and labels are shown: limits, stretch, colour bar; opacity, outlines, clusters.

import { getJson } from "./api.js";
import { attempt, button, clear, element, select, slider } from "./dom.js";
import { rgb } from "./colours.js";
import { greys, STRETCHES } from "./sky_paint.js";
import { shown } from "./sky_text.js";

const LOW = 1;
const HIGH = 99.75;

// The grey scale: limits as percentiles of all pixels or as numbers.
export async function brightness(sky) {
  const set = { stretch: "sqrt", invert: false, low: 0, high: 1 };
  const levels = { percentiles: [], values: [] };
  const bar = new ColourBar(sky);
  const change = (changes) => {
    Object.assign(set, changes);
    fields.show(set);
    sky.look = { ...sky.look, ...set };
    bar.draw(set);
    sky.emit("look");
  };
  const fields = limitFields(levels, set, change);
  const read = async () => {
    Object.assign(levels, await getJson("api/map/levels", { plane: sky.plane }));
    fields.reset();
    change({ low: fields.valueOf(LOW) ?? 0, high: fields.valueOf(HIGH) ?? 1 });
  };
  const made = element(
    "fieldset",
    { class: "sky-panel" },
    element("legend", { text: "Brightness" }),
    bar.element,
    fields.element,
    element(
      "div",
      { class: "sky-row" },
      select("Stretch", Object.keys(STRETCHES), set.stretch, (stretch) => change({ stretch })),
      checkbox("Inverted", set.invert, (invert) => change({ invert })),
    ),
  );
  await read();
  sky.on("plane", (plane, isOtherKind) => isOtherKind && attempt(read));
  return made;
}

function limitFields(levels, set, change) {
  const nearest = (percentile) => {
    const distances = levels.percentiles.map((one) => Math.abs(one - percentile));
    return distances.indexOf(Math.min(...distances));
  };
  const place = element("div", { class: "sky-row" });
  const numbers = { low: number("Lower limit", "low"), high: number("Upper limit", "high") };

  function number(label, name) {
    const input = element("input", { type: "number", step: "any" });
    input.addEventListener("change", () => {
      if (input.value !== "" && Number.isFinite(input.valueAsNumber)) change({ [name]: input.valueAsNumber });
    });
    return { input, field: element("label", { class: "field" }, element("span", { text: label }), input) };
  }

  function chosen(name, label, percentile) {
    return slider(label, {
      min: 0,
      max: levels.percentiles.length - 1,
      step: 1,
      value: nearest(percentile),
      unit: "%",
      format: (index) => levels.percentiles[index],
      oninput: (index) => change({ [name]: levels.values[index] }),
    });
  }

  return {
    element: element("div", {}, place, element("div", { class: "sky-row" }, numbers.low.field, numbers.high.field)),
    valueOf: (percentile) => levels.values[nearest(percentile)],
    reset: () => clear(place).append(
      chosen("low", "Black at percentile", LOW),
      chosen("high", "White at percentile", HIGH),
    ),
    show: ({ low, high }) => {
      for (const [name, value] of [["low", low], ["high", high]]) {
        const { input } = numbers[name];
        if (document.activeElement !== input) input.value = String(Number(Number(value).toPrecision(5)));
      }
      numbers.high.input.setCustomValidity(low < high ? "" : "The upper limit must be above the lower one.");
      numbers.high.input.reportValidity();
    },
  };
}

class ColourBar {
  constructor(sky) {
    this.sky = sky;
    this.canvas = element("canvas", { class: "sky-bar", width: 256, height: 1, role: "img" });
    this.values = element("div", { class: "sky-bar-values", "aria-hidden": "true" });
    this.unit = element("div", { class: "sky-bar-unit", "aria-hidden": "true" });
    this.element = element("div", { class: "sky-bar-place" }, this.canvas, this.values, this.unit);
  }

  draw({ stretch, invert, low, high }) {
    const table = greys(stretch, invert);
    const context = this.canvas.getContext("2d");
    const image = context.createImageData(256, 1);
    for (let at = 0; at < 256; at += 1) {
      image.data.fill(table[at * 4], 4 * at, 4 * at + 3);
      image.data[4 * at + 3] = 255;
    }
    context.putImageData(image, 0, 0);
    const texts = [0, 0.25, 0.5, 0.75, 1].map((share) => shown(low + share * (high - low), 3));
    clear(this.values).append(...texts.map((text) => element("span", { text })));
    const unit = this.sky.unit;
    this.unit.textContent = unit ? `in ${unit}` : "";
    this.canvas.setAttribute("aria-label", `Colour bar from ${texts[0]} to ${texts[4]} ${unit}`);
  }
}

export function checkbox(text, checked, onchange) {
  const input = element("input", { type: "checkbox" });
  input.checked = checked;
  input.addEventListener("change", () => attempt(() => onchange(input.checked)));
  return element("label", { class: "sky-check" }, input, typeof text === "string" ? element("span", { text }) : text);
}

// Which clusters are shown, and how.
export function labelChoice(sky) {
  const clusters = sky.map.clusters;
  const total = clusters.reduce((sum, one) => sum + one.n_pixels, 0) || 1;
  const shownLabels = new Set(clusters.filter((one) => one.colour).map((one) => one.label));
  const set = { opacity: 0.45, outlines: false };
  const apply = () => {
    const chosen = clusters.filter((one) => shownLabels.has(one.label));
    const colours = new Map(chosen.map((one) => [one.label, rgb(one.colour)]));
    sky.look = { stretch: "sqrt", invert: false, low: 0, high: 1, ...sky.look, ...set, colours };
    sky.emit("look");
  };
  const boxes = clusters.map((one) => clusterBox(one, total, shownLabels, apply));
  const all = (on) => {
    for (const box of boxes.filter(Boolean)) {
      if (box.querySelector("input")?.checked === !on) box.querySelector("input").click();
    }
  };
  apply();
  return element(
    "fieldset",
    { class: "sky-panel" },
    element("legend", { text: "Clusters" }),
    slider("Opacity", {
      min: 0,
      max: 100,
      step: 5,
      value: 100 * set.opacity,
      unit: "%",
      oninput: (percent) => {
        set.opacity = percent / 100;
        apply();
      },
    }),
    checkbox("Outlines only", set.outlines, (outlines) => {
      set.outlines = outlines;
      apply();
    }),
    element("div", { class: "sky-clusters" }, boxes),
    element("div", { class: "sky-row" }, button("Show all", () => all(true)), button("Hide all", () => all(false))),
  );
}

function clusterBox({ label, name, colour, n_pixels }, total, shownLabels, apply) {
  const share = (100 * n_pixels) / total;
  const count = `${shown(n_pixels)} pixels, ${share > 0 && share < 0.1 ? "< 0.1" : share.toFixed(1)} %`;
  if (!colour) return n_pixels ? element("p", { class: "sky-masked", text: `${name}: ${count}` }) : null;
  if (label < 0 && !n_pixels) return null;
  const swatch = element("span", { class: "sky-swatch", "aria-hidden": "true" });
  swatch.style.background = colour;
  const text = element("span", {}, swatch, element("b", { text: name }), ` ${count}`);
  return checkbox(text, true, (checked) => {
    if (checked) shownLabels.add(label);
    else shownLabels.delete(label);
    apply();
  });
}
