"""redis-py's parser, which also tells its pool that an idle connection was reset.

redis-py 8.1 looks only for data and for a regular end, and would use the connection once more: uvloop then
raises `RuntimeError`, and asyncio loses the command.
"""

from typing import Any

from redis._parsers import _AsyncHiredisParser


class Parser(_AsyncHiredisParser):
    """The parser of every connection."""

    __slots__ = ()

    async def can_read(self) -> bool:
        """Return whether there is data, or the connection has ended: then the pool makes it anew."""
        stream: Any = self._stream
        return stream.exception() is not None or await super().can_read()
