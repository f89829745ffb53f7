"""Two gateways that ask for tokens, behind a balancer, with all that the fault tests have."""

from collections.abc import Mapping

from tests.faults.balancer import Affine
from tests.faults.stack import Shape, Stack
from tests.issuer import SECRET, signed
from tests.reservation import PortBlock

NAMESPACE = "/orders"
HOUR = 3600.0

GATEWAY: Mapping[str, str] = {
    "QUEUECAST_AUTH": "jwt",
    "QUEUECAST_AUTH_SECRET": SECRET,
    "QUEUECAST_NAMESPACES": f"/,{NAMESPACE}",
    "QUEUECAST_DRAIN_SECONDS": "2",
    # All clients have one address, and each shows a bad token.
    "QUEUECAST_MAX_FAILED_TRIES": "0",
}


class Site(Stack):
    """The stack, as a context manager."""

    def __init__(self, block: PortBlock, **gateway: str) -> None:
        shape = Shape(gateway={**GATEWAY, **gateway}, balancer=Affine)
        super().__init__(shape, block)

    def token(self, subject: str) -> str:
        """Return a token that is valid for longer than any run."""
        return signed(HOUR, sub=subject, rooms=["quarter-*"], relay=["item_removed"])
