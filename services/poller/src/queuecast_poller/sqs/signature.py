"""AWS's Signature Version 4 for requests to SQS. Pure: the time is an argument.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hmac
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol
from urllib.parse import quote, urlsplit

SERVICE = "sqs"
CONTENT_TYPE = "application/x-amz-json-1.0"


class Credentials(Protocol):
    """What signs. `token` is set for temporary credentials."""

    access_key: str
    secret_key: str
    token: str | None


@dataclass(frozen=True, slots=True)
class _Key:
    """The key of one day, and what it was derived from."""

    secret: str
    day: str
    value: bytes


class Signer:
    """Signs requests to one endpoint in one region. It derives a key once a day for each secret."""

    def __init__(self, url: str, region: str) -> None:
        parts = urlsplit(url)
        self.host = parts.netloc
        self._path = quote(parts.path or "/", safe="/~")
        self._region = region
        self._key = _Key("", "", b"")

    def headers(self, target: str, body: bytes, credentials: Credentials | None, time: str) -> dict[str, str]:
        """Return the headers of a request to `target`, unsigned without credentials.

        `time` is UTC as `20261129T154408Z`.
        """
        # In the order in which they are signed: by name.
        signed = {"content-type": CONTENT_TYPE, "host": self.host, "x-amz-date": time}
        if credentials is not None and credentials.token:
            signed["x-amz-security-token"] = credentials.token
        signed["x-amz-target"] = target
        if credentials is None:
            return signed
        day = time[:8]
        names = ";".join(signed)
        lines = "".join([f"{name}:{value}\n" for name, value in signed.items()])
        request = f"POST\n{self._path}\n\n{lines}\n{names}\n{sha256(body).hexdigest()}"
        scope = f"{day}/{self._region}/{SERVICE}/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{time}\n{scope}\n{sha256(request.encode()).hexdigest()}"
        signature = hmac.digest(self._derived(credentials.secret_key, day), text.encode(), "sha256").hex()
        signed["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, "
            f"SignedHeaders={names}, Signature={signature}"
        )
        return signed

    def _derived(self, secret: str, day: str) -> bytes:
        key = self._key
        if key.secret != secret or key.day != day:
            value = b"AWS4" + secret.encode()
            for part in (day, self._region, SERVICE, "aws4_request"):
                value = hmac.digest(value, part.encode(), "sha256")
            key = self._key = _Key(secret, day, value)
        return key.value
