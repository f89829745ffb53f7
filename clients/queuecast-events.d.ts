/**
 * What a page and a Queuecast gateway say to each other, as types for `socket.io-client` 4.6 and later.
 *
 * Copy this file into your project, and name the events of your application once:
 *
 *     import { io } from "socket.io-client";
 *     import type { QueuecastSocket } from "./queuecast-events";
 *
 *     interface Events { price: (price: { eur: number }) => void }
 *     const socket: QueuecastSocket<Events> = io("https://gateway.example", { transports: ["websocket"] });
 *
 * `Relayed` are the events that the page itself may send to everyone (`QUEUECAST_RELAY_EVENTS`).
 */

import type { Socket } from "socket.io-client";

/** Why an event was not done; `message` says more, for people. */
export type ErrorCode =
  | "bad_options"
  | "bad_payload"
  | "bad_room"
  | "bus_unavailable"
  | "forbidden"
  | "rate_limited"
  | "too_many_rooms"
  | "unauthorized"
  | "unknown_event";

/** Why the gateway refused CONNECT, as `data.code` of the error of `connect_error`. */
export type ConnectCode = "too_many_connections" | "too_many_tries" | "unauthorized";

/** The error of `connect_error`; without `data` it is one of the transport. */
export type ConnectError = Error & { data?: { code: ConnectCode } };

/** The option `auth`. `recovery: false` is for pages whose handlers count their arguments. */
export interface Auth {
  token?: string;
  recovery?: boolean;
}

export interface Refused {
  ok: false;
  error: { code: ErrorCode; message: string };
}

/** The answer to every event of a page: nothing is half done. */
export type Ack<Details extends object = object> = ({ ok: true } & Details) | Refused;

/** The rooms that a `subscribe` has joined, or an `unsubscribe` left. */
export interface Rooms {
  rooms: string[];
}

/** What a `refresh` has led to: all rooms of the session, and when its token expires (Unix time in seconds). */
export interface Renewed extends Rooms {
  expires: number | null;
}

/** Which past events a `subscribe` asks for: the last ones of each room, all after an offset, or the newest of each key. */
export type PastOptions = ({ last: number } | { since: string } | { latest: true }) & Partial<PresenceOptions>;

/** Whether the page wants to be told who is in the rooms; without rooms, how many are in the namespace. */
export interface PresenceOptions {
  presence: boolean;
}

/** Who is in a room (null: in the namespace). `users` is missing if the token does not allow it; if not `complete`, a limit has cut it. */
export interface Presence {
  room: string | null;
  count: number;
  users?: string[];
  complete: boolean;
}

/** A past event, by its name; `args` are what its handler would get, without the offset. `key` is its message's, if any. */
export type PastEvent<Events extends object> = {
  [Name in keyof Events]: { event: Name; args: PastArguments<Arguments<Events[Name]>>; offset: string; key?: string };
}[keyof Events];

/** The past events up to `offset`, oldest first. If not `complete`, older ones are missing. */
export interface Past<Events extends object> extends Rooms {
  events: PastEvent<Events>[];
  complete: boolean;
  offset: string;
}

/** What a page is told about a message that has to be acknowledged; the `id` is the same each time it comes. */
export interface AboutMessage {
  id: string;
  ack: "any" | "all";
  /** The message has been handed out before: it may have been handled, and even acknowledged. */
  redelivered: boolean;
}

/** Acknowledges an event: its message is deleted, and does not come again. */
export type Done = (...args: unknown[]) => void;

/** The handler of an event whose message has to be acknowledged: `interface Events { order: AwaitedEvent<[Order]> }`. */
export type AwaitedEvent<Data extends unknown[]> = (...args: [...Data, about: AboutMessage, done: Done]) => void;

/** What a page may listen to. The offset comes last; it is missing if recovery is off, and where a callback comes last. */
export type Received<Events extends object> = {
  [Name in keyof Events]: Arguments<Events[Name]> extends [...unknown[], AboutMessage, Done]
    ? Events[Name]
    : (...args: [...Arguments<Events[Name]>, offset?: string]) => void;
} & {
  /** The token expires in so many seconds: send `refresh` with a new one. */
  token_expiring: (about: { expires_in: number }) => void;
  /** It has changed who is in a room for which this page asked. */
  "queuecast:presence": (about: Presence) => void;
};

/** What a page may emit. */
export type Sent<Events extends object, Relayed extends object> = {
  subscribe: (
    ...args:
      | [rooms: string | string[], done: (ack: Ack<Rooms>) => void]
      | [rooms: string | string[], past: PastOptions, done: (ack: Ack<Past<Events>>) => void]
  ) => void;
  unsubscribe: (rooms: string | string[], done: (ack: Ack<Rooms>) => void) => void;
  refresh: (token: string, done: (ack: Ack<Renewed>) => void) => void;
} & {
  [Name in keyof Relayed]: (...args: [...Arguments<Relayed[Name]>, done: (ack: Ack) => void]) => void;
};

/** A socket of the stock client that knows the events of an application. */
export type QueuecastSocket<Events extends object, Relayed extends object = { item_removed: (item: any) => void }> =
  Socket<Received<Events>, Sent<Events, Relayed>> & {
    /** Asks for presence and for no past events. An overload, so that the compiler knows the type of each acknowledgement. */
    emit(event: "subscribe", rooms: string | string[], options: PresenceOptions, done: (ack: Ack<Rooms>) => void): unknown;
  };

/** In the past there is nothing to acknowledge. */
type PastArguments<Args> = Args extends [...infer Data, AboutMessage, Done]
  ? [...Data, about: AboutMessage]
  : Args;

type Arguments<Handler> = Handler extends (...args: infer Args) => unknown ? Args : never;
