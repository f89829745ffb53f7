// Follows a room with a socket that is none, and writes what was asked and shown, as JSON. The argument is the module's file.

const { followRoom } = await import(process.argv[2]);
const asked = [];
const shown = [];
const states = [];

class Socket {
  connected = true;
  recovered = false;
  handlers = new Map();
  answers = [];
  on(name, handler) { this.handlers.set(name, handler); }
  off(name) { this.handlers.delete(name); }
  timeout() { return this; }
  emit(name, ...args) {
    asked.push([name, ...args.filter((arg) => typeof arg !== "function")]);
    if (name === "subscribe") args.at(-1)(...this.answers.shift());
  }
  fire(name, ...args) { this.handlers.get(name)?.(...args); }
}

const socket = new Socket();
const ok = (offset, ...events) => [null, { ok: true, rooms: [], events, complete: true, offset }];
const past = (number) => ({ event: "n", args: [number], offset: "1764428400000-0" });
socket.answers = [
  ok("1764428400001-0", past(1)),
  ok("1764428400009-0", past(4)),
  [null, { ok: false, error: { code: "forbidden", message: "" } }],
];
const leave = followRoom(socket, "room", { n: (...args) => shown.push(args) }, { last: 1, onState: (...state) => states.push(state) });
socket.fire("n", 2, "1764428400002-0");
socket.fire("n", 3); // volatile: without an offset
socket.fire("n", { order: 7 }, { id: "m", ack: "any" }, () => {}); // asks for an acknowledgement
socket.fire("disconnect");
socket.recovered = true;
socket.fire("connect"); // recovered: nothing is asked
socket.recovered = false;
socket.fire("connect"); // not recovered: from the last offset on
socket.fire("connect"); // refused for good
socket.fire("n", 5, "1764428400010-0"); // not in the room: not shown
leave();
socket.fire("n", 6, "1764428400011-0");
process.stdout.write(JSON.stringify({ asked, shown: shown.map((args) => args.map((arg) => (typeof arg === "function" ? "done" : arg))), states }));
