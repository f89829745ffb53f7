// Words and numbers for people, and the places in the page where they go. Knows nothing of items or connections.

const FIELDS = 8;               // fields of an item that are written out

export const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
export const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

const milliseconds = (ms) => `${(ms < 100 ? tenths : whole).format(ms)} ms`;
export const duration = (ms) => (ms < 1_000 ? milliseconds(ms) : `${tenths.format(ms / 1_000)} s`);
export const rateText = (n) => (n < 0.95 ? tenths : whole).format(n);
export const manyItems = (n, adjective) => `${whole.format(n)} ${adjective} ${n === 1 ? "item" : "items"}`;
export const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];

export const plural = (n, noun) => `${whole.format(n)} ${noun}${n === 1 ? "" : "s"}`;

export function ageText(ms) {
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 1) return "now";
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3_600)} h`;
}

export function brief(value, limit) {
  const text = typeof value === "string" ? value : JSON.stringify(value) ?? "";
  return text.length > limit ? `${text.slice(0, limit).replace(/[\uD800-\uDBFF]$/, "")}…` : text;
}

/** Why the gateway did not let this page in, in one sentence. */
export function refusalText({ message, data }, hadToken) {
  switch (data?.code) {
    case "unauthorized":
      return hadToken ? "Open this page with a new token" : "Add #token=… to this page's address";
    case "too_many_tries":
      return "Too many tries from here; wait a minute";
    case "too_many_connections":
      return "Too many connections from here";
    default:
      return `Refused: ${brief(message, 120)}`;
  }
}

/** The id that `item_removed` can address, as text; null when there is none. */
export function idOf(data) {
  const id = data?.id;
  return typeof id === "number" || (typeof id === "string" && id !== "") ? String(id) : null;
}

/** An item in words: its title, its other fields, and how many of those were left out. */
export function describe(data) {
  if (data === null || typeof data !== "object" || Array.isArray(data)) {
    return { title: brief(data, 160), fields: [], more: 0 };
  }
  const titled = ["title", "name", "id"].find((key) => (data[key] ?? "") !== "");
  if (!titled) return { title: brief(data, 160), fields: [], more: 0 };
  const rest = Object.keys(data).filter((key) => key !== titled);
  const fields = rest.slice(0, FIELDS).map((key) => [brief(key, 40), brief(data[key], 80)]);
  return { title: brief(data[titled], 400), fields, more: rest.length - fields.length };
}

export const byId = (id) => document.getElementById(id);
export const hook = (name) => document.querySelector(`[data-testid="${name}"]`);

export function textElement(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}

/** Fill a <data> element: the number for machines, the text for people. */
export function show(element, value, text) {
  element.value = value;
  element.textContent = text;
}
