"""A steady load by the HTTP API, as a back end sends it that keeps an event until Redis has it."""

import json
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from http.client import HTTPException

from tests.faults.books import Message
from tests.faults.sender import TO_A_ROOM, Sender

TOKEN = "token-of-the-back-end-in-the-faults"
WORKERS = 32
"""Requests at a time; others wait here. A gateway takes 16 by default, and tells the rest to come back."""

TRY_SECONDS = 10.0
PAUSE_SECONDS = 0.2
GIVE_UP_SECONDS = 90.0


class HttpSender(Sender):
    """Sends batches to the APIs at these URLs in turn.

    A batch that gets no 2xx is sent again, with the same key and to the next gateway, until it gets one.
    """

    def __init__(self, urls: Sequence[str], *, to_a_room: float = TO_A_ROOM) -> None:
        super().__init__(None, "", fifo=False, to_a_room=to_a_room)
        self._urls = urls
        self._pool = ThreadPoolExecutor(WORKERS)
        self._sending: list[Future[None]] = []
        self._deadline = float("inf")
        self.refusals: Counter[str] = Counter()
        """Why requests had to be sent again, and how often."""

    def stop(self) -> None:
        """Stop sending, and wait until everything is acknowledged. Raises what a request ended with."""
        super().stop()
        self._deadline = time.monotonic() + GIVE_UP_SECONDS
        wait(self._sending)
        self._pool.shutdown()
        for each in self._sending:
            each.result()

    def _send(self, drawn: list[tuple[int, int | None]]) -> None:
        first, now = len(self._messages), round(time.time() * 1000)
        self._messages += [Message(now, group, room) for group, room in drawn]
        messages = [
            {
                "event": "item_added",
                "data": {"group": group, "n": number},
                **({} if room is None else {"rooms": [f"quarter-{room}"]}),
            }
            for number, (group, room) in enumerate(drawn, first)
        ]
        numbers = range(first, first + len(drawn))
        self._sending.append(self._pool.submit(self._deliver, numbers, {"messages": messages}))

    def _deliver(self, numbers: range, body: object) -> None:
        key = uuid.uuid4().hex
        turn = numbers[0]
        while True:
            answer, pause = self._try(self._urls[turn % len(self._urls)], key, body)
            if answer == "200":
                break
            self.refusals[answer] += 1
            assert time.monotonic() < self._deadline, f"not stored: {numbers}: {answer}; {self.refusals}"
            turn += 1
            time.sleep(pause)
        self._acknowledged.update(numbers)

    def _try(self, url: str, key: str, body: object) -> tuple[str, float]:
        """Send a request; return its status, with the problem if there is one, or why there is none, and for
        how many seconds to wait before the next try.
        """
        headers = {
            "Authorization": f"Bearer {TOKEN}",
            "Idempotency-Key": key,
            "Content-Type": "application/json",
        }
        request = urllib.request.Request(f"{url}/v1/publish-batch", json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=TRY_SECONDS) as answer:
                answer.read()
                return str(answer.status), 0
        except urllib.error.HTTPError as exc:
            with exc:
                pause = float(exc.headers.get("Retry-After") or PAUSE_SECONDS)
                return f"{exc.code} {json.loads(exc.read())['type']}", pause
        except (OSError, ValueError, HTTPException) as exc:  # no answer, or a part of one
            return type(exc).__name__, PAUSE_SECONDS
