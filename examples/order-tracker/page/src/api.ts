// The shop's API, and the socket to the gateway.

import { io } from "socket.io-client";
import type { QueuecastSocket } from "../../../../clients/queuecast-events";

export interface Order { number: number; customer: string; item: string; state: string; version: number; room: string }
export interface Events { order: (order: Order) => void; order_placed: (order: Order) => void }
export interface Me { name: string; staff: boolean; gateway: string }
export type Gateway = QueuecastSocket<Events>;

async function ask(path: string, body?: object): Promise<Response> {
  const answer = await fetch(`/api/${path}`, body && {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${answer.status} ${path}`);
  return answer;
}

export const fetchMe = async (): Promise<Me> => (await ask("me")).json();
export const fetchOrders = async (): Promise<Order[]> => (await ask("orders")).json();
export const signIn = (name: string) => ask("sign-in", { name });
export const place = (item: string) => ask("orders", { item });
export const moveOn = (number: number) => ask(`orders/${number}/next`, {});

/** Returns a socket that shows a new token whenever it connects, and before the old one expires. */
export function connect(gateway: string): Gateway {
  const fetchToken = async () => (await ask("token")).text();
  const socket: Gateway = io(gateway, {
    transports: ["websocket"],
    auth: async (give) => give({ token: await fetchToken() }),
  });
  socket.on("token_expiring", async () => socket.emit("refresh", await fetchToken(), () => {}));
  return socket;
}
