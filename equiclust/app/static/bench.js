// The view "Try": change one image by sliders, and see what latent, label and reconstruction make of it.

import { getArrays, getJson } from "./api.js";
import { ramp } from "./colours.js";
import { attempt, button, clear, element, slider } from "./dom.js";
import { trials } from "./trials.js";

const UNCHANGED = { mirror: 0, angle: 0, scale: 1, blur: 0, noise: 0 };
const QUARTERS = [0, 90, 180, 270];

const KEYS = [
  ["← →", "turn by one degree (in the slider)"],
  ["q", "turn by a quarter"],
  ["x", "mirror"],
  ["r", "as it was"],
];

export async function start(place, info) {
  const bench = new Bench(place, info);
  await bench.start();
  return { keys: KEYS, shown: () => { bench.active = true; }, hidden: () => { bench.active = false; } };
}

class Bench {
  constructor(place, info) {
    this.place = place;
    this.info = info;
    this.row = 0;
    this.change = { ...UNCHANGED };
    this.active = true;
  }

  async start() {
    this.title = element("h2", {});
    this.controls = element("div", { class: "bar" });
    this.images = element("div", { class: "tried" });
    this.before = picture("The image");
    this.now = picture("Changed");
    this.again = picture("Reconstructed");
    this.images.append(this.before.figure, this.now.figure, this.again.figure);
    this.said = element("p", { class: "said", role: "status" });
    this.bars = element("canvas", { class: "latent", width: 640, height: 120, role: "img", "aria-label": "Latent before (line) and now (bars)" });
    this.place.append(element("div", { class: "page" },
      element("div", { class: "bar" }, this.title, this.#chooser()),
      element("p", { class: "aside", text: "Quarter turns and mirrors leave latent and label as they are; other angles change the latent a little. The corners are faded out, so that no new ones come into view." }),
      this.controls, this.images, this.said,
      element("h3", { text: "Latent: line before, bars now" }), this.bars,
      trials(this.info)));
    this.#makeControls();
    document.addEventListener("keydown", (event) => this.#key(event));
    await this.#pick(0);
  }

  #chooser() {
    const field = element("input", { type: "search", placeholder: "id or file", "aria-label": "Find an image" });
    field.addEventListener("change", () => attempt(async () => {
      const [row] = await getJson("api/find", { text: field.value });
      if (row === undefined) throw new Error(`no image is called ${field.value}`);
      await this.#pick(row);
    }));
    return element("span", { class: "bar" }, field,
      button("Previous", () => this.#pick((this.row + this.info.run.n - 1) % this.info.run.n)),
      button("Next", () => this.#pick((this.row + 1) % this.info.run.n)));
  }

  #makeControls() {
    const set = (name) => (value) => {
      this.change[name] = value;
      return this.#ask();
    };
    const { mirror, angle, scale, blur, noise } = this.change;
    clear(this.controls).append(
      slider("Turn", { min: 0, max: 359, step: 1, value: angle, unit: "°", oninput: set("angle") }),
      button("Quarter turn", () => this.#quarter(), { key: "q" }),
      button("Mirror", () => this.#mirror(), { key: "x", pressed: Boolean(mirror) }),
      slider("Scale", { min: 0.5, max: 2, step: 0.05, value: scale, oninput: set("scale") }),
      slider("Blur", { min: 0, max: 10, step: 0.25, value: blur, unit: "px", oninput: set("blur") }),
      slider("Noise", { min: 0, max: 0.5, step: 0.01, value: noise, oninput: set("noise") }),
      button("As it was", () => this.#reset(), { key: "r" }));
  }

  #quarter() {
    const next = QUARTERS.find((one) => one > this.change.angle);
    this.change.angle = next === undefined ? 0 : next;
    this.#makeControls();
    return this.#ask();
  }

  #mirror() {
    this.change.mirror = 1 - this.change.mirror;
    this.#makeControls();
    return this.#ask();
  }

  #reset() {
    this.change = { ...UNCHANGED };
    this.#makeControls();
    return this.#ask();
  }

  async #pick(row) {
    this.row = row;
    const [record] = await getJson("api/rows", { rows: row });
    this.title.textContent = record.id;
    this.first = null;
    await this.#reset();
  }

  // Only the last position of the sliders is asked for.
  async #ask() {
    if (this.asking) {
      this.waiting = true;
      return;
    }
    this.asking = true;
    try {
      do {
        this.waiting = false;
        const got = await getArrays("api/try", { row: this.row, ...this.change });
        if (!this.waiting) this.#show(got);
      } while (this.waiting);
    } finally {
      this.asking = false;
    }
  }

  #show({ header, arrays }) {
    if (!this.first) {
      this.first = arrays.pixels;
      this.before.draw(arrays.pixels);
    }
    this.now.draw(arrays.pixels);
    if (arrays.reconstruction) this.again.draw(arrays.reconstruction);
    else this.again.fail(header.no_reconstruction);
    const share = header.share === null ? "" : `, ${percent(header.share)} of the median distance of two images`;
    const name = (label) => (label < 0 ? "don't know" : `cluster ${label}`);
    const label = header.label === header.label_before ? `still ${name(header.label)}` : `${name(header.label_before)} becomes ${name(header.label)}`;
    const kind = header.kind === undefined ? "" : ` · kind: ${header.kind} (${(100 * header.probability).toFixed(0)} %)`;
    this.said.textContent = `The latent moves by ${header.change.toExponential(1)}${share} · ${label}${kind}`;
    this.said.classList.toggle("bad", header.label !== header.label_before);
    this.#drawLatent(arrays.before, arrays.latent);
  }

  #drawLatent(before, now) {
    const context = this.bars.getContext("2d");
    const { width, height } = this.bars;
    const style = getComputedStyle(this.bars);
    const most = Math.max(...before.map(Math.abs), ...now.map(Math.abs), 1e-9);
    const y = (value) => height / 2 - (value / most) * (height / 2 - 4);
    const step = width / now.length;
    context.clearRect(0, 0, width, height);
    context.fillStyle = style.getPropertyValue("--accent");
    now.forEach((value, k) => context.fillRect(k * step, Math.min(y(0), y(value)), Math.max(1, step - 1), Math.abs(y(value) - y(0))));
    context.strokeStyle = style.getPropertyValue("--ink");
    context.lineWidth = 1.5;
    context.beginPath();
    before.forEach((value, k) => {
      context.lineTo(k * step, y(value));
      context.lineTo((k + 1) * step, y(value));
    });
    context.stroke();
  }

  #key(event) {
    if (!this.active || event.target.matches("input:not([type=range]), select") || event.ctrlKey || event.metaKey) return;
    const action = { q: () => this.#quarter(), x: () => this.#mirror(), r: () => this.#reset() }[event.key];
    if (action) attempt(action);
  }
}

function percent(share) {
  const value = 100 * share;
  return value > 0 && value < 0.001 ? "less than 0.001 %" : `${value.toPrecision(2)} %`;
}

function picture(title) {
  const canvas = element("canvas", { role: "img", "aria-label": title });
  const problem = element("p", { class: "aside" });
  return {
    figure: element("figure", {}, element("figcaption", { text: title }), canvas, problem),
    fail(sentence) {
      canvas.hidden = true;
      problem.textContent = sentence;
    },
    draw(pixels) {
      const [channels, height, width] = pixels.shape;
      [canvas.width, canvas.height] = [width, height];
      const context = canvas.getContext("2d");
      const image = context.createImageData(width, height);
      for (let y = 0; y < height; y += 1) {
        for (let x = 0; x < width; x += 1) {
          const value = (c) => pixels[(c * height + y) * width + x];
          const rgb = channels === 3 ? [0, 1, 2].map((c) => 255 * value(c)) : ramp(value(0));
          image.data.set([...rgb, 255], 4 * ((height - 1 - y) * width + x));
        }
      }
      context.putImageData(image, 0, 0);
    },
  };
}
