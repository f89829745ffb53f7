// The live board: what the queue sends, as one browser sees it, and for operators what their gateways know. It is a
// plain client of the gateway, with the stock Socket.IO client; whatever comes from the network enters the page as
// text, never as markup.

import { ageAnswers, followAnswers } from "./answers.js";
import { followArrivals, onArrival, onReturn } from "./arrivals.js";
import { ageEvents, followEvents } from "./events.js";
import { countArrival, drawFigures, followGateway, measureRoundTrip } from "./figures.js";
import { ageItems, followItems } from "./items.js";
import { followRooms } from "./joined.js";
import { followQueues } from "./queues.js";
import { followReplicas } from "./replicas.js";
import { askAbout, followRights } from "./rights.js";
import { followSending } from "./send.js";
import { followTabs } from "./tabs.js";
import { drawStages, followStages } from "./stages.js";
import { giveToken, hasToken, takeToken } from "./token.js";
import { followTrial, reportReturn } from "./trial.js";
import { byId, hook, refusalText } from "./words.js";

const RETURN_AFTER_MS = 5_000;  // once the server itself has shown us out, the client does not come back unasked
const RETURN_WHEN_TOO_MANY_MS = 60_000;
const ANSWER_MS = 5_000;

// Both namespaces share one connection; the state shown is that of the default one, where the items come from.

const STATES = {
  connecting: ["Connecting", "Looking for the gateway"],
  connected: ["Connected", "Events arrive as they happen"],
  recovered: ["Recovered", "Nothing was missed"],
  reconnected: ["Reconnected as a new session", "Events in between may be missing"],
  offline: ["Offline, trying again", "The gateway cannot be reached"],
  refused: ["Not let in"],      // and refusalText
};
const TITLES = { offline: "Offline – ", refused: "Not let in – " };

function enter(state, detail = STATES[state][1]) {
  const [label] = STATES[state];
  const element = hook("state");
  if (element.dataset.state === state && byId("state-detail").textContent === detail) return;
  element.dataset.state = state;
  byId("state-icon").setAttribute("href", `#icon-${state}`);
  byId("state-label").textContent = label;
  byId("state-detail").textContent = detail;
  document.title = `${TITLES[state] ?? ""}Queuecast live board`;
}

// A token that was refused does not become right by itself, and each try is counted: the board waits for another one.
const wantsToken = ({ data }) => data?.code === "unauthorized";

/** The client comes back by itself from a lost connection, but not when the server closed or refused the namespace. */
function comeBack(namespace) {
  let timer;
  const later = (ms) => {
    clearTimeout(timer);
    timer = setTimeout(() => namespace.active || namespace.connect(), ms * (1 + Math.random()));
  };
  namespace.on("connect", () => clearTimeout(timer));
  namespace.on("disconnect", (reason) => { if (reason === "io server disconnect") later(RETURN_AFTER_MS); });
  namespace.on("connect_error", (error) => {
    if (namespace.active || wantsToken(error)) return;
    later(error.data?.code ? RETURN_WHEN_TOO_MANY_MS : RETURN_AFTER_MS);
  });
}

function follow(namespace) {
  let before = false;           // had a session in this page
  namespace.on("connect", () => {
    if (!before) enter("connected");
    else enter(namespace.recovered ? "recovered" : "reconnected");
    before = true;
  });
  onReturn((missed) => {
    if (missed && namespace.recovered) enter("recovered", `What was missed has come: ${missed}`);
    reportReturn(missed);
  });
  namespace.on("disconnect", () => enter("offline"));
  namespace.on("connect_error", (error) => {
    if (namespace.active) enter("offline");
    else enter(wantsToken(error) ? "refused" : "offline", refusalText(error, hasToken()));
  });
}

function tick() {
  ageItems(Date.now());
  ageEvents(Date.now());
  ageAnswers(Date.now());
  drawFigures();
  drawStages();
}

function onVisibility() {
  if (document.hidden) return;
  tick();
  measureRoundTrip();
}

/** Go on with the token that the page has now: without a new session where it is for the same subject. */
function showToken(namespace) {
  const beginAnew = () => namespace.disconnect().connect();
  if (!namespace.connected || !hasToken()) return beginAnew();
  giveToken(({ token }) => namespace.timeout(ANSWER_MS).emit("refresh", token, (late, ack) => {
    if (late || !ack.ok) beginAnew();
    else askAbout();            // it may allow more, or less
  }));
}

/** Somebody put a token into the address of this page, which does not load it anew. */
function onHashChange() {
  if (!takeToken()) return;
  for (const namespace of [socket, board]) showToken(namespace);
}

takeToken();                    // before anything else has a look at the address

if (!window.io) {
  enter("offline", "This page could not load its Socket.IO client");
  throw new Error("vendor/socket.io is missing, or does not match the hash in index.html");
}

const { path } = document.body.dataset;
const options = { path, transports: ["websocket", "polling"], tryAllTransports: true, auth: giveToken };
const socket = window.io("/", options);
const board = window.io("/board", options);

followRights(board);
follow(socket);
followItems(socket);
followEvents();
followAnswers(socket);
followRooms(socket);
followTrial(socket);
followSending();
followReplicas();
followQueues();
followStages();
followTabs();
onArrival(countArrival);
followArrivals(socket, board);
followGateway(board);
comeBack(socket);
comeBack(board);
document.addEventListener("visibilitychange", onVisibility);
window.addEventListener("hashchange", onHashChange);
setInterval(tick, 1_000);
