"""The query protocol of SNS: a form into a request, an answer into XML. Pure.

https://docs.aws.amazon.com/sns/latest/api/welcome.html
"""

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

Json = dict[str, Any]

VERSION = "2010-03-31"
NAMESPACE = f"http://sns.amazonaws.com/doc/{VERSION}/"
ENVELOPE = {"Action", "Version"}
LISTS = ("entry", "member")
"""What stands between a list's name and the numbers of its members; a map is a list of entries."""


def request_of(form: Mapping[str, str]) -> Json:
    """Return the request in a form: `A.member.1.B=x` is `{"A": [{"B": "x"}]}`.

    Raises `ValueError` if a number is none, or a name is a value and has members, too.
    """
    found: Json = {}
    for name, value in form.items():
        if name not in ENVELOPE:
            _put(found, [part for part in name.split(".") if part not in LISTS], value, name)
    return {name: _listed(value) for name, value in found.items()}


def _put(into: Json, path: list[str], value: str, name: str) -> None:
    for part in path[:-1]:
        if isinstance(into.get(part), str):
            raise ValueError(f"{name}: {part} has a value already")  # noqa: TRY004  # a form is a value
        into = into.setdefault(part, {})
    into[path[-1]] = value


def _listed(value: Any) -> Any:
    """Return the value with lists where all keys are numbers, in their order."""
    if not isinstance(value, dict):
        return value
    if value and all(key.isdecimal() for key in value):
        return [_listed(value[key]) for key in sorted(value, key=int)]
    return {key: _listed(member) for key, member in value.items()}


def mapping_of(entries: Any, key: str, value: str) -> Json:
    """Return a map of the protocol, a list of entries with a key and a value each, as an object."""
    return {entry[key]: entry[value] for entry in entries or ()}


def answer_to(action: str, answer: Json, request_id: str) -> str:
    """Return the XML document of an answer."""
    result = f"<{action}Result>{_xml(answer)}</{action}Result>" if answer else ""
    metadata = f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
    return f'<{action}Response xmlns="{NAMESPACE}">{result}{metadata}</{action}Response>'


def error_of(code: str, message: str, request_id: str) -> str:
    """Return the XML document of an error of the sender's."""
    error = _xml({"Type": "Sender", "Code": code, "Message": message})
    return (
        f'<ErrorResponse xmlns="{NAMESPACE}"><Error>{error}</Error>'
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )


def _xml(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(f"<{name}>{_xml(member)}</{name}>" for name, member in value.items())
    if isinstance(value, list):
        return "".join(f"<member>{_xml(member)}</member>" for member in value)
    return escape(str(value))
