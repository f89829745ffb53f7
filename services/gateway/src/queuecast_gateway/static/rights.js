// What this page may do, and the links that its gateway gives it. The gateway decides, and checks again with every
// request: what the page hides is not protected by that.

import { allowOperator } from "./tabs.js";
import { byId, textElement } from "./words.js";

const ANSWER_MS = 3_000;
const listeners = [];
let rights = new Set();
let board;

/** Call a listener with everything that the gateway says about this page, now and whenever it changes. */
export const onAbout = (listener) => listeners.push(listener);

export const may = (right) => rights.has(right);

/** Ask the gateway; `then` is called with its answer, or with null. */
export function askAbout(then = () => {}) {
  if (!board.connected) return then(null);
  board.timeout(ANSWER_MS).emit("about", (error, about) => {
    if (!error && about?.ok) take(about);
    then(error || !about?.ok ? null : about);
  });
}

/** Ask for something that needs a right; `then` gets the answer or an error in words. */
export function ask(request, argument, then) {
  board.timeout(ANSWER_MS).emit(request, argument, (error, ack) => {
    if (error) then(null, board.connected ? "The gateway did not answer in time." : "The connection was lost.");
    else if (!ack?.ok) then(null, ack?.error?.message ?? "The gateway gave no reason.");
    else then(ack, null);
  });
}

function take(about) {
  rights = new Set(about.rights);
  for (const element of document.querySelectorAll("[data-needs]")) element.hidden = !rights.has(element.dataset.needs);
  allowOperator(may("view"));
  drawLinks(Object.entries(about.links ?? {}));
  for (const listener of listeners) listener(about);
}

function drawLinks(links) {
  byId("links").hidden = links.length === 0;
  byId("links-list").replaceChildren(...links.map(([name, address]) => {
    const element = document.createElement("li");
    const link = textElement("a", name);
    if (/^https?:/.test(address)) link.href = address;
    link.rel = "noreferrer";
    element.append(link);
    return element;
  }));
}

/** Learn the rights over this namespace, whenever it is connected. */
export function followRights(namespace) {
  board = namespace;
}
