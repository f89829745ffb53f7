"""Commands to sessions, and tokens for the users that they concern."""

import asyncio
from typing import Any

import jwt

from queuecast_bus.command import Command, Target, Verb

from .page import Page
from .site import Site

SECRET = "a secret of thirty-two bytes at least"


ENDLESS = 4_102_444_800


def token(subject: str, *rooms: str) -> dict[str, Any]:
    claims = {"sub": subject, "exp": ENDLESS, "rooms": list(rooms)}
    return {"token": jwt.encode(claims, SECRET, algorithm="HS256")}


async def tell(site: Site, verb: Verb, target: Target, name: str, *rooms: str) -> None:
    await site.publish(Command(verb, "/", target, name, rooms).record())


async def disconnected(page: Page) -> None:
    """Read until Socket.IO's DISCONNECT."""
    async with asyncio.timeout(20):
        while await page.connection.receive() != "41":
            pass
