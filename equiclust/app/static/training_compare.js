// Two runs side by side: settings that differ, clusters, images that changed theirs, losses.

import { getJson } from "./api.js";
import { categorical } from "./colours.js";
import { clear, element } from "./dom.js";
import { chartOf, pointsOf } from "./training_losses.js";

const COMPARED = ["total", "mse", "validation_mse"];

// Mean over the networks at every epoch.
function meanOf(members, name) {
  const sums = new Map();
  for (const { epochs } of members) {
    for (const [epoch, value] of pointsOf(epochs, name)) {
      const [sum, n] = sums.get(epoch) || [0, 0];
      sums.set(epoch, [sum + value, n + 1]);
    }
  }
  return [...sums].sort(([a], [b]) => a - b).map(([epoch, [sum, n]]) => [epoch, sum / n]);
}

function clusterName(label) {
  return label < 0 ? "no cluster" : `cluster ${label}`;
}

function scrolled(label, table) {
  return element("div", { class: "scrolled", tabindex: "0", role: "region", "aria-label": label }, table);
}

function heading(...texts) {
  return element("thead", {}, element("tr", {}, texts.map((text) => element("th", { scope: "col", text }))));
}

export class Comparison {
  constructor(info) {
    this.info = info;
    this.losses = element("div");
    this.element = element("section", { class: "comparison" });
  }

  async load(members) {
    const found = await getJson("api/training/compare");
    this.other = found;
    this.charts = new Map(COMPARED.map((name) => [name, chartOf(name)]));
    clear(this.element).append(
      element("h3", { text: `Compared with ${found.name}` }),
      this.#settings(found),
      ...(found.labels ? this.#labels(found) : [
        element("p", { text: "Clusters are compared when both runs are finished." }),
      ]),
      this.losses,
    );
    clear(this.losses).append(
      element("h4", { text: "Losses, mean over the networks" }),
      element("p", { class: "aside", text: `Solid: this run. Dashed: ${found.name}.` }),
      element("div", { class: "charts" }, [...this.charts.values()].map((chart) => chart.element)),
    );
    this.setMembers(members);
  }

  setMembers(members) {
    if (!this.other) return;
    for (const [name, chart] of this.charts) {
      chart.set([
        { name: "this run", colour: categorical(0), points: meanOf(members, name) },
        { name: this.other.name, colour: categorical(2), dash: true, points: meanOf(this.other.members, name) },
      ]);
    }
    this.losses.hidden = [...this.charts.values()].every((chart) => chart.element.hidden);
  }

  #settings({ name, settings }) {
    if (!settings.length) return element("p", { text: "All settings of the two runs are the same." });
    const rows = settings.map((one) => element("tr", {},
      element("th", { scope: "row", text: one.name.replaceAll("_", " ") }),
      element("td", { text: one.here }), element("td", { text: one.there })));
    return scrolled("Settings that differ", element("table", {},
      element("caption", { text: "Settings that differ" }),
      heading("setting", "this run", name), element("tbody", {}, rows)));
  }

  #labels({ name, labels }) {
    const alone = `${labels.n_here} images are only in this run, ${labels.n_there} only in ${name}.`;
    const have = labels.n_changed === 1 ? "has" : "have";
    const text = `${labels.n_changed} of ${labels.n_common} images ${have} another cluster. ${alone}`;
    return [element("h4", { text: "Clusters" }), element("p", { text }), this.#table(labels, name), this.#changed(labels, name)];
  }

  #table({ rows, columns, counts, matched }, name) {
    const most = Math.max(1, ...counts.flat());
    const body = rows.map((row, k) => element("tr", {},
      element("th", { scope: "row", text: clusterName(row) }),
      counts[k].map((count, m) => {
        const isSame = (k === m && k < matched) || (row < 0 && columns[m] < 0);
        const cell = element("td", { class: isSame ? "shared same" : "shared", text: String(count) });
        cell.style.setProperty("--share", String(count / most));
        return cell;
      })));
    return scrolled("Images by cluster in both runs", element("table", { class: "confusion" },
      element("caption", { text: `Images by cluster: rows are this run, columns ${name}; matched clusters are outlined` }),
      heading("this run", ...columns.map(clusterName)), element("tbody", {}, body)));
  }

  #changed({ changed, n_changed: n }, name) {
    if (!n) return null;
    const rows = changed.map((one) => element("tr", {},
      element("th", { scope: "row" }, this.#link(one)),
      element("td", { text: clusterName(one.here) }), element("td", { text: clusterName(one.there) })));
    const all = n === 1 ? "1 image" : `${n} images`;
    const listed = n > changed.length ? `The first ${changed.length} of ${all}` : all;
    return element("details", {}, element("summary", { text: `${listed} with another cluster` }),
      scrolled("Images with another cluster", element("table", {},
        heading("image", "this run", name), element("tbody", {}, rows))));
  }

  #link({ id, row }) {
    if (!this.info.openImage) return element("span", { text: id });
    return element("button", { type: "button", class: "link", text: id, onclick: () => this.info.openImage(row) });
  }
}
