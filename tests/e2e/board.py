"""A gateway's live board in a browser, and a stand-in for its check of tokens."""

import json
import re
from collections.abc import Callable

from playwright.sync_api import Browser, ConsoleMessage, Page, Response, WebSocketRoute, expect

TELL_VIOLATIONS = """
addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => {
  console.error(`Policy violated: ${violatedDirective} by ${blockedURI}`);
});
"""
CONNECT = re.compile(r"40(?:(/[^,]+),)?(\{.*\})?")
"""https://socket.io/docs/v4/socket-io-protocol/#connection-to-a-namespace"""


class TokenCheck:
    """Stands between a board and its gateway, and requires a token as a gateway with authentication does."""

    def __init__(self, token: str | None, code: str = "unauthorized") -> None:
        self.token = token
        self.shown: list[tuple[str, dict[str, str] | None]] = []
        self._code = code

    def install(self, page: Page) -> None:
        page.route_web_socket(re.compile(r"/socket\.io/"), self._stand_between)

    def _stand_between(self, connection: WebSocketRoute) -> None:
        gateway = connection.connect_to_server()

        def from_page(message: str | bytes) -> None:
            packet = CONNECT.fullmatch(message) if isinstance(message, str) else None
            if packet is None:
                gateway.send(message)
                return
            namespace, auth = packet.groups()
            shown = json.loads(auth) if auth else None
            self.shown.append((namespace or "/", shown))
            if self.token == (shown["token"] if shown else None):
                gateway.send(message)
            else:
                refusal = {"message": "Not authorised", "data": {"code": self._code}}
                connection.send(f"44{namespace + ',' if namespace else ''}{json.dumps(refusal)}")

        connection.on_message(from_page)


class Board:
    """One tab with a gateway's live board, and a list of everything that went wrong in it."""

    def __init__(
        self,
        browser: Browser,
        url: str,
        fragment: str = "",
        check: TokenCheck | None = None,
        script: str = "",
        *,
        clock: bool = False,
        **options: object,
    ) -> None:
        self._context = browser.new_context(**options)  # type: ignore[arg-type]  # options of the library
        self.page: Page = self._context.new_page()
        self.faults: list[str] = []
        self.asked: list[str] = []
        self.elsewhere: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", self._heard)
        self.page.on("request", lambda asked: self.asked.append(asked.url))
        self.page.on("request", lambda asked: asked.url.startswith(url) or self.elsewhere.append(asked.url))
        self.page.on("response", self._answered)
        self.page.add_init_script(TELL_VIOLATIONS + script)
        if check or clock:
            self.page.clock.install()
        if check:
            check.install(self.page)
        self.page.goto(url + fragment)

    def _heard(self, line: ConsoleMessage) -> None:
        if line.type in {"error", "warning"}:
            self.faults.append(line.text)

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.faults.append(f"{response.status} for {response.url}")

    @property
    def violated(self) -> set[str]:
        """The directives of the policy that something in the page violated."""
        return {fault.split()[2] for fault in self.faults if fault.startswith("Policy violated: ")}

    def stop_clock(self) -> None:
        """Stop the page's clock, which must be installed. It skips ten seconds: it never goes back."""
        self.page.clock.pause_at(self.page.evaluate("Date.now() / 1000 + 10"))

    def shows_state(self, state: str) -> None:
        """Assert that the connection is in this state, or soon will be."""
        expect(self.page.get_by_test_id("state")).to_have_attribute("data-state", state, timeout=60_000)

    def says(self, sentence: str) -> None:
        """Assert that the board says this about its connection, or soon will."""
        expect(self.page.get_by_test_id("state")).to_contain_text(sentence, timeout=60_000)

    def opens(self, tab: str) -> None:
        """Open a tab by its name."""
        self.page.get_by_role("tab", name=tab).click()

    def event(self, text: str):  # a locator of the library
        """The row of a raw event that contains this text."""
        return self.page.get_by_test_id("events").locator("li").filter(has_text=text)

    def item(self, item_id: str):  # a locator of the library
        return self.page.locator(f'li[data-item-id="{item_id}"]')

    def close(self) -> None:
        self._context.close()


Open = Callable[..., Board]
