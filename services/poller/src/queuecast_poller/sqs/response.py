"""Reads an HTTP response as an answer of SQS, or as its refusal. Pure.

The JSON protocol: https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class Garbled(Exception):
    """A response with HTTP 200 is not an answer of SQS."""


class Refused(Exception):
    """SQS, or a proxy before it, refused a request. `code` is empty if the error is not SQS's."""

    def __init__(self, code: str, status: int, message: str) -> None:
        super().__init__(f"{code or status}: {message}")
        self.code = code
        self.status = status


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def read_answer(reply: Response) -> dict[str, Any]:
    """Return the answer in a response. Raises `Garbled` and `Refused`."""
    try:
        # Some servers send an empty body instead of an empty object.
        answer = json.loads(reply.body or b"{}")
    except (ValueError, RecursionError):
        answer = None
    if reply.status != 200:
        raise _refusal(reply, answer if isinstance(answer, dict) else {})
    if not isinstance(answer, dict):
        raise Garbled(f"{len(reply.body)} bytes that are not a JSON object")
    return answer


def _refusal(reply: Response, answer: Mapping[str, Any]) -> Refused:
    # An error has two codes. The older protocol's is in a header, before a semicolon and whose fault it is.
    old = reply.headers.get("x-amzn-query-error", "").partition(";")[0]
    code = old or str(answer.get("__type") or answer.get("code") or reply.headers.get("x-amzn-errortype", ""))
    message = str(answer.get("message") or answer.get("Message") or "")
    if 300 <= reply.status < 400:
        message = f"a redirect to {reply.headers.get('location', 'nowhere')}, which is not followed"
    return Refused(code.partition(":")[0], reply.status, message[:500])
