"""Commands to sessions: disconnect, or join or leave rooms; see docs/decisions/0008. Pure."""

from typing import Any

from queuecast_bus.command import Command, Verb
from queuecast_bus.command_body import BadBody, read_body
from queuecast_bus.names import BadName, check_namespace
from queuecast_gateway.api.problems import Flaw, invalid, pointer


def read_command(verb: Verb, body: Any) -> Command:
    """Return the command of a request: as in a message, with the `namespace` beside. Raises `Problem`."""
    namespace: Any = "/"
    if isinstance(body, dict) and "namespace" in body:
        body = dict(body)
        namespace = body.pop("namespace")
    try:
        if not isinstance(namespace, str):
            raise BadName('expected a name such as "/orders"')
        check_namespace(namespace)
    except BadName as exc:
        raise invalid([Flaw("#/namespace", str(exc))]) from exc
    try:
        return read_body(verb, namespace, body)
    except BadBody as exc:
        raise invalid([Flaw(pointer(*exc.path), str(exc))]) from exc
