// The live board: what the queue sends, as one browser sees it. It is a plain consumer of the gateway, with the stock
// Socket.IO client and no privileges; whatever comes from the network enters the page as text, never as markup.

import { countEvent, drawFigures, followGateway, measureRoundTrip } from "./figures.js";
import { ageItems, followItems } from "./items.js";
import { brief, byId, hook } from "./words.js";

const RETURN_AFTER_MS = 5_000;  // once the server itself has shown us out, the client does not come back unasked

// Both namespaces share one connection; the state shown is that of the default one, where the items come from.

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
  namespace.onAny(countEvent);
}

function tick() {
  ageItems(Date.now());
  drawFigures();
}

function onVisibility() {
  if (document.hidden) return;
  tick();
  measureRoundTrip();
}

if (!window.io) {
  enter("offline", "This page could not load its Socket.IO client");
  throw new Error("vendor/socket.io is missing, or does not match the hash in index.html");
}

const options = { transports: ["websocket", "polling"], tryAllTransports: true };
const socket = window.io("/", options);
const board = window.io("/board", options);

follow(socket);
followItems(socket);
followGateway(board);
comeBack(socket);
comeBack(board);
document.addEventListener("visibilitychange", onVisibility);
setInterval(tick, 1_000);
