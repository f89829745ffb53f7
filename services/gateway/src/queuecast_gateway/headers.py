"""Headers that make browsers strict about an answer, and the wrapper that puts them on.

What the page may do is decided here alone; nothing here knows what it does.
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
        "trusted-types 'none'",  # text never becomes markup or code, so nobody has to vouch for any
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
"""What the page has no use for; browsers complain of names that they do not know,
so only those are here that are old and everywhere the same."""

EVERY_ANSWER = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
"""For what is meant for one reader at one time, as all of Socket.IO is."""

BOARD = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in UNUSED_FEATURES),
    # Kept, but asked for anew: a page never runs with the scripts of another version.
    "Cache-Control": "no-cache",
}
"""For the board's files, and for what is said in place of one."""


class WithHeaders:
    """An ASGI application whose HTTP answers have these headers too.

    One that an answer has already stays as it is, so the innermost decides. WebSockets pass untouched.
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
