// The view "Training": a run while its networks are trained, or later.

import { getJson } from "./api.js";
import { clear, element, say, select } from "./dom.js";
import { Comparison } from "./training_compare.js";
import { LatentMap } from "./training_latents.js";
import { Losses, networkName } from "./training_losses.js";
import { Pictures } from "./training_pictures.js";
import { Player } from "./training_player.js";
import { Networks, RunLog, Status } from "./training_status.js";

const MILLISECONDS = 1500;

class Training {
  constructor(info) {
    this.info = info;
    this.members = new Map();
    this.member = -1;
    this.state = null;
    this.status = new Status(() => this.poll(), Boolean(info.run));
    this.networks = new Networks();
    this.losses = new Losses();
    this.log = new RunLog();
    this.comparison = new Comparison(info);
    this.pictures = new Pictures(info.openImage);
    this.latents = new LatentMap(info.openImage);
    this.player = new Player((epoch) => this.show(epoch));
    this.chooser = element("span");
    this.played = this.#playedSection();
  }

  get elements() {
    return [this.status, this.networks, this.losses].map((one) => one.element)
      .concat(this.played, this.comparison.element, this.log.element);
  }

  #playedSection() {
    const made = element("section", { class: "through" },
      element("h3", { text: "Through the epochs" }),
      element("div", { class: "tools" }, this.chooser, this.player.element),
      element("div", { class: "played" }, this.pictures.element, this.latents.element));
    made.addEventListener("keydown", (event) => this.player.pressed(event));
    return made;
  }

  // Asks for what is new; of every member the last known epoch is told.
  async poll() {
    const known = [...this.members.values()].map(({ number, epochs }) => `${number}:${epochs.at(-1)?.epoch ?? -1}`);
    const state = await getJson("api/training", { known: known.join(",") });
    const before = this.state;
    this.state = state;
    const isChanged = this.#merge(state.members);
    this.status.set(state);
    this.log.set(state.log_bytes);
    const isNew = before === null || before.state !== state.state;
    if (isChanged || isNew) {
      await this.#refresh(isNew);
    }
    return state;
  }

  #merge(records) {
    let isChanged = records.length !== this.members.size;
    for (const record of records) {
      const had = this.members.get(record.number);
      const last = had?.epochs.at(-1)?.epoch ?? -1;
      // After a resume epochs may be missing that were there: all are asked for again.
      const kept = record.last_epoch < last ? [] : had?.epochs ?? [];
      const isSame = had && !record.epochs.length && kept === had.epochs
        && had.is_finished === record.is_finished && had.snapshots.length === record.snapshots.length;
      isChanged ||= !isSame;
      this.members.set(record.number, { ...record, epochs: [...kept, ...record.epochs] });
    }
    return isChanged;
  }

  async #refresh(isNew) {
    const members = [...this.members.values()];
    this.losses.set(members, this.state);
    this.networks.agreement = await getJson("api/training/agreement");
    this.networks.set(members, this.state);
    if (this.state.compares && isNew) await this.comparison.load(members);
    else this.comparison.setMembers(members);
    this.#offerMembers(members);
    await this.#refreshPlayed(isNew);
  }

  #offerMembers(members) {
    const numbers = members.filter((one) => one.snapshots.length).map(({ number }) => number);
    this.played.hidden = !numbers.length;
    if (numbers.join() === this.offered) return;
    this.offered = numbers.join();
    const options = numbers.map((number) => [String(number), networkName(number)]);
    clear(this.chooser).append(select("Network", options, String(this.member), (value) => this.choose(Number(value))));
  }

  async #refreshPlayed(isNew) {
    const [first] = (this.offered || "").split(",").filter(Boolean);
    if (first === undefined) return;
    if (!this.members.get(this.member)?.snapshots.length) await this.choose(Number(first));
    const { snapshots } = this.members.get(this.member);
    if (isNew || snapshots.at(-1) !== this.latest) {
      this.latest = snapshots.at(-1);
      await this.latents.open(this.member);
      this.player.setEpochs(snapshots);
    }
  }

  async choose(number) {
    this.member = number;
    this.player.pause();
    await this.pictures.open(number, { canOpen: this.state.state === "finished" });
    await this.latents.open(number);
    const { snapshots } = this.members.get(number);
    this.latest = snapshots.at(-1);
    this.player.setEpochs([]);
    this.player.setEpochs(snapshots);
  }

  async show(epoch) {
    this.latents.show(epoch);
    await this.pictures.show(epoch);
  }
}

export async function start(place, info) {
  const training = new Training(info);
  clear(place).append(element("h2", { text: "Training" }), ...training.elements);
  let [isShown, isLost, isOver] = [true, false, false];
  const look = async () => {
    if (isShown && !document.hidden) {
      try {
        isOver = (await training.poll()).state === "finished";
        if (isLost) say(null);
        isLost = false;
      } catch (error) {
        // Said once: the server may have been stopped.
        if (!isLost) say(error);
        isLost = true;
      }
    }
    if (!isOver) setTimeout(look, MILLISECONDS);
  };
  await look();
  return {
    keys: [["\u2190 \u2192", "one epoch back or on, among the pictures and latents; values, in a chart"]],
    shown: () => {
      isShown = true;
    },
    hidden: () => {
      isShown = false;
      training.player.pause();
    },
  };
}
