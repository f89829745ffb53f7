// What the pages in the documentation have of their own: the tests declare it, and in Chromium a recorder stands for it.

declare const io: typeof import("socket.io-client").io;
declare const socket: import("./queuecast-events").QueuecastSocket<Record<string, (...args: any[]) => void>, { item_removed: (item: any) => void }>;

declare function fetchAll(): void;
declare function fetchOlder(): void;
declare function reload(): void;
declare function retry(code: string): void;
declare function show(...shown: any[]): void;
declare function signIn(): void;

declare const id: number;
declare const levels: Map<any, any>;
declare const handlers: Record<string, ((...args: any[]) => void) | undefined>;
