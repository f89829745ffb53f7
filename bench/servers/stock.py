"""`python -m bench.servers.stock PORT REDIS_PORT`: python-socketio on uvicorn, with every default."""

import sys

import socketio
import uvicorn


def main() -> None:
    """Serve until SIGTERM."""
    port, redis_port = map(int, sys.argv[1:])
    manager = socketio.AsyncRedisManager(f"redis://127.0.0.1:{redis_port}/0")
    server = socketio.AsyncServer(async_mode="asgi", client_manager=manager)
    uvicorn.run(socketio.ASGIApp(server), host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main()
