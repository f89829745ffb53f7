"""`python -m queuecast_local.fake_redis PORT`: a Redis in pure Python, where no real one can be had."""

import sys
from typing import Any

from fakeredis._clients._tcp_server import TCPFakeRequestHandler, TcpFakeServer
from redis.exceptions import ResponseError


class KeepsConnection(TCPFakeRequestHandler):
    """fakeredis closes the connection after each error reply; a Redis answers and goes on."""

    def setup(self) -> None:
        """Answer errors instead of raising them."""
        super().setup()
        read = self.current_client.read_response

        def answer(*args: Any, **kwargs: Any) -> Any:
            try:
                return read(*args, **kwargs)
            except ResponseError as exc:
                return exc

        self.current_client.read_response = answer  # type: ignore[method-assign]


def main() -> None:
    """Serve until killed."""
    server = TcpFakeServer(("127.0.0.1", int(sys.argv[1])), server_version=(7,))
    server.RequestHandlerClass = KeepsConnection
    server.daemon_threads = True
    server.serve_forever()


if __name__ == "__main__":
    main()
