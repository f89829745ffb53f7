// The items on the board: a small model, and the rows that show it. Events change the model (at most SHOWN items); one
// animation frame then draws whatever has changed. So a burst costs one redraw, and a hidden tab, which gets no frames,
// only keeps its model until somebody looks.

import { onArrival } from "./arrivals.js";
import { oneTabStop } from "./roving.js";
import { ageText, brief, byId, describe, hook, idOf, manyItems, show, textElement, whole } from "./words.js";

const SHOWN = 200;              // items in the model and in the page
const REMEMBERED = 10_000;      // keys of older items, to keep their number right when they leave
const ANIMATED = 12;            // more changes than this in one frame are drawn without animation
const ACK_WITHIN_MS = 5_000;
const GONE_WITHIN_MS = 10_000;  // from the click to the event that comes back

let socket;                     // where removals are asked for

/** Show the items that arrive, and ask this namespace to remove them. */
export function followItems(namespace) {
  socket = namespace;
  onArrival(({ name, args: [data], at, ofRoom }) => {
    if (ofRoom) return;         // without the removals, which were for everyone
    if (name === "item_added") itemAdded(data, at);
    if (name === "item_removed") itemRemoved(data);
  });
  list.addEventListener("click", onListClick);
  byId("hold").addEventListener("click", togglePause);
}

/** Let time pass: removals become overdue, and rows that can be seen show their age. */
export function ageItems(now) {
  giveBackOverdue(now);
  if (document.hidden) return;
  for (const row of list.children) drawAge(itemOfRow.get(row), now);
}

// The model. Dropping an item from it is not the same as removing it: a dropped one is still around for everybody.

const items = new Map();        // key → item, oldest first
const older = new Set();        // keys of items that are still around but no longer shown
const changed = new Set();      // items whose row has to be filled again
const leaving = new Map();      // item whose row has to go → whether it fades
const itemOfRow = new WeakMap();
let itemsSeen = 0;
let itemsWithoutId = 0;
let frame = 0;
let pausedAt = null;            // itemsSeen when the list was paused

const keyOf = (id) => `id ${id}`;

function itemAdded(data, since) {
  const id = idOf(data);
  const key = id === null ? `nth ${++itemsWithoutId}` : keyOf(id);
  const known = items.get(key);
  if (known) {
    known.data = data;
    touch(known);
    return;
  }
  if (!older.delete(key)) itemsSeen += 1;
  items.set(key, { key, id, data, since, removingSince: 0, problem: "", gone: false, row: null });
  if (items.size > SHOWN) dropOldest();
  drawSoon();
}

function itemRemoved(data) {
  const key = keyOf(idOf(data));
  older.delete(key);
  const item = items.get(key);
  if (item) {
    item.gone = true;
    takeOut(item, { fade: true });
  }
  drawSoon();
}

function dropOldest() {
  const [item] = items.values();
  takeOut(item, { fade: false });
  older.add(item.key);
  if (older.size > REMEMBERED) older.delete(older.values().next().value);
}

function takeOut(item, { fade }) {
  items.delete(item.key);
  if (item.row) leaving.set(item, fade);
  touch(item);
}

function touch(item) {
  if (item.row) changed.add(item);
  drawSoon();
}

// Removing asks; the item leaves when the event comes back, at the same point in the order as for everybody else.

function remove(item) {
  if (item.gone || item.removingSince) return;
  if (item.id === null) return giveBack(item, "An item without an id cannot be removed.");
  item.removingSince = Date.now();
  item.problem = "";
  touch(item);
  socket.timeout(ACK_WITHIN_MS).emit("item_removed", { id: item.data.id }, (error, ack) => {
    if (error) giveBack(item, `Not confirmed: ${silence()}.`);
    else if (!ack?.ok) giveBack(item, `Not removed: ${refusal(ack)}`);
  });
}

const silence = () => (socket.connected ? "the gateway did not answer in time" : "the connection was lost");

function refusal(ack) {
  const { code, message } = ack?.error ?? {};
  return `${brief(message ?? "the gateway gave no reason", 200)}${code ? ` (${brief(code, 40)})` : ""}`;
}

function giveBack(item, problem) {
  if (item.gone) return;
  item.removingSince = 0;
  item.problem = problem;
  touch(item);
}

function giveBackOverdue(now) {
  for (const item of items.values()) {
    const overdue = item.removingSince && now - item.removingSince > GONE_WITHIN_MS;
    if (overdue) giveBack(item, "Accepted, but the removal did not come back.");
  }
}

// Drawing. While the list is paused no row moves, so that nothing slips away under a pointer; what was removed is
// struck through.

const list = hook("items");
const rowTemplate = byId("row").content.firstElementChild;
const stillness = matchMedia("(prefers-reduced-motion: reduce)");

function drawSoon() {
  frame ||= requestAnimationFrame(draw);
}

function draw() {
  frame = 0;
  for (const item of changed) fill(item);
  changed.clear();
  if (pausedAt === null) {
    takeRowsOut();
    putRowsIn();
  }
  drawTotals();
  stops.settle();
}

function putRowsIn() {
  const arrivals = [...items.values()].filter((item) => !item.row).reverse();
  if (arrivals.length === 0) return;
  const rows = document.createDocumentFragment();
  for (const item of arrivals) {
    item.row = rowTemplate.cloneNode(true);
    item.row.classList.toggle("fresh", arrivals.length <= ANIMATED);
    itemOfRow.set(item.row, item);
    fill(item);
    rows.append(item.row);
  }
  list.prepend(rows);
}

function takeRowsOut() {
  const animated = leaving.size <= ANIMATED && !stillness.matches;
  for (const [{ row }, fade] of leaving) {
    stops.handOn(row);
    if (fade && animated) fadeOut(row);
    else row.remove();
  }
  leaving.clear();
}

function fadeOut(row) {
  const full = { height: `${row.offsetHeight}px`, opacity: 1 };
  const none = { height: 0, paddingBlock: 0, opacity: 0 };
  row.removeAttribute("data-item-id");
  row.classList.add("leaving");
  row.inert = true;
  row.animate([full, none], { duration: 180, easing: "ease-out" }).finished.finally(() => {
    row.remove();
    drawSoon();
  });
}

function fill(item) {
  const { row, id, data, problem, removingSince, gone } = item;
  const { title, fields, more } = describe(data);
  if (id !== null) row.dataset.itemId = id;
  row.setAttribute("aria-label", [title, ...fields.map((field) => field.join(" "))].join(", "));
  row.dataset.itemState = gone ? "gone" : removingSince ? "removing" : "here";
  row.querySelector(".title").textContent = title;
  row.querySelector(".fields").replaceChildren(...fields.map(pair), more ? `and ${more} more` : "");
  const button = row.querySelector(".remove");
  button.hidden = id === null;
  button.setAttribute("aria-label", `Remove ${brief(title, 80)}`);
  button.setAttribute("aria-disabled", String(gone || removingSince > 0));
  const trouble = row.querySelector(".problem");
  trouble.hidden = problem === "";
  trouble.textContent = problem;
  drawAge(item, Date.now());
}

function pair([name, value]) {
  const element = textElement("span", `${name} `);
  element.append(textElement("b", value));
  return element;
}

function drawAge({ row, since, removingSince, gone }, now) {
  const text = gone ? "removed" : removingSince ? "removing…" : ageText(now - since);
  const age = row.querySelector(".age");
  if (age.textContent !== text) age.textContent = text;
}

function drawTotals() {
  const empty = list.firstElementChild === null;
  show(hook("count"), itemsSeen, whole.format(itemsSeen));
  const here = items.size + older.size;
  if (itemsSeen) byId("count-note").textContent = countText(here, itemsSeen - here);
  list.hidden = byId("keys").hidden = empty;
  byId("hold").hidden = empty && pausedAt === null;
  byId("empty").hidden = !empty;
  byId("empty-lead").textContent = itemsSeen ? "No items at the moment" : "Items appear here as they come";
  byId("older").hidden = older.size === 0;
  const atLeast = older.size < REMEMBERED ? "" : "At least ";
  byId("older").textContent = `${atLeast}${manyItems(older.size, "older")} not shown`;
  if (pausedAt !== null) byId("held").textContent = `Paused, ${manyItems(itemsSeen - pausedAt, "new")}`;
}

// Every item that was seen is here or gone. The number of those beyond the last REMEMBERED is not known.
function countText(here, gone) {
  if (older.size === REMEMBERED) return `${whole.format(here)} here or more`;
  return `${whole.format(here)} here, ${whole.format(gone)} removed`;
}

function togglePause() {
  pausedAt = pausedAt === null ? itemsSeen : null;
  byId("hold").textContent = pausedAt === null ? "Pause" : "Resume";
  byId("hold").toggleAttribute("data-paused", pausedAt !== null);
  byId("held").textContent = "";
  drawSoon();
}

// Keyboard

const DELETE_KEYS = new Set(["Delete", "Backspace"]);  // on a Mac's keyboard, "delete" is Backspace

const stops = oneTabStop({
  list,
  rows: "li:not(.leaving)",
  stopsOf: (row) => [row, row.querySelector(".remove")],
  heading: byId("items-heading"),
  onKey: (row, event) => {
    if (!DELETE_KEYS.has(event.key)) return false;
    if (!event.repeat) remove(itemOfRow.get(row));  // held down, it takes one only
    return true;
  },
});

function onListClick(event) {
  if (!event.target.closest(".remove")) return;
  const row = event.target.closest("li");
  row.focus({ preventScroll: true });  // the button hides while the item is being removed
  remove(itemOfRow.get(row));
}
