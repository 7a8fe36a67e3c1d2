// Elements of the page. Text is only ever text: nothing here reads HTML.

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "text") made.textContent = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name in made && typeof value !== "string") made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

export function clear(node) {
  node.replaceChildren();
  return node;
}

// Said to screen readers.
export function announce(text) {
  document.getElementById("announcement").textContent = text;
}

// Shows what went wrong, or clears it.
export function say(error) {
  const place = document.getElementById("problem");
  if (!error) {
    place.hidden = true;
    return;
  }
  if (error.name === "AbortError") return;
  clear(place).append(
    element("span", { text: error.message || String(error) }),
    element("button", { type: "button", text: "Close", onclick: () => say(null) }),
  );
  place.hidden = false;
}

// Runs an action of the user, and shows what goes wrong in it.
export async function attempt(action) {
  try {
    say(null);
    return await action();
  } catch (error) {
    say(error);
    return undefined;
  }
}

export function button(text, onclick, { key, title, pressed, kind } = {}) {
  const made = element("button", { type: "button", class: kind, title, onclick: () => attempt(onclick) });
  made.append(text);
  if (key) {
    made.append(element("kbd", { text: key, "aria-hidden": "true" }));
    made.setAttribute("aria-keyshortcuts", key);
  }
  if (pressed !== undefined) made.setAttribute("aria-pressed", String(pressed));
  return made;
}

// `options` are texts, or pairs of value and text.
export function select(label, options, value, onchange) {
  const chosen = element("select", { onchange: () => attempt(() => onchange(chosen.value)) });
  for (const option of options) {
    const [key, text] = Array.isArray(option) ? option : [option, option];
    chosen.append(element("option", { value: key, text, selected: key === value }));
  }
  return element("label", { class: "field" }, element("span", { text: label }), chosen);
}

export function slider(label, { min, max, step, value, oninput, unit = "", format }) {
  const shown = (number) => `${format ? format(number) : number}${unit ? ` ${unit}` : ""}`;
  const output = element("output", { text: shown(value) });
  const input = element("input", { type: "range", min: String(min), max: String(max), step: String(step) });
  input.value = String(value);
  input.addEventListener("input", () => {
    output.textContent = shown(Number(input.value));
    attempt(() => oninput(Number(input.value)));
  });
  return element("label", { class: "field slider" }, element("span", { text: label }), input, output);
}

// A dialog that closes by Escape and gives the focus back.
export function dialog(title, ...children) {
  const before = document.activeElement;
  const made = element(
    "dialog",
    { "aria-label": title },
    element("header", {}, element("h2", { text: title }), button("Close", () => made.close(), { key: "Esc" })),
    ...children,
  );
  made.addEventListener("close", () => {
    made.remove();
    if (before && before.focus) before.focus();
  });
  document.body.append(made);
  made.showModal();
  return made;
}
