// Events that ask for an acknowledgement: their message stays on its queue until a browser has given it. Whoever looks
// gives it here.

import { onArrival } from "./arrivals.js";
import { ageText, brief, byId, plural, textElement } from "./words.js";

const SHOWN = 5;
const KEPT = 50;
const DONE_MS = 4_000;          // how long an acknowledged one stays in view

const waiting = new Map();      // id of a message → { name, data, about, at, done, row, doneAt }, oldest first
let socket;

const list = byId("answers-list");

function add({ name, args, at, about, done }) {
  if (!done) return;
  const id = String(about?.id ?? at);
  waiting.get(id)?.row.remove();
  waiting.delete(id);           // one that comes again is the last to have come
  const event = { name, data: args[0], about, at, done, doneAt: 0, row: null };
  event.row = made(event);
  waiting.set(id, event);
  if (waiting.size > KEPT) forget(waiting.keys().next().value);
  draw();
}

function forget(id) {
  waiting.get(id).row.remove();
  waiting.delete(id);
}

function made(event) {
  const row = document.createElement("li");
  const button = textElement("button", "Acknowledge");
  button.type = "button";
  button.setAttribute("aria-label", `Acknowledge ${brief(event.name, 60)} ${brief(event.data, 60)}`);
  button.addEventListener("click", () => acknowledge(event));
  const name = textElement("b", brief(event.name, 60));
  const kind = event.about?.ack === "all" ? "from every browser" : "from one browser";
  const note = textElement("span", `${kind}${event.about?.redelivered ? ", sent again" : ""}`);
  const payload = textElement("span", brief(event.data, 120));
  payload.className = "payload";
  payload.dir = "auto";
  const age = textElement("span", "");
  age.className = "age";
  row.append(name, note, payload, age, button);
  return row;
}

function acknowledge(event) {
  if (!socket.connected) {
    tell("There is no connection now; acknowledge it when the page is back.");
    return;
  }
  event.done();
  event.doneAt = Date.now();
  const button = event.row.querySelector("button");
  const hadFocus = document.activeElement === button;
  button.replaceWith(textElement("strong", "Acknowledged"));
  tell(`${brief(event.name, 60)} is acknowledged.`);
  if (hadFocus) (list.querySelector("li:not([hidden]) button") ?? byId("answers-heading")).focus();
  draw();
}

const tell = (text) => { byId("answers-status").textContent = text; };

function draw() {
  const rows = [...waiting.values()].reverse().map(({ row }) => row);
  // Those that are in their place stay untouched: moving a row takes the focus from its button.
  rows.forEach((row, at) => { if (list.children[at] !== row) list.insertBefore(row, list.children[at] ?? null); });
  rows.forEach((row, at) => { row.hidden = at >= SHOWN; });
  const more = rows.length - SHOWN;
  byId("answers-more").hidden = more <= 0;
  byId("answers-more").textContent = `${plural(Math.max(0, more), "older one")} not shown`;
  const section = byId("answers");
  if (rows.length === 0 && section.contains(document.activeElement)) {
    document.querySelector('[role="tab"][aria-selected="true"]').focus();
  }
  section.hidden = rows.length === 0;
}

/** Let time pass: those that were acknowledged leave, the others show their age. */
export function ageAnswers(now) {
  const before = waiting.size;
  for (const [id, { doneAt }] of waiting) if (doneAt && now - doneAt > DONE_MS) forget(id);
  if (waiting.size < before) draw();
  for (const { row, at } of waiting.values()) row.querySelector(".age").textContent = ageText(now - at);
}

/** Show what asks for an acknowledgement, and give it over this namespace. */
export function followAnswers(namespace) {
  socket = namespace;
  onArrival(add);
}
