// Sending from the page: an event, its rooms and its JSON, once or many times. It goes to the bus, as what a back end
// emits; or, where a poller does that for the board, to a queue, where it can wait for somebody to come or to
// acknowledge it.

import { ask, may } from "./rights.js";
import { brief, byId, clock, whole } from "./words.js";

const ASK_EVERY_MS = 2_000;     // pollers report as often
const FOLLOW_MS = 10 * 60_000;  // how long the page asks what became of a message
const TAKEN_MS = 15_000;        // a poller takes what is sent within a few seconds, or there is none

const STATES = {
  held: ({ until_ms: until }) => `It is held, since nobody is there${until ? `, until ${clock.format(until)}` : ""}.`,
  awaited: ({ ack }) => `It waits for ${ack === "all" ? "all browsers" : "a browser"} to acknowledge it.`,
  acknowledged: () => "It was acknowledged, and is deleted.",
  unanswered: () => "It was not acknowledged in time, and comes back.",
  nobody_there: () => "Nobody was there to acknowledge it; it comes back.",
  delivered: () => "Somebody is there; it was delivered, and is deleted.",
  left: ({ detail }) => `It is left on the queue: ${brief(detail, 200)}.`,
  dropped: ({ detail }) => `It was dropped: ${brief(detail, 200)}.`,
  forwarded: ({ detail }) => `It was forwarded: ${brief(detail, 200)}.`,
  returned: () => "Its poller stopped; another one takes it.",
};
const ENDS = new Set(["acknowledged", "delivered", "dropped", "forwarded"]);

const LOOKS = ["Blue", "Oak", "Copper", "Linen", "Glass", "Green", "Marble", "Walnut"];
const KINDS = ["kettle", "lamp", "teapot", "chair", "clock", "vase", "stool", "mug"];

let suggestion = "";            // the data that this page has made up

const some = (list) => list[Math.floor(Math.random() * list.length)];
const tell = (text, bad) => {
  byId("send-status").textContent = text;
  byId("send-status").toggleAttribute("data-bad", bad);
};

/** Put another item into the form, unless somebody has written into it. */
function suggest() {
  const field = byId("send-data");
  if (field.value !== suggestion) return;
  const id = Math.random().toString(36).slice(2, 8);
  const price = 5 + Math.floor(Math.random() * 80);
  suggestion = JSON.stringify({ id, title: `${some(LOOKS)} ${some(KINDS)}`, price });
  field.value = suggestion;
}

// By a queue

let followed = null;            // { request, queue, at, id } of the message that was put on a queue last

const queueOf = () => byId("send-by").value;

function drawQueues(queues) {
  const select = byId("send-by");
  const known = [...select.options].slice(1).map((option) => option.value);
  if (known.join("\n") !== queues.join("\n")) {
    const chosen = select.value;
    for (const option of [...select.options].slice(1)) option.remove();
    for (const queue of queues) select.add(new Option(`queue ${brief(queue, 60)}`, queue));
    select.value = queues.includes(chosen) ? chosen : "";
  }
  byId("send-ways").hidden = queues.length === 0;
  drawWay();
}

function drawWay() {
  const isQueue = queueOf() !== "";
  for (const element of document.querySelectorAll("[data-way]")) {
    element.hidden = (element.dataset.way === "queue") !== isQueue;
    for (const field of element.querySelectorAll("input, select")) field.disabled = element.hidden;
  }
}

function askQueues() {
  if (!byId("send").open || document.hidden || !may("send")) return;
  ask("sendable", null, (answer) => { if (answer) drawQueues(answer.queues); });
}

function askWhatBecame() {
  if (!followed || document.hidden) return;
  const { request, queue, at } = followed;
  const isFirst = !followed.id;
  ask("sent", [request], (answer) => {
    if (followed?.request !== request || !answer) return;
    const { id, error, wait } = answer.sent[request] ?? {};
    followed.id ??= id;
    const isLate = isFirst && !id && Date.now() - at > TAKEN_MS;
    if (error) tell(`Not sent: ${brief(error, 200)}`, true);
    else if (id) tell(`On queue ${queue} as message ${id}. ${wait ? STATES[wait.state]?.(wait) ?? "" : ""}`, false);
    else if (isLate) tell(`No poller of queue ${queue} has taken it.`, true);
    if (error || isLate || ENDS.has(wait?.state) || Date.now() - at > FOLLOW_MS) followed = null;
  });
}

function readForQueue({ event, rooms, data }) {
  const hold = byId("send-hold").value === "" ? null : byId("send-hold").valueAsNumber;
  return { queue: queueOf(), event, rooms, data, ack: byId("send-ack").value || null, hold };
}

function sendByQueue(request) {
  const button = byId("send-button");
  ask("send_by_queue", readForQueue(request), (answer, error) => {
    button.disabled = false;
    if (error) return tell(`Not sent: ${brief(error, 300)}`, true);
    followed = { request: answer.request, queue: queueOf(), at: Date.now(), id: null };
    tell(`On its way to queue ${followed.queue}; pollers look every two seconds.`, false);
    suggest();
  });
}

function read() {
  const rooms = byId("send-rooms").value.split(",").map((name) => name.trim()).filter(Boolean);
  const event = byId("send-event").value.trim();
  const count = byId("send-count").valueAsNumber;
  return { event, rooms, count, data: JSON.parse(byId("send-data").value) };
}

function send(submitted) {
  submitted.preventDefault();
  let request;
  try {
    request = read();
  } catch (error) {
    byId("send-data").focus();
    return tell(`The data is not JSON: ${brief(error.message, 120)}`, true);
  }
  const button = byId("send-button");
  button.disabled = true;
  followed = null;
  if (queueOf()) return sendByQueue(request);
  ask("send", request, (answer, error) => {
    button.disabled = false;
    if (error) return tell(`Not sent: ${brief(error, 300)}`, true);
    const to = request.rooms.length ? request.rooms.join(", ") : "everyone";
    tell(`Sent ${whole.format(answer.sent)} × ${request.event} to ${brief(to, 120)}.`, false);
    suggest();
  });
}

/** Make the form work. */
export function followSending() {
  byId("send-form").addEventListener("submit", send);
  byId("send").addEventListener("toggle", askQueues);
  byId("send-by").addEventListener("change", drawWay);
  setInterval(() => { askQueues(); askWhatBecame(); }, ASK_EVERY_MS);
  drawWay();
  byId("send-form").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("send-form").requestSubmit();
  });
  suggest();
}
