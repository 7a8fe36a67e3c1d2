// The report's colours: one for each cluster or kind, and a ramp for numbers. The server names them.

let palette = ["#2A5CAA"];
let markers = ["circle"];
let table = [[0, 0, 0], [255, 255, 255]];

export let UNKNOWN = "#9A9A9A";

export function setColours(given) {
  palette = given.categorical;
  markers = given.markers;
  table = given.ramp;
  UNKNOWN = given.unknown;
}

export function categorical(k) {
  return k < 0 ? UNKNOWN : palette[k % palette.length];
}

// The marker changes when all colours are used.
export function marker(k) {
  return k < 0 ? "circle" : markers[Math.floor(k / palette.length) % markers.length];
}

export function rgb(colour) {
  const number = parseInt(colour.slice(1), 16);
  return [number >> 16, (number >> 8) & 255, number & 255];
}

// Colour of a number from 0 to 1 as red, green and blue from 0 to 255.
export function ramp(t) {
  const last = table.length - 1;
  return table[Math.max(0, Math.min(last, Math.round(t * last)))];
}

export function rampCss(t) {
  const [r, g, b] = ramp(t);
  return `rgb(${r} ${g} ${b})`;
}

// What a colour of the page is now, for what is drawn on a canvas.
export function ink(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim() || "#888888";
}
