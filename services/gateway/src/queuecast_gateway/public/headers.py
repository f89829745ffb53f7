"""Headers that make browsers strict about a response, and the ASGI wrapper that adds them.

Only this module decides what the board's page may do; it knows nothing of what the page does.
"""

from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",  # over ws: and wss: too
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",  # the page never turns text into markup or code
    )
)
"""https://www.w3.org/TR/CSP3/"""

UNUSED_FEATURES = (
    "accelerometer",
    "autoplay",
    "camera",
    "clipboard-read",
    "clipboard-write",
    "display-capture",
    "encrypted-media",
    "fullscreen",
    "geolocation",
    "gyroscope",
    "hid",
    "idle-detection",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "picture-in-picture",
    "publickey-credentials-create",
    "publickey-credentials-get",
    "screen-wake-lock",
    "serial",
    "storage-access",
    "sync-xhr",
    "usb",
    "xr-spatial-tracking",
)
"""Features that the page does not use. Browsers complain about names that they do not know, so the list has
only features that are old and have the same name everywhere."""

EVERY_ANSWER = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
"""For responses that are meant for one client at one time, as all of Socket.IO's are."""

BOARD = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in UNUSED_FEATURES),
    # Cached, but revalidated each time: a page never runs with the scripts of another version.
    "Cache-Control": "no-cache",
}
"""For the board's files, and for the error pages in place of one."""


SHARED = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
"""For the stock client, which is published: pages of other sites may load it, also with an integrity."""


class WithHeaders:
    """An ASGI application with these headers on its HTTP responses.

    A header that a response has already stays as it is, so the innermost decides. WebSockets pass untouched.
    """

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self._app = app
        self._headers = [
            (name.lower().encode("latin-1"), text.encode("latin-1")) for name, text in headers.items()
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [*message.get("headers", ())]
                named = {name.lower() for name, _ in own}
                more = [header for header in self._headers if header[0] not in named]
                message = {**message, "headers": own + more}
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)
