"""CloudEvents in structured mode. Pure.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

import base64
from typing import Any

from queuecast_poller.unwrap.contents import Layer, Payload
from queuecast_poller.unwrap.strict_json import NotJson, read_json

_STRINGS = ("id", "source", "type")


def open_cloudevent(body: dict[str, Any]) -> Layer | None:
    """Open an event; None if the body is not one. Raises `NotJson` if its data does not match its type.

    The data is `data`, or the content of `data_base64`: JSON or text if `datacontenttype` says so, else
    bytes. Without either it is `null`.
    """
    version = body.get("specversion")
    if not isinstance(version, str) or not version.startswith("1."):
        return None
    if not all(isinstance(body.get(name), str) and body[name] for name in _STRINGS):
        return None
    metadata = {name: value for name, value in body.items() if name not in ("data", "data_base64")}
    if "data_base64" not in body or "data" in body:
        return Layer("cloudevents", Payload(body.get("data")), metadata)
    return Layer("cloudevents", _decoded(body["data_base64"], body.get("datacontenttype")), metadata)


def _decoded(text: Any, content_type: Any) -> Payload:
    try:
        data = base64.b64decode(text, validate=True)
    except (TypeError, ValueError) as exc:
        raise NotJson(f"data_base64 is not base64: {exc}") from exc
    media_type = content_type.partition(";")[0].strip().lower() if isinstance(content_type, str) else ""
    is_json = media_type in ("application/json", "text/json") or media_type.endswith("+json")
    try:
        if is_json:
            return Payload(read_json(data.decode()), data)
        if media_type.startswith("text/"):
            return Payload(data.decode())
    except UnicodeDecodeError as exc:
        raise NotJson(f"data_base64 is not the UTF-8 that {media_type} should be: {exc}") from exc
    return Payload(None, attachment=data)
