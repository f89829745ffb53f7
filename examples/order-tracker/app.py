"""The shop's back end: customers place orders, staff move them on, and each change goes to a topic of SNS.

The topic's subscriber is the queue that Queuecast polls. All that this process does for browsers is to sign
the token with which they connect to the gateway. Orders are in memory, and gone when it ends.

Variables: TOPIC_ARN, GATEWAY_URL, AUTH_SECRET (the gateway's), and those of the AWS SDK.
"""

import itertools
import json
import os
import secrets
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import boto3
import jwt
from fastapi import Body, Cookie, Depends, FastAPI, HTTPException, Response
from fastapi.responses import PlainTextResponse
from fastapi.staticfiles import StaticFiles

STATES = ("placed", "paid", "packed", "shipped", "delivered")
STAFF = "staff"
TOKEN_SECONDS = 600
COOKIE_SECRET = secrets.token_bytes(32)


@dataclass
class Order:
    """An order. `version` grows with each change, so that a page can tell a late event from a new one."""

    number: int
    customer: str
    item: str
    state: str = STATES[0]
    version: int = 0

    @property
    def room(self) -> str:
        """The room in which this order's changes are shown."""
        return f"order:{self.customer}:{self.number}"


orders: dict[int, Order] = {}
numbers = itertools.count(1)
sns = boto3.client("sns")
app = FastAPI(title="Order tracker")


def publish(event: str, order: Order, rooms: list[str]) -> None:
    """Publish what became of an order. The message's attributes say who sees it, and as which event.

    With a database, write the message into a table within the transaction and publish it from there: here it
    would be lost if the process ended between the two.
    """
    attributes = {"event": event, "rooms": ",".join(rooms)}
    sns.publish(
        TopicArn=os.environ["TOPIC_ARN"],
        Message=json.dumps({**asdict(order), "room": order.room}),
        MessageAttributes={
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
        },
    )


def signed_in(customer: Annotated[str, Cookie()] = "") -> str:
    """Return who sends the request."""
    try:
        claims = jwt.decode(customer, COOKIE_SECRET, algorithms=["HS256"])
    except jwt.InvalidTokenError:
        raise HTTPException(401, "sign in first") from None
    return str(claims["sub"])


Customer = Annotated[str, Depends(signed_in)]


@app.post("/api/sign-in", status_code=204)
def sign_in(response: Response, name: Annotated[str, Body(embed=True, pattern="^[a-z]{1,20}$")]) -> None:
    """Believe anybody's name: replace this with your own sign-in."""
    cookie = jwt.encode({"sub": name}, COOKIE_SECRET, algorithm="HS256")
    response.set_cookie("customer", cookie, httponly=True, samesite="strict")


@app.get("/api/me")
def me(customer: Customer) -> dict[str, Any]:
    """Return who has signed in, and where their gateway is."""
    return {"name": customer, "staff": customer == STAFF, "gateway": os.environ["GATEWAY_URL"]}


@app.get("/api/token", response_class=PlainTextResponse)
def token(customer: Customer) -> str:
    """Return a token for the gateway: a customer may join the rooms of their orders, staff all of them."""
    rooms = [STAFF, "order:*"] if customer == STAFF else [f"order:{customer}:*"]
    claims = {"sub": customer, "exp": int(time.time()) + TOKEN_SECONDS, "rooms": rooms}
    return jwt.encode(claims, os.environ["AUTH_SECRET"], algorithm="HS256")


@app.get("/api/orders")
def list_orders(customer: Customer) -> list[dict[str, Any]]:
    """Return the customer's orders, or all of them to staff."""
    return [
        {**asdict(order), "room": order.room}
        for order in orders.values()
        if customer in (STAFF, order.customer)
    ]


@app.post("/api/orders", status_code=201)
def place(customer: Customer, item: Annotated[str, Body(embed=True, min_length=1, max_length=60)]) -> int:
    """Place an order. All pages of the customer show it: each session is in the room of its user."""
    order = Order(next(numbers), customer, item)
    orders[order.number] = order
    publish("order_placed", order, [f"user:{customer}", STAFF])
    return order.number


@app.post("/api/orders/{number}/next", status_code=204)
def move_on(customer: Customer, number: int) -> None:
    """Move an order on to its next state; for staff."""
    if customer != STAFF:
        raise HTTPException(403, "only staff may do this")
    if number not in orders:
        raise HTTPException(404, "no such order")
    order = orders[number]
    order.version = min(order.version + 1, len(STATES) - 1)
    order.state = STATES[order.version]
    publish("order", order, [order.room, STAFF])


page = os.environ.get("PAGE") or Path(__file__).parent / "page" / "dist"
app.mount("/", StaticFiles(directory=page, html=True))
