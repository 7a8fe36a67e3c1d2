// Numbers and places as people read them.

export function shown(value, digits = 4) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value)) return value.toLocaleString("en");
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e6)
    ? value.toExponential(digits - 1)
    : String(Number(value.toPrecision(digits)));
}

export function withUnit(value, unit, digits) {
  const text = shown(value, digits);
  return unit && text !== "–" ? `${text} ${unit}` : text;
}

// Degrees as a length that a scale bar has.
export function angle(degrees) {
  if (degrees >= 1) return `${shown(degrees, 3)}°`;
  if (degrees >= 1 / 60) return `${shown(degrees * 60, 3)}′`;
  return `${shown(degrees * 3600, 3)}″`;
}

// The largest of 1, 2, 3, 5, 10, 20, 30, ... of degrees, minutes or seconds of arc, up to `most`.
export function roundAngle(most) {
  const unit = most >= 1 ? 1 : most >= 1 / 60 ? 1 / 60 : 1 / 3600;
  const power = 10 ** Math.floor(Math.log10(most / unit));
  const factor = [5, 3, 2, 1].find((one) => one * power * unit <= most * (1 + 1e-9)) || 1;
  return factor * power * unit;
}

// Even steps for the ticks of an axis.
export function ticks(low, high, count) {
  if (!(high > low)) return [low];
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((one) => one * power >= rough);
  const found = [];
  for (let at = Math.ceil(low / step); at * step <= high + 1e-9 * step; at += 1) {
    found.push(Number((at * step).toPrecision(12)));
  }
  return found;
}
