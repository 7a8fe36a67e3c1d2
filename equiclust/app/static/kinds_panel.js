// Kinds, labels, and what follows from them.

import { getArrays, getJson, postJson } from "./api.js";
import { categorical } from "./colours.js";
import { announce, attempt, button, clear, dialog, element, select } from "./dom.js";
import { saveMenu } from "./save.js";

const SUGGESTED = 12;
const NAME = "equiclust-name";

export class KindsPanel {
  constructor(place, view) {
    this.view = view;
    this.names = [];
    this.clusters = {};
    this.labels = {};
    this.taught = null;
    this.version = -1;
    this.list = element("ul", { class: "kinds", "aria-label": "Kinds" });
    this.field = element("input", { type: "text", placeholder: "a new kind", "aria-label": "Name of a new kind", maxlength: "200" });
    this.who = element("input", { type: "text", "aria-label": "Your name, written beside your labels", maxlength: "60" });
    this.who.addEventListener("change", () => sessionStorage.setItem(NAME, this.who.value));
    this.summary = element("p", { class: "summary", role: "status" });
    this.targets = element("p", { class: "aside" });
    const form = element("form", { class: "bar", onsubmit: (event) => this.#add(event) },
      this.field, element("button", { type: "submit", text: "Add kind" }));
    place.append(
      element("div", { class: "labelling" },
        element("div", { class: "bar" },
          element("h2", { text: "Kinds" }),
          button("Suggest", () => this.suggest(), { key: "s" }),
          button("Undo", () => this.undo(), { key: "u" }),
          saveMenu(view, this)),
        this.list, form, this.targets, this.summary,
        element("label", { class: "field" }, element("span", { text: "Your name" }), this.who)),
    );
  }

  // Follows changes, of this page and of others.
  listen() {
    const source = new EventSource("api/events");
    source.onmessage = (event) => {
      if (event.data !== this.seen) attempt(() => this.load());
      this.seen = event.data;
      document.body.classList.remove("offline");
    };
    source.onerror = () => {
      document.body.classList.add("offline");
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this.listen(), 2000);
    };
  }

  // One at a time; what changed meanwhile is loaded once more.
  load() {
    if (this.loading) {
      this.stale = true;
      return this.loading;
    }
    const loaded = async () => {
      do {
        this.stale = false;
        await this.#load();
      } while (this.stale);
    };
    this.loading = loaded().finally(() => {
      this.loading = null;
    });
    return this.loading;
  }

  async #load() {
    const given = await getJson("api/labels");
    this.names = given.kinds;
    this.clusters = given.clusters;
    this.labels = given.labels;
    this.file = given.file;
    if (!this.who.value) this.who.value = sessionStorage.getItem(NAME) || given.user;
    this.#show();
    const changed = given.version !== this.version;
    this.version = given.version;
    const knew = Boolean(this.taught);
    if (changed) await this.#learn();
    await this.view.refreshed(!knew && Boolean(this.taught));
    const viewer = document.querySelector("dialog.viewer[open]");
    if (viewer) viewer.dispatchEvent(new CustomEvent("labelled"));
  }

  async #learn() {
    const { header, arrays } = await getArrays("api/taught");
    this.taught = header.names.length ? { ...arrays, names: header.names } : null;
    this.header = header;
    this.#summarise();
  }

  labelsOf(row) {
    return this.labels[row] || [];
  }

  // Place of each image's label in the list of kinds, -1 where it has none.
  given = (n) => {
    const found = new Int32Array(n).fill(-1);
    for (const [row, own] of Object.entries(this.labels)) found[row] = this.names.indexOf(own[0].kind);
    return found;
  };

  #show() {
    const counts = new Map();
    for (const own of Object.values(this.labels)) {
      for (const one of own) counts.set(one.kind, (counts.get(one.kind) || 0) + 1);
    }
    clear(this.list).append(...this.names.map((name, k) => this.#entry(name, k, counts.get(name) || 0)));
    if (!this.names.length) {
      this.list.append(element("li", { class: "aside", text: "Name a kind, then press its number to label images. “Suggest” shows where to begin." }));
    }
  }

  #entry(name, k, count) {
    const swatch = element("span", { class: "swatch" });
    swatch.style.background = categorical(k);
    const give = button(name, () => this.give(name), { key: k < 9 ? String(k + 1) : undefined, title: `label the ticked images ${name}` });
    give.prepend(swatch);
    give.append(element("span", { class: "count", text: String(count) }));
    return element("li", {}, give, button("…", () => this.#edit(name, count), { title: `change the kind ${name}` }));
  }

  #edit(name, count) {
    const field = element("input", { type: "text", value: name, maxlength: "200", "aria-label": "New name" });
    const others = this.names.filter((one) => one !== name);
    let into = others[0];
    const change = (path, body) => async () => {
      await postJson(path, { ...body(), who: this.who.value });
      shown.close();
    };
    const shown = dialog(`Kind “${name}”`,
      element("div", { class: "bar" }, field, button("Rename", change("api/kind/rename", () => ({ kind: name, new: field.value })))),
      others.length && element("div", { class: "bar" },
        select("Merge into", others, into, (one) => { into = one; }),
        button("Merge", change("api/kind/rename", () => ({ kind: name, new: into })))),
      element("div", { class: "bar" },
        button("Show its images", () => {
          shown.close();
          const rows = Object.keys(this.labels).filter((row) => this.labels[row].some((one) => one.kind === name)).map(Number);
          this.view.select(rows, `labelled ${name}`);
        }),
        !count && button("Remove", change("api/kind/remove", () => ({ name })))),
      element("p", { class: "aside", text: "To split a kind, show its images, tick those of the new kind, and label them." }));
    field.value = name;
  }

  #add(event) {
    event.preventDefault();
    const name = this.field.value;
    // The next name may follow; Escape leaves the field.
    this.field.value = "";
    attempt(() => this.#inTurn(() => postJson("api/kind", { name })).then(() => this.load()));
  }

  focusNew() {
    this.field.focus();
  }

  giveNumber(k) {
    if (k >= this.names.length) throw new Error(`there is no kind ${k + 1}; add kinds first`);
    return this.give(this.names[k]);
  }

  // Labels the ticked images, or the one in focus; an empty kind takes labels away.
  async give(kind) {
    const { gallery } = this.view;
    const viewer = document.querySelector("dialog.viewer[open]");
    const rows = viewer ? [Number(viewer.dataset.row)] : this.view.targets();
    if (!rows.length) throw new Error("tick images, or move to one in the gallery (G), before you label");
    const why = gallery.reasons && gallery.reasons.get(rows[0]) ? `suggested: ${gallery.reasons.get(rows[0])}` : rows.length > 1 ? "selection" : "chosen";
    // The focus moves at once, so that whoever types fast labels the next image and not this one.
    const moved = !gallery.ticks.size && !viewer ? gallery.advance() : null;
    gallery.clearTicks();
    const who = this.who.value;
    await Promise.all([moved, this.#inTurn(() => postJson("api/label", { rows, kind, who, why }))]);
    announce(kind ? `${rows.length} labelled ${kind}` : `${rows.length} labels taken away`);
    this.showTargets();
  }

  // One change after another, in the order in which they were made.
  #inTurn(action) {
    const next = (this.last || Promise.resolve()).then(action);
    this.last = next.catch(() => {});
    return next;
  }

  async undo() {
    const { n } = await this.#inTurn(() => postJson("api/undo", { who: this.who.value }));
    announce(n ? `${n} labels as before` : "nothing to undo");
    if (n) this.showTargets();
    else this.targets.textContent = "There is nothing of yours to undo.";
  }

  async suggest() {
    this.targets.textContent = "looking for images worth a label …";
    await this.last;
    try {
      const found = await getJson("api/suggest", { n: SUGGESTED });
      const reasons = new Map(found.map(({ row, why }) => [row, why]));
      this.view.select([...reasons.keys()], "worth a label", false, reasons);
      await this.view.gallery.refresh();
      this.view.gallery.focus();
    } finally {
      this.showTargets();
    }
  }

  showTargets() {
    const ticked = this.view.gallery.ticks.size;
    this.targets.textContent = ticked
      ? `${ticked.toLocaleString("en")} ticked: a number, or a click on a kind, labels them all.`
      : "Click or Space ticks an image, double click or Enter opens it; a number labels the one in focus.";
  }

  #summarise() {
    const { header } = this;
    const n = Object.keys(this.labels).length;
    const count = `${n.toLocaleString("en")} ${n === 1 ? "image is" : "images are"} labelled.`;
    const text = header.sentences.length ? header.sentences.map((one) => `${one}.`).join(" ") : n ? `${header.problem[0].toUpperCase()}${header.problem.slice(1)}.` : "";
    this.summary.textContent = n ? `${count} ${text}` : "";
    if (header.doubtful.length) {
      const ids = new Set(header.doubtful.map((one) => one.id));
      this.summary.append(" ", button(ids.size === 1 ? "1 doubtful label" : `${ids.size} doubtful labels`, () => this.#showDoubtful(), { title: "labels that the others contradict" }));
    }
  }

  async #showDoubtful() {
    const reasons = new Map();
    for (const one of this.header.doubtful) {
      const [row] = (await getJson("api/rows", { rows: Object.keys(this.labels).slice(0, 500).join(",") })).filter((record) => record.id === one.id).map((record) => record.row);
      if (row !== undefined) reasons.set(row, `labelled ${one.kind}, rather ${one.rather}`);
    }
    this.view.select([...reasons.keys()], "doubtful labels", false, reasons);
  }
}
