"""`python -m queuecast_local.fake_redis PORT`: a Redis in pure Python, if no real one is available."""

import sys
from typing import Any

from fakeredis._clients._tcp_server import TCPFakeRequestHandler, TcpFakeServer
from redis.exceptions import ResponseError


class KeepsConnection(TCPFakeRequestHandler):
    """Keeps a connection open after an error reply of one line. fakeredis closes it, and has several."""

    def setup(self) -> None:
        """Return errors as replies instead of raising them."""
        super().setup()
        read = self.current_client.read_response

        def answer(*args: Any, **kwargs: Any) -> Any:
            try:
                return read(*args, **kwargs)
            except ResponseError as exc:
                return type(exc)(" ".join(str(exc).split()))

        self.current_client.read_response = answer  # type: ignore[method-assign]


def main() -> None:
    """Serve until killed."""
    server = TcpFakeServer(("127.0.0.1", int(sys.argv[1])), server_version=(7,))
    server.RequestHandlerClass = KeepsConnection
    server.daemon_threads = True
    server.serve_forever()


if __name__ == "__main__":
    main()
