// Where the run is: its stage, the time left, stop and go on, its networks and its log.

import { getJson, postJson } from "./api.js";
import { categorical } from "./colours.js";
import { announce, button, clear, dialog, element } from "./dom.js";
import { brief, colourMark } from "./line_chart.js";
import { networkName } from "./training_losses.js";

const SAID = {
  running: "in progress", finished: "finished", stopped: "stopped", failed: "failed",
  unknown: "not in progress",
};

export function duration(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

// Units done and to be done; in a training epochs, which its process may not hear of.
function counted({ stage, done, total, members, n_members: n }) {
  const planned = Math.max(0, ...members.map((one) => one.max_epochs || 0));
  if (stage !== "training" || !planned) return [done, total];
  return [members.reduce((sum, one) => sum + one.last_epoch + 1, 0), planned * Math.max(n, members.length)];
}

// The other views come with the page: it is loaded anew, and begins with the images.
function showResults() {
  location.hash = "images";
  location.reload();
}

export class Status {
  // `onaction()` is called after the run was stopped or started.
  // `hasResults`: whether the page was opened when the run was finished already.
  constructor(onaction, hasResults) {
    this.onaction = onaction;
    this.hasResults = hasResults;
    this.results = button("Show the results", showResults);
    this.line = element("p", { class: "state" });
    this.bar = element("progress", { "aria-label": "Progress of the stage" });
    this.left = element("p", { class: "aside" });
    this.problem = element("p", { class: "failure" });
    this.stop = button("Stop", () => this.#act("api/training/stop", "The run ends after this epoch"), {
      title: "End the run after the epochs that have begun; what is done is kept",
    });
    this.resume = button("Go on", () => this.#confirm(), { title: "Start the command of the run once more" });
    this.command = element("p", { class: "aside command" });
    this.tools = element("div", { class: "tools" }, this.stop, this.resume, this.results);
    this.element = element("section", { class: "status" }, this.line, this.bar, this.left, this.problem,
      this.tools, this.command);
  }

  set(state) {
    const [count, total] = counted(state);
    const done = total ? ` ${count} of ${total}` : "";
    const stage = state.state === "finished" || !state.stage ? "" : `: ${state.stage}${done}`;
    const line = `The run is ${SAID[state.state]}${stage}${state.remark && stage ? ` (${state.remark})` : ""}`;
    if (this.known && this.known !== state.state) this.#announce(state.state);
    this.known = state.state;
    this.state = state;
    this.line.textContent = line;
    this.bar.hidden = state.state !== "running";
    if (total) [this.bar.max, this.bar.value] = [total, Math.min(count, total)];
    else this.bar.removeAttribute("value");
    this.left.textContent = this.#timeText(state);
    const isError = state.error && state.state !== "running" && state.state !== "finished";
    this.problem.textContent = isError ? state.error : "";
    this.problem.hidden = !isError;
    this.#offer(state);
    this.#showCommand(state);
  }

  #announce(state) {
    const next = state === "finished" && !this.hasResults ? "; “Show the results” opens its images" : "";
    announce(`The run is ${SAID[state]}${next}`);
  }

  #offer(state) {
    const before = document.activeElement;
    // A button that cannot be used any more gives the focus to nothing.
    if (before !== document.body) this.hasFocus = this.tools.contains(before);
    this.stop.hidden = !state.can_stop;
    this.stop.disabled = state.stop_asked;
    this.resume.hidden = !state.can_resume;
    this.results.hidden = this.hasResults || state.state !== "finished";
    // The keyboard stays where it was, on what can be done now.
    const next = [this.stop, this.resume, this.results].find((one) => !one.hidden && !one.disabled);
    if (this.hasFocus && document.activeElement !== next) next?.focus({ preventScroll: true });
  }

  #timeText(state) {
    if (state.state === "running" && state.stop_asked) {
      return state.stage === "training" ? "It ends after the epochs that have begun." : "It ends before its next step.";
    }
    if (state.seconds_left !== null) {
      return `About ${duration(state.seconds_left)} of training left, if the epochs take as long as the last ones.`;
    }
    if (state.finished) return `Finished at ${new Date(state.finished).toLocaleString()}.`;
    return state.started ? `Started at ${new Date(state.started).toLocaleString()}.` : "";
  }

  #showCommand(state) {
    const isOver = state.state === "running" || state.state === "finished";
    const words = state.can_resume
      ? `“Go on” starts: ${state.command_shown.join(" ")}`
      : `It cannot be taken up from here: ${state.why_not}.`;
    this.command.textContent = isOver ? "" : words;
    this.command.hidden = isOver;
  }

  // The command comes from the folder, which may be somebody else's.
  #confirm() {
    const { command, command_shown: shown } = this.state;
    // A word that fits on a line stays whole.
    const words = shown.flatMap((text) => [element("span", { text }), " "]);
    const start = button("Start it", async () => {
      made.close();
      await this.#act("api/training/resume", "The run goes on", { command });
    });
    const made = dialog("Go on with the run?",
      element("p", { text: "This command starts on this machine, with your rights:" }),
      element("pre", { class: "confirmed", tabindex: "0", role: "region", "aria-label": "Command" }, words),
      element("p", { class: "aside", text: "It is recorded in the folder of the run. Start it if you know where that comes from." }),
      element("div", { class: "tools" }, start, button("Cancel", () => made.close())));
  }

  async #act(path, said, body = {}) {
    await postJson(path, body);
    announce(said);
    await this.onaction();
  }
}

export class Networks {
  constructor() {
    this.body = element("tbody");
    this.note = element("p", { class: "aside" });
    this.agreement = { kind: "none", members: {}, reason: "" };
    this.last = element("th", { scope: "col", text: "agreement" });
    const names = ["network", "state", "images", "epochs", "s per epoch", "objective"];
    const head = element("tr", {}, names.map((text) => element("th", { scope: "col", text })), this.last);
    const table = element("table", {}, element("thead", {}, head), this.body);
    this.table = element("div", { class: "scrolled", tabindex: "0", role: "region", "aria-label": "Table of networks" }, table);
    this.element = element("section", { class: "networks" }, element("h3", { text: "Networks" }), this.table, this.note);
  }

  set(members, state) {
    clear(this.body).append(...members.map((one) => this.#row(one, state)));
    this.table.hidden = !members.length;
    const waiting = (state.n_members || 0) - members.length;
    const more = members.length ? " more" : "";
    this.note.textContent = [
      waiting > 0 ? `${waiting}${more} ${waiting === 1 ? "network has" : "networks have"} not begun.` : "",
      members.length ? this.#meaning() : "",
    ].join(" ").trim();
    // Without networks the losses say why.
    this.element.hidden = !members.length && waiting <= 0;
  }

  #meaning() {
    const { kind, reason } = this.agreement;
    if (kind === "labels") return "Agreement: share of the labels of the run that the network gives too.";
    if (kind === "clusters") {
      return "Agreement: mean adjusted Rand index (1 = the same clusters, 0 = chance) with the other networks, " +
        "by k-means of the latents of the images that both have seen.";
    }
    return reason ? `Agreement is not shown: ${reason}.` : "";
  }

  #row({ number, epochs, max_epochs: planned, n_training: n, is_finished: isFinished }, state) {
    const last = epochs.at(-1) || {};
    const agreement = this.agreement.members[number];
    const isAtWork = state.state === "running" && state.stage === "training";
    const said = isFinished ? "trained" : isAtWork ? "in training" : "not complete";
    const cells = [
      said, n ?? "", `${epochs.length}${planned ? ` of ${planned}` : ""}`,
      "seconds" in last ? brief(last.seconds) : "", "total" in last ? brief(last.total) : "",
      agreement === undefined || agreement === null ? "" : agreement.toFixed(2),
    ];
    return element("tr", {}, element("th", { scope: "row" }, colourMark(categorical(number)), networkName(number)),
      cells.map((text) => element("td", { text: String(text) })));
  }
}

export class RunLog {
  constructor() {
    this.size = -1;
    this.text = element("pre", { tabindex: "0", role: "region", "aria-label": "Log of the run" });
    this.element = element("details", {}, element("summary", { text: "Log of the run" }), this.text);
    this.element.addEventListener("toggle", () => this.#read());
  }

  set(size) {
    this.element.hidden = !size;
    if (size === this.size) return;
    this.size = size;
    this.#read();
  }

  async #read() {
    if (!this.element.open || this.shown === this.size) return;
    const { size } = this;
    try {
      const { lines } = await getJson("api/training/log");
      this.shown = size;
      this.text.textContent = lines.join("\n") || "There is no log.";
      this.text.scrollTop = this.text.scrollHeight;
    } catch (error) {
      this.text.textContent = error.message;
    }
  }
}
