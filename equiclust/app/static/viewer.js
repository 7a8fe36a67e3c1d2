// One image in full: colours, limits, coordinates, contours, reconstruction, and its neighbours.

import { getArrays, getJson } from "./api.js";
import { ramp } from "./colours.js";
import { attempt, button, clear, dialog, element, select, slider } from "./dom.js";

const STRETCHES = {
  linear: (t) => t,
  sqrt: (t) => Math.sqrt(t),
  asinh: (t) => Math.asinh(10 * t) / Math.asinh(10),
  log: (t) => Math.log1p(1000 * t) / Math.log1p(1000),
};
const SHARP = 900;
const COLOURS = [["grey", "Grey"], ["inverted", "Grey, inverted"], ["cividis", "Cividis"]];
const WAYS = [["original", "as in its file"], ["preprocessed", "as the networks see it"]];

export async function openViewer(row, view) {
  const before = document.querySelector("dialog.viewer[open]");
  if (before) before.close();
  const [record] = await getJson("api/rows", { rows: row });
  const viewer = new Viewer(row, record, view);
  await viewer.load();
}

class Viewer {
  constructor(row, record, view) {
    this.row = row;
    this.view = view;
    this.settings = { stretch: "linear", colours: "grey", low: 1, high: 99.5, contours: false, what: "original" };
    this.left = new Picture("The image");
    this.right = new Picture("Its reconstruction, at the scale that the networks see");
    this.under = element("p", { class: "under", role: "status" });
    this.said = element("div", { class: "bar said-of-it", role: "group", "aria-label": "Kinds" });
    this.facts = element("dl", { class: "facts" });
    this.neighbours = element("div", { class: "neighbours" });
    this.dialog = dialog(record.id,
      this.#controls(),
      this.said,
      element("div", { class: "pictures" }, this.left.frame, this.right.frame),
      this.under, this.neighbours,
      element("details", {}, element("summary", { text: "All that is known of it" }), this.facts));
    this.dialog.classList.add("viewer");
    this.dialog.dataset.row = row;
    this.dialog.addEventListener("keydown", (event) => this.#key(event));
    this.dialog.addEventListener("labelled", () => this.#sayKinds());
    this.dialog.addEventListener("close", () => view.gallery.returnTo(row));
    this.#sayKinds();
    this.left.onmove = (x, y) => this.#under(x, y);
  }

  // Its label and kind, and a button for each kind.
  #sayKinds() {
    const { kinds } = this.view;
    const given = kinds.labelsOf(this.row).map((one) => (one.who ? `${one.kind} (${one.who})` : one.kind));
    const found = kinds.taught && kinds.taught.labels[this.row];
    const guess = kinds.taught ? `kind: ${found < 0 ? "none of these" : kinds.taught.names[found]}, ${(100 * kinds.taught.probability[this.row]).toFixed(0)} %` : this.view.clusterName(this.row);
    clear(this.said).append(
      element("strong", { text: given.length ? `Labelled ${given.join(", ")}` : "No label" }),
      element("span", { text: guess }),
      ...kinds.names.slice(0, 9).map((name, k) => button(name, () => kinds.give(name), { key: String(k + 1), pressed: kinds.labelsOf(this.row).some((one) => one.kind === name) })));
  }

  #controls() {
    const set = (name) => (value) => {
      this.settings[name] = value;
      this.draw();
    };
    return element("div", { class: "bar" },
      select("Pixels", WAYS, "original", (what) => {
        this.settings.what = what;
        return this.#loadPixels();
      }),
      select("Stretch", Object.keys(STRETCHES), "linear", set("stretch")),
      select("Colours", COLOURS, "grey", set("colours")),
      slider("Black", { min: 0, max: 50, step: 0.5, value: 1, unit: "%", oninput: set("low") }),
      slider("White", { min: 50, max: 100, step: 0.1, value: 99.5, unit: "%", oninput: set("high") }),
      element("label", { class: "field" },
        element("input", { type: "checkbox", onchange: (event) => attempt(() => this.#contours(event.target.checked)) }),
        element("span", { text: "Contours" })),
      button("Previous", () => this.#step(-1), { key: "←" }),
      button("Next", () => this.#step(1), { key: "→" }));
  }

  async load() {
    const [details] = await Promise.all([getJson("api/details", { row: this.row }), this.#loadPixels(), this.#loadReconstruction()]);
    for (const [name, text] of Object.entries(details.details)) {
      this.facts.append(element("dt", { text: name }), element("dd", { text }));
    }
    for (const one of this.view.kinds.labelsOf(this.row)) {
      this.facts.append(element("dt", { text: "labelled" }), element("dd", { text: `${one.kind}${one.who ? ` by ${one.who}` : ""}${one.when ? `, ${one.when}` : ""}${one.why ? `; ${one.why}` : ""}` }));
    }
    this.#strip("Most similar, at any orientation", details.nearest, (distance) => distance.toPrecision(3));
    if (details.sky.length) this.#strip("Nearest on the sky", details.sky, angle);
  }

  #strip(title, pairs, format) {
    const tiles = pairs.map(([row, value]) => element("button", {
      type: "button", class: "tile", title: `open it (${format(value)})`, "aria-label": `${title}: ${format(value)}`, onclick: () => attempt(() => this.view.open(row)),
    }, element("img", { alt: "", src: `api/picture?row=${row}&side=128` }), element("span", { class: "caption", text: `${format(value)} · ${this.view.clusterName(row)}` })));
    this.neighbours.append(element("h3", { text: title }), element("div", { class: "strip" }, tiles));
  }

  async #loadPixels() {
    let why = "";
    const asked = (what) => getArrays("api/pixels", { row: this.row, what }).catch((error) => {
      why = why || error.message;
      return null;
    });
    let got = await asked(this.settings.what);
    if (!got && this.settings.what === "original") {
      this.settings.what = "preprocessed";
      got = await asked("preprocessed");
      if (got) why += ". This is the picture that the run kept, as the networks see it.";
    }
    if (got) this.left.set(got);
    if (why) this.left.fail(why);
    this.draw();
  }

  async #loadReconstruction() {
    const got = await getArrays("api/pixels", { row: this.row, what: "reconstruction" }).catch((error) => {
      this.right.fail(error.message);
      return null;
    });
    if (got) this.right.set(got);
    this.draw();
  }

  draw() {
    this.left.draw(this.settings);
    this.right.draw(this.settings);
  }

  async #contours(shown) {
    this.left.lines = shown ? await getJson("api/contours", { row: this.row, what: this.settings.what, levels: 5 }) : [];
    this.draw();
  }

  // The last place under the pointer is asked for; answers to earlier ones are dropped.
  async #under(x, y) {
    const { header, shape } = this.left;
    const step = header.step;
    const [column, line] = [(x + 0.5) * step - 0.5, (y + 0.5) * step - 0.5];
    const value = this.left.at(x, y);
    const unit = header.unit ? ` ${header.unit}` : "";
    const text = `column ${Math.round(column)}, row ${Math.round(line)}: ${Number.isFinite(value) ? value.toPrecision(5) + unit : "masked"}`;
    this.under.textContent = text;
    if (!header.has_sky || !shape || this.asking) return;
    this.asking = true;
    try {
      const place = await getJson("api/sky", { row: this.row, x: column, y: line });
      if (place && this.under.textContent === text) this.under.textContent = `${text} · RA, Dec ${place.text} (${place.ra.toFixed(5)}°, ${place.dec.toFixed(5)}°, ICRS)`;
    } finally {
      this.asking = false;
    }
  }

  #step(by) {
    const { rows } = this.view.gallery;
    const next = rows[rows.indexOf(this.row) + by];
    return next === undefined ? undefined : this.view.open(next);
  }

  #key(event) {
    if (event.target.matches("input, select")) return;
    if (event.target === this.left.canvas && event.shiftKey) return;
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) {
      event.preventDefault();
      attempt(() => this.#step(by));
    }
  }
}

function angle(degrees) {
  if (degrees >= 1) return `${degrees.toFixed(2)}°`;
  return degrees >= 1 / 60 ? `${(degrees * 60).toFixed(2)}′` : `${(degrees * 3600).toFixed(2)}″`;
}

class Picture {
  constructor(title) {
    this.title = title;
    this.lines = [];
    this.canvas = element("canvas", { role: "img", "aria-label": title, tabindex: "0" });
    this.scale = element("canvas", { class: "scale", width: 256, height: 10, role: "img", "aria-label": "colour scale" });
    this.limits = element("span", { class: "aside" });
    this.problem = element("p", { class: "aside" });
    this.frame = element("figure", {}, element("figcaption", { text: title }), this.canvas, this.scale, this.limits, this.problem);
    this.canvas.addEventListener("pointermove", (event) => this.#pointed(event));
    this.canvas.addEventListener("keydown", (event) => this.#key(event));
  }

  set({ header, arrays }) {
    this.header = header;
    this.pixels = arrays.pixels;
    this.shape = arrays.pixels.shape;
    this.cursor = [Math.floor(this.shape[2] / 2), Math.floor(this.shape[1] / 2)];
    this.problem.textContent = "";
  }

  fail(sentence) {
    this.problem.textContent = sentence;
  }

  // Mean over the channels.
  at(x, y) {
    const [channels, height, width] = this.shape;
    let sum = 0;
    for (let c = 0; c < channels; c += 1) sum += this.pixels[(c * height + y) * width + x];
    return sum / channels;
  }

  #percentile(share) {
    const known = this.header.percentiles;
    const k = known.findIndex(([one]) => one >= share);
    if (k <= 0) return known[k < 0 ? known.length - 1 : 0][1];
    const [[a, low], [b, high]] = [known[k - 1], known[k]];
    return low + ((share - a) / (b - a)) * (high - low);
  }

  draw({ stretch, colours, low, high }) {
    if (!this.pixels) {
      this.canvas.hidden = this.scale.hidden = true;
      return;
    }
    this.canvas.hidden = this.scale.hidden = false;
    const [channels, height, width] = this.shape;
    // Enlarged, so that contours are thin lines.
    const times = Math.max(1, Math.round(SHARP / Math.max(width, height)));
    [this.canvas.width, this.canvas.height] = [times * width, times * height];
    const [black, white] = [this.#percentile(low), this.#percentile(high)];
    const tone = (value) => STRETCHES[stretch](Math.min(1, Math.max(0, (value - black) / (white - black || 1))));
    const small = new OffscreenCanvas(width, height);
    const image = small.getContext("2d").createImageData(width, height);
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        const target = 4 * ((height - 1 - y) * width + x);
        const bands = [0, 1, 2].map((c) => this.pixels[((channels === 3 ? c : 0) * height + y) * width + x]);
        const value = channels === 3 ? 0 : this.at(x, y);
        const known = channels === 3 ? bands.every(Number.isFinite) : Number.isFinite(value);
        const rgb = known ? (channels === 3 ? bands.map((one) => 255 * tone(one)) : painted(tone(value), colours)) : [110, 110, 140];
        image.data.set([...rgb, 255], target);
      }
    }
    small.getContext("2d").putImageData(image, 0, 0);
    const context = this.canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.drawImage(small, 0, 0, times * width, times * height);
    this.#drawLines(context, height, times);
    this.#drawScale(colours, black, white);
  }

  #drawLines(context, height, times) {
    context.strokeStyle = "#5fd3ff";
    context.lineWidth = this.canvas.width / 500;
    for (const { lines } of this.lines) {
      for (const line of lines) {
        context.beginPath();
        line.forEach(([x, y], k) => context[k ? "lineTo" : "moveTo"](times * (x + 0.5), times * (height - y - 0.5)));
        context.stroke();
      }
    }
  }

  #drawScale(colours, black, white) {
    const context = this.scale.getContext("2d");
    for (let k = 0; k < 256; k += 1) {
      context.fillStyle = `rgb(${painted(k / 255, colours).join(" ")})`;
      context.fillRect(k, 0, 1, 10);
    }
    const unit = this.header.unit ? ` ${this.header.unit}` : "";
    this.limits.textContent = `${black.toPrecision(3)} to ${white.toPrecision(3)}${unit}`;
  }

  #pointed(event) {
    if (!this.pixels || !this.onmove) return;
    const box = this.canvas.getBoundingClientRect();
    const x = Math.floor(((event.clientX - box.left) / box.width) * this.shape[2]);
    const y = Math.floor((1 - (event.clientY - box.top) / box.height) * this.shape[1]);
    this.#ask(x, y);
  }

  #key(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    if (!event.shiftKey || !(event.key in moves) || !this.pixels) return;
    event.preventDefault();
    this.cursor = this.cursor.map((one, k) => Math.min(this.shape[2 - k] - 1, Math.max(0, one + moves[event.key][k])));
    this.#ask(...this.cursor);
  }

  #ask(x, y) {
    if (x >= 0 && y >= 0 && x < this.shape[2] && y < this.shape[1] && this.onmove) attempt(() => this.onmove(x, y));
  }
}

function painted(t, colours) {
  if (colours === "cividis") return ramp(t);
  const level = Math.round(255 * (colours === "inverted" ? 1 - t : t));
  return [level, level, level];
}
