// The view "Images": the map of all images, their pictures, and the labels.

import { getArrays, getJson } from "./api.js";
import { categorical, marker, ramp, rampCss, UNKNOWN } from "./colours.js";
import { announce, attempt, button, clear, element, select } from "./dom.js";
import { Gallery } from "./gallery.js";
import { KindsPanel } from "./kinds_panel.js";
import { isTyping } from "./page.js";
import { Scatter } from "./scatter.js";
import { openViewer } from "./viewer.js";

const PROJECTIONS = [["pca", "PCA"], ["umap", "UMAP"], ["tsne", "t-SNE"]];
const RAMP_STEPS = 64;
const NO_KINDS = [["kind", "kind, by your labels"], ["probability", "probability of that kind"], ["given", "labels given"]];

const KEYS = [
  ["1 … 9", "label the ticked images, or the one in focus, with that kind"],
  ["n", "label them “none of these”"],
  ["0", "take their labels away"],
  ["u", "undo your last change"],
  ["s", "suggest the next images worth a label"],
  ["k", "add a kind"],
  ["a", "tick all images of the selection, or none"],
  ["Space", "tick the image in focus"],
  ["Enter", "open the image in focus"],
  ["← → ↑ ↓", "move through the pictures; on the map, move the cursor (Shift: farther)"],
  ["[ ]", "page back and forth"],
  ["m, g", "go to the map, to the gallery"],
  ["b", "on the map: begin a box at the cursor, and end it"],
  ["+ − f", "on the map: zoom in, out, fit"],
  ["c", "clear the selection"],
  ["/", "find by id or file"],
  ["?", "this list"],
];

export async function start(place, info) {
  const view = new ImagesView(place, info);
  await view.start();
  return { keys: KEYS, shown: () => view.shown(), hidden: () => view.hide() };
}

class ImagesView {
  constructor(place, info) {
    this.place = place;
    this.info = info;
    this.n = info.run.n;
    this.selection = [];
    this.columns = new Map(info.run.columns.map((column) => [column.name, column]));
    this.values = new Map();
    this.colourBy = info.run.columns[0].name;
    this.active = true;
  }

  async start() {
    const map = element("div", { class: "panel map" });
    const side = element("div", { class: "panel side" });
    this.place.append(map, side);
    this.#makeMap(map);
    this.kinds = new KindsPanel(side, this);
    this.gallery = new Gallery(side, this);
    document.addEventListener("keydown", (event) => this.#key(event));
    await Promise.all([this.#project("pca"), this.kinds.load(), this.colour(this.colourBy)]);
    this.kinds.listen();
    this.select(Array.from({ length: this.n }, (_, row) => row), "all images", true);
    this.shown();
  }

  shown() {
    this.active = true;
    const row = Number(location.hash.split("/")[1]);
    if (location.hash.startsWith("#images/") && row < this.n) attempt(() => this.open(row));
  }

  hide() {
    this.active = false;
  }

  #makeMap(map) {
    map.append(element("h2", { class: "unseen", text: "Map of the latents" }));
    const bar = element("div", { class: "bar" });
    this.projecting = element("span", { class: "aside", role: "status" });
    const tools = element("div", { class: "group", role: "group", "aria-label": "What dragging does" });
    for (const [tool, text] of [["lasso", "Lasso"], ["box", "Box"], ["pan", "Move"]]) {
      tools.append(button(text, () => this.#use(tool, tools), { pressed: tool === "lasso" }));
    }
    this.colourPlace = element("span");
    bar.append(
      select("Map", PROJECTIONS, "pca", (method) => this.#project(method)),
      this.colourPlace,
      tools,
      button("Fit", () => this.scatter.fit()),
    );
    this.tip = element("div", { class: "tip", hidden: true });
    map.append(bar);
    this.scatter = new Scatter(map, {
      label: "Map of all images: arrows move the cursor, B begins and ends a box, Enter selects, plus and minus zoom",
      onselect: (rows, adds) => this.#selected(rows, adds),
      onopen: (row) => attempt(() => this.open(row)),
      onhover: (row, x, y) => this.#hover(row, x, y),
    });
    this.scatter.frame.append(this.tip);
    this.axes = element("p", { class: "axes aside" });
    this.legend = element("div", { class: "legend" });
    map.append(this.axes, this.projecting, this.legend);
    this.#offerColours();
  }

  #offerColours() {
    const own = this.kinds && this.kinds.taught ? NO_KINDS : NO_KINDS.slice(2);
    const options = [...this.columns.values()].map((column) => [column.name, column.title]);
    const listed = [...options.map(([name, title]) => [name, title]), ...own.map(([name, text]) => [`our:${name}`, text])];
    clear(this.colourPlace).append(select("Colour", listed, this.colourBy, (name) => this.colour(name)));
  }

  #use(tool, tools) {
    this.scatter.tool = tool;
    for (const one of tools.children) one.setAttribute("aria-pressed", String(one.textContent.toLowerCase() === (tool === "pan" ? "move" : tool)));
  }

  async #project(method) {
    this.projecting.textContent = method === "pca" ? "" : "computing the map; the first time this takes a while …";
    try {
      const { header, arrays } = await getArrays("api/projection", { method });
      this.method = method;
      this.scatter.setPositions(arrays.positions);
      this.axes.textContent = `Across: ${header.x_label}. Up: ${header.y_label}.`;
    } finally {
      this.projecting.textContent = "";
    }
  }

  // Colours the map by a column, or by what the labels say.
  async colour(name) {
    this.colourBy = name;
    const column = name.startsWith("our:") ? this.#ourColumn(name.slice(4)) : await this.valuesOf(name);
    if (column.what === "groups") this.#colourGroups(column);
    else this.#colourNumbers(column);
  }

  // A column with its values, asked for once.
  async valuesOf(name) {
    if (!this.values.has(name)) {
      const { header, arrays } = await getArrays("api/column", { name });
      this.values.set(name, { ...header, values: arrays.values });
    }
    return this.values.get(name);
  }

  #ourColumn(name) {
    const { taught, given, names } = this.kinds;
    if (name === "given") return { what: "groups", title: "labels given", names, values: given(this.n) };
    if (!taught) return { what: "groups", title: "kind", names: [], values: new Int32Array(this.n).fill(-1) };
    if (name === "probability") return { what: "numbers", title: "probability", values: taught.probability, unit: "" };
    return { what: "groups", title: "kind", names: taught.names, values: taught.labels };
  }

  #colourGroups(column) {
    const count = Math.max(column.names.length, 1);
    const colours = Array.from({ length: count }, (_, k) => this.#colourOf(column, k));
    const shapes = Array.from({ length: count }, (_, k) => marker(this.#codeOf(column, k)));
    this.scatter.setColours(column.values, [...colours, UNKNOWN], [...shapes, "circle"]);
    const counts = new Map();
    for (const value of column.values) counts.set(value, (counts.get(value) || 0) + 1);
    clear(this.legend);
    for (const value of [...counts.keys()].sort((a, b) => a - b)) {
      const name = this.nameOf(column, value);
      const mark = element("span", { class: "swatch" });
      mark.style.background = value < 0 ? UNKNOWN : colours[value];
      const pick = () => this.select(this.#rowsOf(column, value), name);
      const made = button(name, pick, { title: `select the ${counts.get(value)} images` });
      made.prepend(mark);
      made.append(element("span", { class: "count", text: String(counts.get(value)) }));
      this.legend.append(made);
    }
    this.column = column;
  }

  // Kinds keep the colour of their place in the list of kinds.
  #codeOf(column, k) {
    const place = column.title.startsWith("kind") || column.title === "labels given" ? this.kinds.names.indexOf(column.names[k]) : -1;
    return place >= 0 ? place : k;
  }

  #colourOf(column, k) {
    return categorical(this.#codeOf(column, k));
  }

  nameOf(column, value) {
    if (value < 0) return column.title === "labels given" ? "no label" : column.title === "kind" ? "none of these" : "don't know";
    const own = column.name === "label" && this.kinds.clusters[value];
    return own ? `${own} (${column.names[value]})` : column.names[value];
  }

  clusterName(row) {
    const column = this.values.get(this.info.run.columns[0].name);
    return column ? this.nameOf(column, column.values[row]) : "";
  }

  #rowsOf(column, value) {
    const found = [];
    column.values.forEach((one, row) => one === value && found.push(row));
    return found;
  }

  #colourNumbers(column) {
    const known = Float32Array.from(column.values).filter(Number.isFinite).sort();
    const [low, high] = [known[Math.floor(known.length * 0.01)] ?? 0, known[Math.ceil(known.length * 0.99) - 1] ?? 1];
    const span = high - low || 1;
    const codes = new Int32Array(this.n);
    column.values.forEach((value, row) => {
      const t = Math.min(1, Math.max(0, (value - low) / span));
      codes[row] = Number.isFinite(value) ? Math.round(t * (RAMP_STEPS - 1)) : -1;
    });
    const hex = (t) => `#${ramp(t).map((v) => v.toString(16).padStart(2, "0")).join("")}`;
    const colours = Array.from({ length: RAMP_STEPS }, (_, k) => hex(k / (RAMP_STEPS - 1)));
    this.scatter.setColours(codes, [...colours, UNKNOWN]);
    const bar = element("div", { class: "ramp", role: "img", "aria-label": `from ${low.toPrecision(3)} to ${high.toPrecision(3)}` });
    bar.style.background = `linear-gradient(to right, ${[0, 0.25, 0.5, 0.75, 1].map(rampCss).join(",")})`;
    const unit = column.unit ? ` [${column.unit}]` : "";
    clear(this.legend).append(
      element("span", { text: `${column.title}${unit}: ${low.toPrecision(3)}` }), bar,
      element("span", { text: high.toPrecision(3) }),
      element("span", { class: "aside", text: column.description || "" }),
    );
    this.column = column;
  }

  #selected(rows, adds) {
    if (adds) {
      const both = new Set([...(this.isAll ? [] : this.selection), ...rows]);
      this.select([...both], "selection");
    } else if (rows.length) this.select(rows, "selection");
    else this.clearSelection();
  }

  clearSelection() {
    this.select(Array.from({ length: this.n }, (_, row) => row), "all images", true);
  }

  // `reasons` may say, by row, why an image is shown.
  select(rows, name, isAll = false, reasons = null) {
    this.selection = rows;
    this.isAll = isAll;
    this.scatter.setChosen(isAll ? null : rows);
    this.gallery.show(rows, name, reasons);
    announce(`${rows.length} images: ${name}`);
  }

  #hover(row, x, y) {
    if (row < 0) {
      this.tip.hidden = true;
      return;
    }
    if (this.tip.dataset.row !== String(row)) {
      this.tip.dataset.row = row;
      clear(this.tip).append(element("img", { alt: "", src: `api/picture?row=${row}&side=128`, width: "96", height: "96" }));
      getJson("api/rows", { rows: row }).then(([record]) => {
        if (this.tip.dataset.row === String(row)) this.tip.append(this.#tipText(record));
      }).catch(() => {});
    }
    const box = this.scatter.frame.getBoundingClientRect();
    this.tip.style.left = `${Math.min(x - box.left + 14, box.width - 210)}px`;
    this.tip.style.top = `${Math.max(4, Math.min(y - box.top + 14, box.height - 120))}px`;
    this.tip.hidden = false;
  }

  #tipText(record) {
    const value = this.column.values[record.row];
    const text = this.column.what === "groups" ? this.nameOf(this.column, value) : `${this.column.title} ${value.toPrecision(4)}`;
    const given = this.kinds.labelsOf(record.row).map((one) => one.kind).join(", ");
    return element("div", {}, element("b", { text: record.id }), element("div", { text }), given && element("div", { text: `labelled ${given}` }));
  }

  open(row) {
    return openViewer(row, this);
  }

  // The images that a key labels: the ticked ones, else the one in focus.
  targets() {
    const ticked = this.gallery.ticked();
    if (ticked.length) return ticked;
    return this.gallery.focused === null ? [] : [this.gallery.focused];
  }

  // Labels have changed: what shows them is drawn again.
  // At the first kinds the map shows them, where it showed the clusters.
  async refreshed(isFirst) {
    if (isFirst && this.colourBy === this.info.run.columns[0].name) this.colourBy = "our:kind";
    this.#offerColours();
    if (this.colourBy.startsWith("our:") || this.colourBy === "label") await this.colour(this.colourBy);
    await this.gallery.refresh();
  }

  #key(event) {
    if (!this.active || isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    const open = document.querySelector("dialog[open]");
    if (open && !open.classList.contains("viewer")) return;
    const action = this.#actionOf(event.key, Boolean(open));
    if (!action) return;
    event.preventDefault();
    attempt(action);
  }

  #actionOf(key, viewing) {
    if (/^[1-9]$/.test(key)) return () => this.kinds.giveNumber(Number(key) - 1);
    const always = { n: () => this.kinds.give("none of these"), 0: () => this.kinds.give(""), u: () => this.kinds.undo() };
    if (key in always || viewing) return always[key];
    return {
      s: () => this.kinds.suggest(),
      k: () => this.kinds.focusNew(),
      a: () => this.gallery.tickAll(),
      c: () => this.clearSelection(),
      "[": () => this.gallery.turn(-1),
      "]": () => this.gallery.turn(1),
      m: () => this.scatter.focus(),
      g: () => this.gallery.focus(),
      "/": () => this.gallery.focusSearch(),
    }[key];
  }
}
