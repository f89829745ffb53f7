// What a driver does with a stock JavaScript client, wherever it runs: see ../README.md for the commands.

const QUICK_RETURN = { reconnectionDelay: 100, reconnectionDelayMax: 500 };

const coded = (value) => {
  if (value instanceof ArrayBuffer) return coded(new Uint8Array(value));
  if (!ArrayBuffer.isView(value)) return value;
  return { base64: btoa(String.fromCharCode(...value)) };
};

const decoded = (value) =>
  typeof value?.base64 === "string" ? Uint8Array.from(atob(value.base64), (each) => each.charCodeAt(0)) : value;

// Returns what to call with each command; `report` is called with each report.
export function drive(io, report) {
  const sockets = {};
  const deeds = {
    open({ socket: name, url, namespace, auth, options, listen }) {
      const tell = (kind, more) => report({ report: kind, socket: name, ...more });
      const socket = io(url + namespace, { forceNew: true, auth, ...QUICK_RETURN, ...options });
      sockets[name] = socket;
      socket.on("connect", () => tell("connect", { recovered: socket.recovered ?? null }));
      socket.on("disconnect", (reason) => tell("disconnect", { reason }));
      // Version 2 also has `error`, with what the server said.
      for (const kind of ["connect_error", "error"])
        socket.on(kind, (error) => tell("error", { message: error.message ?? String(error) }));
      for (const event of listen)
        socket.on(event, (...args) => tell("event", { name: event, args: args.map(coded) }));
    },
    emit({ socket, event, args, ack }) {
      const answered = (...answer) => report({ report: "ack", socket, ack, args: answer.map(coded) });
      sockets[socket].emit(event, ...args.map(decoded), ...(ack === null ? [] : [answered]));
    },
    close({ socket }) { sockets[socket].disconnect(); },
  };
  return (command) => deeds[command.do](command);
}
