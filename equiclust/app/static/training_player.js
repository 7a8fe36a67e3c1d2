// Epochs to play through: a slider, play and pause, and the arrow keys.

import { announce, attempt, button, element } from "./dom.js";

const MILLISECONDS = 350;

export class Player {
  // `onchange(epoch)` is called whenever another epoch is to be shown.
  constructor(onchange) {
    this.onchange = onchange;
    this.epochs = [];
    this.at = -1;
    this.timer = null;
    this.shown = element("output", { text: "no snapshot yet" });
    this.input = element("input", { type: "range", min: "0", max: "0", step: "1", "aria-label": "Epoch" });
    this.input.addEventListener("input", () => this.go(Number(this.input.value)));
    this.toggle = button("Play", () => this.playOrPause(), { title: "Play through the epochs" });
    this.element = element("div", { class: "player", role: "group", "aria-label": "Epoch" },
      this.toggle, this.input, this.shown);
  }

  get epoch() {
    return this.epochs[this.at];
  }

  // Epochs that can be shown; whoever looks at the last one goes on with the last one.
  setEpochs(epochs) {
    const isSame = epochs.length === this.epochs.length && epochs.every((one, k) => one === this.epochs[k]);
    if (isSame) return;
    const before = this.epoch;
    const followed = this.at === this.epochs.length - 1;
    this.epochs = epochs;
    this.input.max = String(Math.max(epochs.length - 1, 0));
    this.input.disabled = epochs.length < 2;
    this.toggle.disabled = epochs.length < 2;
    const kept = epochs.indexOf(before);
    this.go(followed || kept < 0 ? epochs.length - 1 : kept);
  }

  go(at) {
    this.at = Math.max(-1, Math.min(this.epochs.length - 1, at));
    this.input.value = String(Math.max(this.at, 0));
    const text = this.at < 0 ? "no snapshot yet" : `epoch ${this.epoch + 1}`;
    this.shown.textContent = text;
    this.input.setAttribute("aria-valuetext", text);
    return attempt(() => this.onchange(this.epoch));
  }

  playOrPause() {
    if (this.timer) {
      this.pause();
      return;
    }
    if (this.at === this.epochs.length - 1) this.go(0);
    this.toggle.firstChild.textContent = "Pause";
    announce("playing");
    this.timer = setInterval(() => {
      if (this.at >= this.epochs.length - 1) this.pause();
      else this.go(this.at + 1);
    }, MILLISECONDS);
  }

  pause() {
    clearInterval(this.timer);
    this.timer = null;
    this.toggle.firstChild.textContent = "Play";
  }

  // For the element that holds what is played.
  pressed(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || event.target.closest("input, select, textarea")) return;
    event.preventDefault();
    this.pause();
    this.go(this.at + step);
  }
}
