// The pictures of the selection, page by page; arrows move the focus, Space ticks, Enter opens.

import { getJson } from "./api.js";
import { categorical } from "./colours.js";
import { attempt, button, clear, element, select } from "./dom.js";

const ORDERS = [
  ["map", "as they come"],
  ["stability", "most stable first"],
  ["-stability", "least stable first"],
  ["-outlier_score", "least like others first"],
  ["-kind", "least probable kind first"],
];

export class Gallery {
  constructor(place, view) {
    this.view = view;
    this.rows = [];
    this.page = 0;
    this.ticks = new Set();
    this.focused = null;
    this.reasons = null;
    this.order = "map";
    this.heading = element("h2", { text: "Images" });
    this.all = button("All images", () => view.clearSelection(), { key: "c" });
    this.search = element("input", { type: "search", placeholder: "id or file", "aria-label": "Find by id or file" });
    this.search.addEventListener("change", () => attempt(() => this.#find()));
    this.pages = element("span", { class: "aside" });
    this.grid = element("div", { class: "grid", role: "group", "aria-label": "Pictures" });
    this.grid.addEventListener("keydown", (event) => this.#key(event));
    place.append(
      element("div", { class: "gallery" },
        element("div", { class: "bar" }, this.heading, this.all, this.search),
        element("div", { class: "bar" },
          select("Order", ORDERS, "map", (order) => this.sortBy(order)),
          button("Tick all", () => this.tickAll(), { key: "a" }),
          element("span", { class: "group" },
            button("◀", () => this.turn(-1), { title: "page back ([)" }),
            button("▶", () => this.turn(1), { title: "page on (])" })),
          this.pages),
        this.grid),
    );
    for (const one of place.querySelectorAll(".group button")) one.setAttribute("aria-label", one.title);
    new ResizeObserver(() => this.#resized()).observe(this.grid);
  }

  get perPage() {
    const columns = Math.max(2, Math.floor((this.grid.clientWidth || 400) / 112));
    return columns * (window.innerWidth < 700 ? 6 : Math.max(3, Math.ceil(24 / columns)));
  }

  #resized() {
    if (this.shownPerPage && this.perPage !== this.shownPerPage) attempt(() => this.refresh());
  }

  show(rows, name, reasons = null) {
    this.given = rows;
    this.name = name;
    this.reasons = reasons;
    this.page = 0;
    this.ticks.clear();
    this.focused = null;
    attempt(() => this.sortBy(this.order));
  }

  async sortBy(order) {
    this.order = order;
    this.rows = order === "map" || this.reasons ? this.given : await this.#sorted(order);
    await this.refresh();
  }

  async #sorted(order) {
    const name = order.replace("-", "");
    const down = order === "stability" || order === "-outlier_score";
    let values = name === "kind" ? this.view.kinds.taught && this.view.kinds.taught.probability : null;
    if (name !== "kind") {
      if (!this.view.columns.has(name)) throw new Error(`this run has no column ${name}`);
      values = (await this.view.valuesOf(name)).values;
    }
    if (!values) throw new Error("label images of two kinds first; then they have probabilities");
    const known = (row) => (Number.isFinite(values[row]) ? values[row] : down ? -Infinity : Infinity);
    return Array.from(this.given).sort((a, b) => (down ? known(b) - known(a) : known(a) - known(b)));
  }

  get shownRows() {
    return this.rows.slice(this.page * this.perPage, (this.page + 1) * this.perPage);
  }

  turn(by) {
    const last = Math.max(0, Math.ceil(this.rows.length / this.perPage) - 1);
    this.page = Math.min(last, Math.max(0, this.page + by));
    return this.refresh();
  }

  async refresh() {
    this.shownPerPage = this.perPage;
    const last = Math.max(1, Math.ceil(this.rows.length / this.perPage));
    this.page = Math.min(this.page, last - 1);
    const images = this.rows.length === 1 ? "image" : "images";
    this.heading.textContent = `${this.rows.length.toLocaleString("en")} ${images}${this.view.isAll ? "" : `: ${this.name}`}`;
    this.all.hidden = this.view.isAll;
    this.pages.textContent = `page ${this.page + 1} of ${last.toLocaleString("en")}`;
    const rows = this.shownRows;
    const asked = (this.asked = Symbol("page"));
    const records = rows.length ? await getJson("api/rows", { rows: rows.join(",") }) : [];
    if (asked !== this.asked) return;
    const had = this.grid.contains(document.activeElement);
    clear(this.grid).append(...records.map((record) => this.#tile(record)));
    if (had) this.focus();
  }

  #tile(record) {
    const { row, id } = record;
    const given = this.view.kinds.labelsOf(row);
    const kinds = given.map((one) => one.kind);
    const disagree = new Set(kinds).size > 1;
    const image = element("img", { alt: "", loading: "lazy", src: `api/picture?row=${row}&side=128` });
    image.addEventListener("error", () => image.replaceWith(element("span", { class: "blank", text: "no picture" })));
    const text = this.#caption(record);
    const tile = element("button", {
      type: "button", class: "tile", "data-row": String(row), title: id,
      "aria-pressed": String(this.ticks.has(row)),
      "aria-label": [id, text, kinds.length && `labelled ${kinds.join(" and ")}`].filter(Boolean).join(", "),
      onclick: (event) => this.#clicked(event, row),
      ondblclick: () => attempt(() => this.view.open(row)),
      onfocus: () => this.#focusedOn(row),
    }, image, element("span", { class: "caption", text }));
    if (kinds.length) {
      const badge = element("span", { class: "badge", text: disagree ? `? ${kinds.join(" / ")}` : kinds[0] });
      badge.style.borderColor = categorical(this.view.kinds.names.indexOf(kinds[0]));
      tile.append(badge);
    }
    return tile;
  }

  #caption(record) {
    if (this.reasons && this.reasons.get(record.row)) return this.reasons.get(record.row);
    const { taught } = this.view.kinds;
    if (taught) {
      const k = taught.labels[record.row];
      return `${k < 0 ? "none of these" : taught.names[k]} ${(100 * taught.probability[record.row]).toFixed(0)} %`;
    }
    return this.view.clusterName(record.row);
  }

  #focusedOn(row) {
    this.focused = row;
    for (const tile of this.grid.children) tile.classList.toggle("current", Number(tile.dataset.row) === row);
    this.view.scatter.ring(row);
  }

  #clicked(event, row) {
    if (event.shiftKey && this.lastTicked !== undefined) this.#tickRange(row);
    else this.#tick(row);
    this.lastTicked = row;
  }

  #tickRange(row) {
    const [from, to] = [this.rows.indexOf(this.lastTicked), this.rows.indexOf(row)].sort((a, b) => a - b);
    for (const one of this.rows.slice(Math.max(0, from), to + 1)) this.ticks.add(one);
    this.#showTicks();
  }

  #tick(row) {
    if (!this.ticks.delete(row)) this.ticks.add(row);
    this.#showTicks();
  }

  #showTicks() {
    for (const tile of this.grid.children) {
      tile.setAttribute("aria-pressed", String(this.ticks.has(Number(tile.dataset.row))));
    }
    this.view.kinds.showTargets();
  }

  ticked() {
    return [...this.ticks];
  }

  tickAll() {
    if (this.ticks.size) this.ticks.clear();
    else for (const row of this.rows) this.ticks.add(row);
    this.#showTicks();
  }

  clearTicks() {
    this.ticks.clear();
    this.#showTicks();
  }

  focus() {
    const first = this.grid.children[0];
    if (this.shownRows.includes(this.focused)) this.focusOn(this.focused);
    else if (first) first.focus();
  }

  // After an image was looked at in full: keys go on from there.
  returnTo(row) {
    if (!this.shownRows.includes(row)) return;
    this.focused = row;
    setTimeout(() => this.focusOn(row));
  }

  focusOn(row) {
    const tile = [...this.grid.children].find((one) => Number(one.dataset.row) === row);
    if (tile) tile.focus();
  }

  // The next picture, on the next page if need be.
  async advance() {
    const place = this.rows.indexOf(this.focused);
    if (place < 0 || place + 1 >= this.rows.length) return;
    const next = this.rows[place + 1];
    this.focused = next;
    this.view.scatter.ring(next);
    if (!this.shownRows.includes(next)) await this.turn(1);
    // It may have moved on while the page was turned.
    this.focusOn(this.focused);
  }

  focusSearch() {
    this.search.focus();
  }

  async #find() {
    const text = this.search.value.trim();
    if (!text) {
      this.view.clearSelection();
      return;
    }
    const rows = await getJson("api/find", { text });
    this.view.select(rows, `“${text}”`);
  }

  #key(event) {
    const tiles = [...this.grid.children];
    const at = tiles.indexOf(document.activeElement);
    if (at < 0) return;
    const top = tiles[0].offsetTop;
    const columns = Math.max(1, tiles.filter((tile) => tile.offsetTop === top).length);
    const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
    if (event.key in moves) {
      event.preventDefault();
      const next = at + moves[event.key];
      if (tiles[next]) tiles[next].focus();
      else if (moves[event.key] > 0) attempt(() => this.turn(1).then(() => this.grid.children[0]?.focus()));
      else attempt(() => this.turn(-1).then(() => this.grid.lastElementChild?.focus()));
    } else if (event.key === " ") {
      event.preventDefault();
      this.#tick(this.focused);
    } else if (event.key === "Enter") {
      event.preventDefault();
      attempt(() => this.view.open(this.focused));
    }
  }
}
