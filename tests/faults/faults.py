"""The faults, each a row of the table: how it strikes, which stack it needs, which metric must show it."""

from dataclasses import replace
from pathlib import Path

from tests.faults import clusters, strikes, takeovers
from tests.faults.fault import (
    ALTERED,
    CAME,
    DUPLICATES,
    GAPS,
    NOT_JSON,
    RECOVERED,
    REDELIVERED,
    RESUMED,
    REWOUND,
    SLOW,
    UNAVAILABLE,
    UNPUBLISHED,
    VANISHED,
    Fault,
    failures,
)
from tests.faults.stack import IN_A_CLUSTER, Redises, Shape
from tests.faults.strikes import POISON, STORM_NAMESPACE, sqs

SHORT_BUFFER = {
    "QUEUECAST_MAX_BUFFERED_BYTES": str(1 << 16),
    "QUEUECAST_MAX_RECORD_BYTES": str(1 << 15),
    "QUEUECAST_MAX_REPLAY_BYTES": str(1 << 15),
}
SHORT_PING = {"QUEUECAST_PING_INTERVAL_SECONDS": "2", "QUEUECAST_PING_TIMEOUT_SECONDS": "2"}
ROOM_FOR_A_STORM = {"QUEUECAST_NAMESPACES": f"/,{STORM_NAMESPACE}"}
MUCH_PAST = {
    "QUEUECAST_MAX_PAST_EVENTS": "10000",
    "QUEUECAST_MAX_PAST_BYTES": str(1 << 21),
    "QUEUECAST_MAX_PAST_BYTES_PER_ADDRESS": "0",
}
"""All clients have one address, and none may be told that it missed something."""

TELLS_WHO_IS_THERE = Shape(gateway={"QUEUECAST_PRESENCE_ROOMS": "hall-*"})
KEEPS_LATEST = {"QUEUECAST_KEEP_LATEST_SECONDS": "600"}
LATEST = Shape(
    gateway={**MUCH_PAST, **KEEPS_LATEST},
    poller={**KEEPS_LATEST, "QUEUECAST_ROUTES": str(Path(__file__).with_name("routes-latest.yaml"))},
)

ACKS = Shape(
    # A backlog must not ask for more answers than the clients can give in time.
    gateway={"QUEUECAST_ACKS": "true"},
    poller={
        "QUEUECAST_ACK_SECONDS": "10",
        "QUEUECAST_MAX_AWAITED": "100",
        "QUEUECAST_ROUTES": str(Path(__file__).with_name("routes-acks.yaml")),
    },
)
HOLDS = replace(
    ACKS,
    poller={
        **ACKS.poller,
        "QUEUECAST_HOLD_SECONDS": "600",
        "QUEUECAST_ROUTES": str(Path(__file__).with_name("routes-holds.yaml")),
    },
)

UNTIL_ALL_HANG_SECONDS = 5
"""By then every receive of the poller hangs; each is given up eleven seconds after its start."""

STANDARD = (
    Fault("nothing happens", strikes.nothing, fifo_too=True),
    Fault("Redis restarts with its data", strikes.redis_restarts, sign=RESUMED, fifo_too=True),
    Fault("Redis is cut off silently for 30 s", strikes.redis_falls_silent, sign=RESUMED, fifo_too=True),
    Fault(
        "every connection of Redis is killed",
        strikes.redis_connections_are_killed,
        sign=RESUMED,
        fifo_too=True,
    ),
    Fault("Redis stalls for 10 s", strikes.redis_stalls, sign=UNPUBLISHED, fifo_too=True),
    Fault("Redis is full for 5 s", strikes.redis_is_full, sign=UNPUBLISHED, fifo_too=True),
    Fault(
        "Redis loses its data",
        strikes.redis_loses_its_data,
        Shape(keeps_data=False),
        REWOUND,
        may_tell=True,
        fifo_too=True,
    ),
    Fault("a gateway gets SIGTERM", strikes.a_gateway_is_told_to_stop, sign=RECOVERED),
    Fault("a gateway is killed", strikes.a_gateway_is_killed, sign=RECOVERED),
    Fault("a gateway stands still for 10 s", strikes.a_gateway_stands_still),
    Fault(
        "a poller is killed between publish and delete",
        strikes.a_poller_dies_before_it_deletes,
        sign=DUPLICATES,
        fifo_too=True,
    ),
    Fault("a poller gets SIGTERM under load", strikes.a_poller_is_told_to_stop, fifo_too=True),
    Fault("one of two pollers is killed", strikes.one_of_two_pollers_dies, Shape(pollers=2), fifo_too=True),
    Fault(
        "SQS answers 500",
        sqs("status", status=500, chance=0.7),
        sign=failures("receive", "server_error"),
        fifo_too=True,
    ),
    Fault(
        "SQS answers 503", sqs("status", status=503), sign=failures("receive", "server_error"), fifo_too=True
    ),
    Fault(
        "SQS throttles",
        sqs("error", status=400, code="RequestThrottled", chance=0.7),
        sign=failures("receive", "throttled"),
        fifo_too=True,
    ),
    Fault(
        "SQS hangs past the read timeout",
        sqs("hang", "ReceiveMessage", UNTIL_ALL_HANG_SECONDS, seconds=60),
        sign=failures("receive", "timeout"),
        fifo_too=True,
    ),
    Fault(
        "receives are reset after the action",
        sqs("reset_after", "ReceiveMessage", 5, chance=0.3),
        sign=failures("receive", "connection"),
        fifo_too=True,
    ),
    Fault(
        "batch deletes fail in parts",
        sqs("fail_entries", "DeleteMessageBatch", 5),
        sign=failures("delete", "server_error"),
        fifo_too=True,
    ),
    Fault(
        "SQS delivers twice",
        sqs("duplicate", "ReceiveMessage", 5, chance=0.3),
        sign=DUPLICATES,
        fifo_too=True,
    ),
    Fault("SQS alters a body", sqs("corrupt", "ReceiveMessage", 5, chance=0.3), sign=ALTERED, fifo_too=True),
    Fault(
        "credentials are expired for 20 s",
        sqs("error", lasts=20, status=403, code="ExpiredToken"),
        sign=failures("receive", "credentials"),
        fifo_too=True,
    ),
    Fault(
        "poison among good messages",
        strikes.poison_is_sent,
        Shape(max_receives=3),
        NOT_JSON,
        dead=POISON,
        fifo_too=True,
    ),
    Fault("a client stops reading", strikes.a_client_stops_reading, Shape(gateway=SHORT_BUFFER), SLOW),
    Fault("20 connections vanish half-open", strikes.connections_vanish, Shape(gateway=SHORT_PING), VANISHED),
    Fault("500 clients connect in a second", strikes.a_storm_of_connects, Shape(gateway=ROOM_FOR_A_STORM)),
    Fault(
        "a gateway is killed while pages ask for past events",
        strikes.a_gateway_is_killed,
        Shape(gateway=MUCH_PAST),
        RECOVERED,
        past=True,
    ),
    Fault(
        "Redis restarts while pages ask for past events",
        strikes.redis_restarts,
        Shape(gateway=MUCH_PAST),
        RESUMED,
        past=True,
    ),
    Fault(
        "a gateway is killed while pages ask for the latest",
        strikes.a_gateway_is_killed,
        LATEST,
        RECOVERED,
        past="latest",
    ),
    Fault(
        "Redis restarts while pages ask for the latest",
        strikes.redis_restarts,
        LATEST,
        RESUMED,
        past="latest",
    ),
    Fault(
        "a gateway is killed while presence churns",
        strikes.a_gateway_is_killed,
        TELLS_WHO_IS_THERE,
        RECOVERED,
        presence=True,
    ),
    Fault(
        "a gateway gets SIGTERM while presence churns",
        strikes.a_gateway_is_told_to_stop,
        TELLS_WHO_IS_THERE,
        RECOVERED,
        presence=True,
    ),
    Fault(
        "Redis restarts while presence churns",
        strikes.redis_restarts,
        TELLS_WHO_IS_THERE,
        RESUMED,
        presence=True,
    ),
    Fault(
        "Redis is cut off for 30 s while presence churns",
        strikes.redis_falls_silent,
        TELLS_WHO_IS_THERE,
        RESUMED,
        presence=True,
    ),
    Fault(
        "Redis is cut off for 30 s while pages ask for past events",
        strikes.redis_falls_silent,
        Shape(gateway=MUCH_PAST),
        RESUMED,
        past=True,
    ),
)
API = Shape(api=True)
BY_HTTP = (
    Fault(
        "a gateway is killed while a back end publishes over HTTP",
        strikes.a_gateway_is_killed,
        API,
        RECOVERED,
        keeps_all=True,
    ),
    Fault(
        "a gateway gets SIGTERM while a back end publishes over HTTP",
        strikes.a_gateway_is_told_to_stop,
        API,
        RECOVERED,
        keeps_all=True,
    ),
    Fault(
        "Redis restarts while a back end publishes over HTTP",
        strikes.redis_restarts,
        API,
        UNAVAILABLE,
        keeps_all=True,
    ),
    Fault(
        "Redis stalls for 10 s while a back end publishes over HTTP",
        strikes.redis_stalls,
        API,
        UNAVAILABLE,
        keeps_all=True,
    ),
)
AWAITED = tuple(
    Fault(f"{name} while messages wait for acknowledgements", strike, shape, sign, acks=True, fifo_too=fifo)
    for name, strike, shape, sign, fifo in (
        ("nothing happens", strikes.nothing, ACKS, None, True),
        ("a gateway is killed", strikes.a_gateway_is_killed, ACKS, RECOVERED, False),
        ("a gateway gets SIGTERM", strikes.a_gateway_is_told_to_stop, ACKS, RECOVERED, False),
        ("a poller that deletes is killed", strikes.a_poller_dies_before_it_deletes, ACKS, DUPLICATES, True),
        ("a poller is killed", strikes.one_of_two_pollers_dies, replace(ACKS, pollers=2), REDELIVERED, True),
        ("a poller gets SIGTERM", strikes.a_poller_is_told_to_stop, ACKS, None, False),
        ("Redis restarts", strikes.redis_restarts, ACKS, RESUMED, False),
        ("Redis is cut off for 30 s", strikes.redis_falls_silent, ACKS, RESUMED, False),
    )
)
HELD = tuple(
    Fault(f"{name} while messages are held", strike, shape, sign, holds=True, fifo_too=fifo)
    for name, strike, shape, sign, fifo in (
        ("nothing happens", strikes.nothing, HOLDS, CAME, True),
        ("a gateway is killed", strikes.a_gateway_is_killed, HOLDS, RECOVERED, False),
        ("a gateway gets SIGTERM", strikes.a_gateway_is_told_to_stop, HOLDS, RECOVERED, False),
        ("a poller that deletes is killed", strikes.a_poller_dies_before_it_deletes, HOLDS, DUPLICATES, True),
        ("a poller is killed", strikes.one_of_two_pollers_dies, replace(HOLDS, pollers=2), REDELIVERED, True),
        ("a poller gets SIGTERM", strikes.a_poller_is_told_to_stop, HOLDS, None, True),
        ("Redis restarts", strikes.redis_restarts, HOLDS, RESUMED, False),
        ("Redis is cut off for 30 s", strikes.redis_falls_silent, HOLDS, RESUMED, False),
    )
)
TOLD_SOON = {"QUEUECAST_DRAIN_SECONDS": "2"}
"""Browsers hear of lost records spread over this time, and all of them before a run ends."""
UNREAD = (
    Fault(
        "Redis removes keys for 5 s",
        strikes.redis_removes_keys,
        Shape(gateway=TOLD_SOON),
        GAPS,
        may_tell=True,
        may_repeat=True,
        forgets=True,
    ),
    Fault("Redis's password changes", strikes.redis_password_changes, Shape(password=True), RESUMED),
    Fault("gateways are 30 MB behind a slow link", strikes.the_link_is_slow, sign=RESUMED),
)
PAIR = Shape(Redises.PAIR, gateway=TOLD_SOON)
SENTINELS = Shape(Redises.SENTINELS, gateway=TOLD_SOON)
TAKEOVERS = (
    Fault(
        "a partition has two primaries for 8 s",
        takeovers.a_partition_has_two_primaries,
        PAIR,
        REWOUND,
        may_tell=True,
        fifo_too=True,
    ),
    Fault("Redis's name moves", takeovers.a_name_moves, PAIR, RESUMED, may_tell=True),
    Fault("sentinels fail over", takeovers.sentinels_fail_over, SENTINELS, REWOUND, may_tell=True),
    Fault(
        "sentinels fail over, and a gateway reconnects later",
        takeovers.sentinels_fail_over_and_a_gateway_reconnects_later,
        SENTINELS,
        REWOUND,
        may_tell=True,
    ),
    Fault(
        "the primary is killed under sentinels",
        takeovers.the_primary_is_killed,
        SENTINELS,
        RESUMED,
        may_tell=True,
    ),
)
READERS = (
    Fault(
        "the replica that gateways read lags behind",
        takeovers.the_replica_lags_behind,
        Shape(Redises.PAIR, reads_replica=True),
        RESUMED,
    ),
    Fault(
        "the replica that gateways read is promoted",
        takeovers.sentinels_fail_over,
        Shape(Redises.SENTINELS, reads_replica=True, gateway=TOLD_SOON),
        RESUMED,
        may_tell=True,
    ),
)
CLUSTER = Shape(Redises.CLUSTER, gateway=TOLD_SOON)
CLUSTERS = (
    Fault("a cluster fails over as it is asked to", clusters.fails_over, CLUSTER, RESUMED),
    Fault(
        "a primary of a cluster is killed", clusters.the_primary_is_killed, CLUSTER, RESUMED, may_tell=True
    ),
    Fault(
        "the slot migrates to another primary",
        clusters.the_slot_migrates,
        Shape(Redises.RESHARDED),
        RESUMED,
        fifo_too=True,
    ),
)
TAKEN_OVER = (*TAKEOVERS, *READERS, *CLUSTERS)
CONFIRMED = tuple(fault.with_replicas_ack() for fault in TAKEN_OVER)
ALL = (
    *STANDARD,
    *BY_HTTP,
    *AWAITED,
    *HELD,
    *UNREAD,
    *TAKEN_OVER,
    *CONFIRMED,
    *(fault.with_min_replicas() for fault in CONFIRMED if fault.shape.redises not in IN_A_CLUSTER),
)
FAULTS = (*ALL, *(fault.on_fifo() for fault in ALL if fault.fifo_too))
