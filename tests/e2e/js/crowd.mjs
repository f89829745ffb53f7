// Many stock Socket.IO clients in one process, for the fault tests. They keep the number of every item and the moment
// it came, and report only when asked: a line on standard input is a question, the answer is a line of JSON for `status`
// and one for each client for `pages`. The argument is {urls, tokens, clients, rooms, options}: client n is one of
// urls[n % urls.length], in room n % rooms, and shows tokens[n], if there are any.

import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const ACK_MS = 5_000;
// Tells a client an offset without any news; nobody's handler waits for it.
const OFFSET_EVENT = "queuecast:offset";

const { urls, tokens, clients, rooms, options } = JSON.parse(process.argv[2]);

class Page {
  numbers = [];
  times = [];
  connects = [];
  disconnects = [];
  strays = 0;

  constructor(number) {
    this.room = rooms > 0 ? number % rooms : 0;
    const auth = tokens.length > 0 ? { token: tokens[number] } : {};
    this.socket = io(urls[number % urls.length], { forceNew: true, auth, ...options });
    this.socket.on("connect", () => this.connected());
    this.socket.on("disconnect", (reason) => this.disconnects.push([Date.now(), reason]));
    this.socket.onAny((name, item) => this.received(name, item));
  }

  received(name, item) {
    if (name === OFFSET_EVENT) return;
    if (name !== "item_added") { this.strays += 1; return; }
    this.numbers.push(item.n);
    this.times.push(Date.now());
  }

  connected() {
    const connect = { at: Date.now(), recovered: this.socket.recovered === true, subscribed: null };
    // Whoever was recovered is in its room again without a word; a page asks only when it starts anew.
    const there = rooms === 0 || (connect.recovered && this.connects.at(-1).subscribed !== null);
    this.connects.push(connect);
    if (there) connect.subscribed = connect.at;
    else this.subscribe(connect, this.socket.id);
  }

  subscribe(connect, sid) {
    this.socket.timeout(ACK_MS).emit("subscribe", `quarter-${this.room}`, (error, ack) => {
      if (this.socket.id !== sid) return;
      if (!error && ack.ok) connect.subscribed = Date.now();
      else this.subscribe(connect, sid);
    });
  }

  get joined() { return this.socket.connected && this.connects.at(-1).subscribed !== null; }
}

const pages = Array.from({ length: clients }, (_, number) => new Page(number));

const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const questions = {
  status: () => answer({
    joined: pages.filter((page) => page.joined).length,
    deliveries: pages.reduce((sum, page) => sum + page.numbers.length, 0),
  }),
  pages: () => pages.forEach(({ room, numbers, times, connects, disconnects, strays }) =>
    answer({ room, numbers, times, connects, disconnects, strays })),
};

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => questions[line]());
// Everybody leaves properly; the process ends when nothing is left to do.
lines.on("close", () => pages.forEach((page) => page.socket.disconnect()));
