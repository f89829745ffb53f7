// Lets a client join rooms by the event `subscribe`, as it can with this gateway.

export function subscribe(socket) {
  socket.on("subscribe", (rooms, acknowledge) => {
    socket.join(rooms);
    acknowledge({ ok: true });
  });
}
