// Charts of the losses of all networks, one for each term.

import { categorical } from "./colours.js";
import { button, clear, element, select, slider } from "./dom.js";
import { LineChart, movingAverage } from "./line_chart.js";

// Title and what the axis measures, with its unit.
const KNOWN = {
  total: ["Objective", "weighted sum of the terms"],
  mse: ["Reconstruction", "mean squared error (brightness²)"],
  validation_mse: ["Validation error", "mean squared error (brightness²)"],
  perceptual: ["Perceptual distance", "distance of features"],
  variance: ["Variance term", "missing standard deviation"],
  covariance: ["Covariance term", "squared covariance"],
  invariance: ["Invariance term", "squared distance of views"],
  contrastive: ["Contrastive term", "cross entropy (nats)"],
  rotation: ["Rotation term", "change over spread"],
  learning_rate: ["Learning rate", "step size"],
  seconds: ["Duration of an epoch", "time (s)"],
};
// These are no noisy means.
const SMOOTH = ["learning_rate"];

export function chartOf(name) {
  const [title, yLabel] = KNOWN[name] || [name, "value"];
  return new LineChart({ title, xLabel: "epoch", yLabel });
}

// Epochs are counted from 1, as in the report.
export function pointsOf(epochs, name) {
  return epochs.filter((record) => name in record).map((record) => [record.epoch + 1, record[name]]);
}

export function networkName(number) {
  return `network ${number + 1}`;
}

function whyNothing({ state, n_members: n }) {
  if (!n) return "No network is trained in this run: what turns its images into vectors was trained before.";
  return state === "running" ? "No epoch is complete yet." : "The folder of this run holds no record of its epochs.";
}

export class Losses {
  constructor() {
    this.members = [];
    this.names = [];
    this.charts = new Map();
    this.isLog = false;
    this.width = 3;
    this.only = "all";
    this.grid = element("div", { class: "charts" });
    this.chooser = element("span");
    this.toggle = button("Logarithmic axis", () => this.#toggleLog(), { pressed: false });
    const averaged = slider("Moving average", {
      min: 1, max: 25, step: 1, value: this.width, unit: "epochs", oninput: (value) => {
        this.width = value;
        this.draw();
      },
    });
    this.tools = element("div", { class: "tools" }, this.chooser, averaged, this.toggle);
    this.nothing = element("p", {});
    this.element = element("section", { class: "losses" }, element("h3", { text: "Losses" }),
      this.nothing, this.tools, this.grid);
  }

  set(members, state) {
    const { terms } = state;
    this.members = members;
    const isKnown = members.some(({ epochs }) => epochs.length);
    this.nothing.textContent = isKnown ? "" : whyNothing(state);
    this.nothing.hidden = isKnown;
    [this.tools.hidden, this.grid.hidden] = [!isKnown, !isKnown];
    const names = ["total", "validation_mse", ...terms, "learning_rate", "seconds"];
    if (names.join() !== this.names.join()) {
      this.names = names;
      this.charts = new Map(names.map((name) => [name, chartOf(name)]));
      clear(this.grid).append(...[...this.charts.values()].map((chart) => chart.element));
    }
    this.#offerMembers();
    this.draw();
  }

  draw() {
    const shown = this.members.filter(({ number }) => this.only === "all" || this.only === String(number));
    for (const [name, chart] of this.charts) {
      const isAveraged = this.width > 1 && !SMOOTH.includes(name);
      const series = shown.flatMap(({ number, epochs }) => {
        const points = pointsOf(epochs, name);
        const line = { name: networkName(number), colour: categorical(number) };
        if (!isAveraged) return [{ ...line, points }];
        return [{ ...line, points, faint: true }, { ...line, points: movingAverage(points, this.width) }];
      });
      chart.set(series, { isLog: this.isLog });
    }
  }

  #toggleLog() {
    this.isLog = !this.isLog;
    this.toggle.setAttribute("aria-pressed", String(this.isLog));
    this.draw();
  }

  #offerMembers() {
    const numbers = this.members.map(({ number }) => number);
    if (numbers.join() === this.offered) return;
    this.offered = numbers.join();
    const options = [["all", "all"], ...numbers.map((number) => [String(number), networkName(number)])];
    clear(this.chooser).append(select("Networks", options, this.only, (value) => {
      this.only = value;
      this.draw();
    }));
  }
}
