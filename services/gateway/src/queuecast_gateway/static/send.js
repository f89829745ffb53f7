// Sending from the page: an event, its rooms and its JSON, once or many times. It goes to the bus, as what a back end
// emits.

import { ask } from "./rights.js";
import { brief, byId, whole } from "./words.js";

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
  byId("send-form").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("send-form").requestSubmit();
  });
  suggest();
}
