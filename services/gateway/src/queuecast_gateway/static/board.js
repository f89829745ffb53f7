// The live board: what the queue sends, as one browser sees it. It is a plain consumer of the gateway, with the stock
// Socket.IO client and no privileges; whatever comes from the network enters the page as text, never as markup.
//
// Events change a small model (at most SHOWN items); one animation frame then draws whatever has changed. So a burst
// costs one redraw, and a hidden tab, which gets no frames, only keeps its model until somebody looks.

const SHOWN = 200;              // items in the model and in the page
const REMEMBERED = 10_000;      // keys of older items, to keep their number right when they leave
const ANIMATED = 12;            // more changes than this in one frame are drawn without animation
const FIELDS = 8;               // fields of an item that are written out
const OTHER_NAMES = 4;          // other events kept in view
const ROUND_TRIPS = 5;          // their median is taken
const ECHO_EVERY_MS = 2_000;
const ACK_WITHIN_MS = 5_000;
const GONE_WITHIN_MS = 10_000;  // from the click to the event that comes back
const RETURN_AFTER_MS = 5_000;  // once the server itself has shown us out, the client does not come back unasked

const byId = (id) => document.getElementById(id);
const hook = (name) => document.querySelector(`[data-testid="${name}"]`);

// Words and numbers. All of these are pure.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

const milliseconds = (ms) => `${(ms < 100 ? tenths : whole).format(ms)} ms`;
const duration = (ms) => (ms < 1_000 ? milliseconds(ms) : `${tenths.format(ms / 1_000)} s`);
const rateText = (n) => (n < 0.95 ? tenths : whole).format(n);
const manyItems = (n, adjective) => `${whole.format(n)} ${adjective} ${n === 1 ? "item" : "items"}`;
const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];

function ageText(ms) {
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 1) return "now";
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3_600)} h`;
}

function brief(value, limit) {
  const text = typeof value === "string" ? value : JSON.stringify(value) ?? "";
  return text.length > limit ? `${text.slice(0, limit).replace(/[\uD800-\uDBFF]$/, "")}…` : text;
}

/** The id that `item_removed` can address, as text; null when there is none. */
function idOf(data) {
  const id = data?.id;
  return typeof id === "number" || (typeof id === "string" && id !== "") ? String(id) : null;
}

/** An item in words: its title, its other fields, and how many of those were left out. */
function describe(data) {
  if (data === null || typeof data !== "object" || Array.isArray(data)) {
    return { title: brief(data, 160), fields: [], more: 0 };
  }
  const titled = ["title", "name", "id"].find((key) => (data[key] ?? "") !== "");
  if (!titled) return { title: brief(data, 160), fields: [], more: 0 };
  const rest = Object.keys(data).filter((key) => key !== titled);
  const fields = rest.slice(0, FIELDS).map((key) => [brief(key, 40), brief(data[key], 80)]);
  return { title: brief(data[titled], 400), fields, more: rest.length - fields.length };
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

function itemAdded(data) {
  const id = idOf(data);
  const key = id === null ? `nth ${++itemsWithoutId}` : keyOf(id);
  const known = items.get(key);
  if (known) {
    known.data = data;
    touch(known);
    return;
  }
  if (!older.delete(key)) itemsSeen += 1;
  items.set(key, { key, id, data, since: Date.now(), removingSince: 0, problem: "", gone: false, row: null });
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
  keepOneTabStop();
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
    handFocusOn(row);
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

function textElement(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
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
  if (itemsSeen) byId("count-note").textContent = `${whole.format(items.size + older.size)} on the board`;
  list.hidden = byId("keys").hidden = empty;
  byId("hold").hidden = empty && pausedAt === null;
  byId("empty").hidden = !empty;
  byId("empty-lead").textContent = itemsSeen ? "No items at the moment" : "Waiting for the first item";
  byId("older").hidden = older.size === 0;
  const atLeast = older.size < REMEMBERED ? "" : "At least ";
  byId("older").textContent = `${atLeast}${manyItems(older.size, "older")} not shown`;
  if (pausedAt !== null) byId("held").textContent = `Paused, ${manyItems(itemsSeen - pausedAt, "new")}`;
}

function show(element, value, text) {
  element.value = value;
  element.textContent = text;
}

function togglePause() {
  pausedAt = pausedAt === null ? itemsSeen : null;
  byId("hold").textContent = pausedAt === null ? "Pause" : "Resume";
  byId("hold").toggleAttribute("data-paused", pausedAt !== null);
  byId("held").textContent = "";
  drawSoon();
}

// Keyboard. The list is one tab stop, arrows move within it, and a row that leaves hands its focus to a neighbour.

const DELETE_KEYS = new Set(["Delete", "Backspace"]);  // on a Mac's keyboard, "delete" is Backspace
let chosen = null;              // the row that had the focus last

const rowsAlive = () => [...list.querySelectorAll("li:not(.leaving)")];

function keepOneTabStop() {
  const stop = chosen?.isConnected ? chosen : list.querySelector("li:not(.leaving)");
  for (const element of list.querySelectorAll('[tabindex="0"]')) element.tabIndex = -1;
  if (!stop) return;
  stop.tabIndex = 0;
  stop.querySelector(".remove").tabIndex = 0;
}

function handFocusOn(row) {
  const rows = rowsAlive();
  const at = rows.indexOf(row);
  const heir = rows[at + 1] ?? rows[at - 1];
  const focused = row.contains(document.activeElement);
  if (row === chosen) chosen = heir ?? null;
  if (focused) (heir ?? byId("items-heading")).focus();
}

function onListKey(event) {
  const row = event.target.closest("li");
  if (!row || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const rows = rowsAlive();
  const at = rows.indexOf(row);
  const target = { ArrowDown: rows[at + 1], ArrowUp: rows[at - 1], Home: rows[0], End: rows.at(-1) };
  if (event.key in target) target[event.key]?.focus();
  else if (DELETE_KEYS.has(event.key)) event.repeat || remove(itemOfRow.get(row));  // held down, it takes one only
  else return;
  event.preventDefault();
}

function onListFocus(event) {
  chosen = event.target.closest("li");
  keepOneTabStop();
}

function onListClick(event) {
  if (!event.target.closest(".remove")) return;
  const row = event.target.closest("li");
  row.focus({ preventScroll: true });  // the button hides while the item is being removed
  remove(itemOfRow.get(row));
}

// Figures. Queue to screen is what the gateway measured up to its socket, plus half of the round trip measured here.

const perSecond = new Array(60).fill(0);
const others = new Map();       // name → { count, at }
let eventsSinceTick = 0;
let tickedAt = performance.now();
let roundTrips = [];
let delivered = null;

function countEvent(name) {
  eventsSinceTick += 1;
  if (name === "item_added" || name === "item_removed") return;
  others.set(name, { count: (others.get(name)?.count ?? 0) + 1, at: Date.now() });
  if (others.size <= OTHER_NAMES) return;
  const [stalest] = [...others].reduce((a, b) => (b[1].at < a[1].at ? b : a));
  others.delete(stalest);
}

function drawRate() {
  const seconds = Math.max(1, (performance.now() - tickedAt) / 1_000);   // a hidden tab ticks late
  const rate = eventsSinceTick / seconds;
  eventsSinceTick = 0;
  tickedAt = performance.now();
  perSecond.push(...new Array(Math.min(60, Math.round(seconds))).fill(rate));
  perSecond.splice(0, perSecond.length - 60);
  const peak = Math.max(...perSecond);
  show(hook("rate"), rate.toFixed(1), rateText(rate));
  byId("rate-note").textContent = `peak ${rateText(peak)} in 60 s`;
  const points = perSecond.map((n, at) => `${at},${(19 - 18 * n / Math.max(peak, 1)).toFixed(1)}`);
  byId("trend").setAttribute("points", points.join(" "));
}

function drawOthers() {
  byId("others").hidden = others.size === 0;
  byId("others-list").replaceChildren(...[...others].map(([name, { count, at }]) => {
    const element = document.createElement("li");
    const times = count > 1 ? `× ${whole.format(count)}, ` : "";
    element.append(textElement("b", brief(name, 60)), ` ${times}${clock.format(at)}`);
    return element;
  }));
}

function drawLatency() {
  if (!delivered || roundTrips.length === 0) {
    show(hook("latency"), "", "–");
    drawParts("no delivery yet");
    return;
  }
  const network = median(roundTrips) / 2;
  const total = delivered.p50_ms + network;
  show(hook("latency"), total.toFixed(1), duration(total));
  drawParts(`queue ${duration(delivered.p50_ms)}`, `network ${duration(network)}`);
}

function drawParts(...texts) {
  byId("latency-note").replaceChildren(...texts.flatMap((text) => [textElement("span", text), " "]));
}

function measureRoundTrip() {
  if (document.hidden || !board.connected) return;
  const sent = performance.now();
  board.timeout(ECHO_EVERY_MS).emit("echo", (error) => {
    if (error || document.hidden) return;
    roundTrips = [...roundTrips, performance.now() - sent].slice(-ROUND_TRIPS);
    drawLatency();
  });
}

function drawReplica({ replica, version }) {
  const over = board.io.engine?.transport?.name === "polling" ? "HTTP polling" : "WebSocket";
  hook("replica").textContent = brief(replica, 80);
  byId("replica-note").textContent = `version ${brief(version, 20)} over ${over}`;
}

function forgetGateway() {
  const last = hook("replica").textContent;
  if (last !== "–") byId("replica-note").textContent = `was ${last}`;
  hook("replica").textContent = "–";
  roundTrips = [];
  delivered = null;
  drawLatency();
}

function tick() {
  const now = Date.now();
  giveBackOverdue(now);
  if (document.hidden) return;
  if (eventsSinceTick) drawOthers();
  drawRate();
  for (const row of list.children) drawAge(itemOfRow.get(row), now);
}

function onVisibility() {
  if (document.hidden) return;
  tick();
  measureRoundTrip();
}

// Connection. Both namespaces share one; the state shown is that of the default namespace, where the items come from.

const STATES = {
  connecting: ["Connecting", "Looking for the gateway"],
  connected: ["Connected", "Events arrive as they happen"],
  recovered: ["Recovered", "Nothing was missed"],
  reconnected: ["Reconnected as a new session", "Events in between may be missing"],
  offline: ["Offline, trying again", "The gateway cannot be reached"],
};

function enter(state, detail = STATES[state][1]) {
  const [label] = STATES[state];
  const element = hook("state");
  if (element.dataset.state === state && byId("state-detail").textContent === detail) return;
  element.dataset.state = state;
  byId("state-icon").setAttribute("href", `#icon-${state}`);
  byId("state-label").textContent = label;
  byId("state-detail").textContent = detail;
  document.title = state === "offline" ? "Offline – Queuecast live board" : "Queuecast live board";
}

/** The client comes back by itself from a lost connection, but not when the server closed or refused the namespace. */
function comeBack(namespace) {
  const later = () => setTimeout(() => namespace.connect(), RETURN_AFTER_MS * (1 + Math.random()));
  namespace.on("disconnect", (reason) => { if (reason === "io server disconnect") later(); });
  namespace.on("connect_error", () => { if (!namespace.active) later(); });
}

function follow(namespace) {
  let before = false;           // had a session in this page
  namespace.on("connect", () => {
    enter(!before ? "connected" : namespace.recovered ? "recovered" : "reconnected");
    before = true;
  });
  namespace.on("disconnect", () => enter("offline"));
  namespace.on("connect_error", ({ message }) => {
    enter("offline", namespace.active ? undefined : `Refused: ${brief(message, 120)}`);
  });
  namespace.on("item_added", itemAdded);
  namespace.on("item_removed", itemRemoved);
  namespace.onAny(countEvent);
}

function followFigures(namespace) {
  namespace.on("connect", measureRoundTrip);
  namespace.on("disconnect", forgetGateway);
  namespace.on("replica", drawReplica);
  namespace.on("delivered", (figures) => {
    if (!Number.isFinite(figures?.p50_ms)) return;
    delivered = figures;
    drawLatency();
  });
}

if (!window.io) {
  enter("offline", "This page could not load its Socket.IO client");
  throw new Error("vendor/socket.io is missing, or does not match the hash in index.html");
}

const options = { transports: ["websocket", "polling"], tryAllTransports: true };
const socket = window.io("/", options);
const board = window.io("/board", options);

follow(socket);
followFigures(board);
comeBack(socket);
comeBack(board);

list.addEventListener("keydown", onListKey);
list.addEventListener("focusin", onListFocus);
list.addEventListener("click", onListClick);
byId("hold").addEventListener("click", togglePause);
document.addEventListener("visibilitychange", onVisibility);
setInterval(tick, 1_000);
setInterval(measureRoundTrip, ECHO_EVERY_MS);
