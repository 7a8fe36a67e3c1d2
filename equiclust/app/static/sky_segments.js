// The table of segments: sorted, page by page, linked with the map.

import { getJson } from "./api.js";
import { attempt, button, clear, element } from "./dom.js";
import { categorical } from "./colours.js";
import { shown } from "./sky_text.js";

const ROWS = 12;
// These first, in this order; the rest as the table has it.
const FIRST = ["id", "label", "n_pixels", "x", "y", "mean", "flux", "membership"];
const DEGREES = ["ra", "dec", "glon", "glat"];

export class SegmentTable {
  constructor(sky) {
    this.sky = sky;
    this.first = 0;
    this.sort = "id";
    this.descending = false;
    this.total = sky.map.n_segments;
    this.head = element("tr");
    this.body = element("tbody");
    this.count = element("span", { class: "sky-count" });
    this.back = button("Previous", () => this.turn(-1));
    this.on = button("Next", () => this.turn(1));
    this.element = this.layout();
    sky.on("segment", (number) => attempt(() => this.follow(number)));
    if (this.total) attempt(() => this.read());
  }

  layout() {
    const title = element("h3", { text: "Segments" });
    if (!this.total) {
      return element("section", { class: "sky-segments" }, title,
        element("p", { text: "There is no segment to list." }));
    }
    const table = element("table", {}, element("caption", { class: "sky-hidden", text: "Segments of the map" }),
      element("thead", {}, this.head), this.body);
    const pages = element(
      "div",
      { class: "sky-row", role: "group", "aria-label": "Pages of segments" },
      this.back,
      this.count,
      this.on,
      button("No segment", () => this.sky.chooseSegment(0), { title: "Take the outline away" }),
    );
    const scrolled = { class: "sky-scroll", tabindex: "0", role: "region", "aria-label": "Table of segments" };
    return element("section", { class: "sky-segments" }, title, element("div", scrolled, table), pages);
  }

  async turn(step) {
    const first = this.first + step * ROWS;
    if (first < 0 || first >= this.total) return;
    this.first = first;
    await this.read();
  }

  async read() {
    const { sort, first } = this;
    const page = await getJson("api/map/segments", { first, count: ROWS, sort, descending: Number(this.descending) });
    this.total = page.total;
    const names = page.columns.map((column) => column.name);
    const order = [...FIRST.filter((name) => names.includes(name)), ...names.filter((name) => !FIRST.includes(name))];
    const places = order.map((name) => names.indexOf(name));
    clear(this.head).append(...places.map((place) => this.heading(page.columns[place])));
    clear(this.body).append(...page.rows.map((row) => this.row(places.map((place) => row[place]), order)));
    const last = Math.min(first + ROWS, this.total);
    this.count.textContent = `${first + 1} to ${last} of ${shown(this.total)}`;
    this.back.disabled = first === 0;
    this.on.disabled = last === this.total;
    this.mark();
  }

  heading({ name, unit, description }) {
    const isSorted = this.sort === name;
    // What the table calls a channel is a plane of labels, which may be several channels.
    const plain = this.sky.map.group > 1 ? name.replace("channel", "plane") : name;
    const text = `${plain.replaceAll("_", " ")}${unit ? ` (${unit})` : ""}`;
    const sorted = button(text, () => this.sortBy(name), { title: description });
    if (isSorted) sorted.append(element("span", { "aria-hidden": "true", text: this.descending ? " ▼" : " ▲" }));
    const order = isSorted ? (this.descending ? "descending" : "ascending") : null;
    const isNumber = name !== "id" && name !== "label";
    return element("th", { scope: "col", class: isNumber ? "sky-number" : null, "aria-sort": order }, sorted);
  }

  async sortBy(name) {
    this.descending = this.sort === name ? !this.descending : false;
    this.sort = name;
    this.first = 0;
    await this.read();
    this.head.querySelector("[aria-sort] button")?.focus();
  }

  row(values, names) {
    const number = values[names.indexOf("id")];
    const choose = () => attempt(() => this.sky.chooseSegment(number, { show: true }));
    const cells = values.map((value, at) => this.cell(names[at], value, choose));
    const made = element("tr", { onclick: choose }, cells);
    made.dataset.segment = String(number);
    return made;
  }

  cell(name, value, choose) {
    if (name === "id") {
      const chosen = element("button", { type: "button", text: String(value), "aria-label": `Show segment ${value}` });
      chosen.addEventListener("click", (event) => {
        event.stopPropagation();
        choose();
      });
      return element("td", {}, chosen);
    }
    if (name === "label") {
      const swatch = element("span", { class: "sky-swatch", "aria-hidden": "true" });
      swatch.style.background = categorical(value);
      return element("td", {}, swatch, `cluster ${value}`);
    }
    return element("td", { class: "sky-number", text: shown(value, DEGREES.includes(name) ? 8 : 5) });
  }

  // Turns to the page of a segment and marks its row.
  async follow(number) {
    if (number && !this.body.querySelector(`[data-segment="${number}"]`)) {
      const { sort } = this;
      const params = { number, sort, descending: Number(this.descending) };
      const { position } = await getJson("api/map/segment", params);
      this.first = position - (position % ROWS);
      await this.read();
    }
    this.mark();
  }

  mark() {
    for (const row of this.body.rows) {
      const isChosen = Number(row.dataset.segment) === this.sky.segment;
      row.classList.toggle("sky-chosen", isChosen);
      if (isChosen) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    }
  }
}
