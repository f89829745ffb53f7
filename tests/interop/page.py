"""The table of clients in docs/clients.md. Pure, except for that page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from tests.interop.clients import Client
from tests.interop.course import Passed

PAGE = Path(__file__).parents[2] / "docs" / "clients.md"
BEGIN, END = "<!-- made by `make interop` -->", "<!-- end of what `make interop` makes -->"
COLUMNS = (
    "client",
    "version",
    "seen on",
    "connects",
    "recovers",
    "missed",
    "twice",
    "stays through stall and idle",
    "handlers get the offset too",
    "what to say",
)


@dataclass(frozen=True)
class Result:
    """What was seen of a client. `failed` has the checks that it did not pass, with what went wrong."""

    client: Client
    version: str
    runtime: str
    failed: Mapping[str, str]
    gets_offsets: bool | None
    passed: Passed | None
    """None for a client that cannot connect."""

    @property
    def troubles(self) -> list[str]:
        """A line for each promise that was not kept to this client."""
        checks = [f"{name}: {why}" for name, why in self.failed.items()]
        return [*checks, *(self.passed.troubles if self.passed else ())]


def row(results: Sequence[Result]) -> str:
    """Return the line of a client; the results are those of one version on all its platforms."""
    client = results[0].client
    failed = sorted({name for result in results for name in result.failed})
    lacks = ", ".join(sorted({name for result in results for name in result.client.lacks}))
    can = "no: its user sees why" if client.refused else f"all but: {lacks}" if lacks else "yes"
    known = [
        client.row,
        ", ".join(sorted({result.version for result in results})),
        "; ".join(_platforms(results)),
        f"**fails: {', '.join(failed)}**" if failed else can,
    ]
    passed = [result.passed for result in results if result.passed]
    if not passed:
        return line([*known, *["–"] * 5, client.advice])
    accounts = [one.account for one in passed]
    lost = sum(account.lost for account in accounts)
    twice = sum(account.duplicated for account in accounts)
    meant = sum(account.deliveries - account.duplicated + account.lost for account in accounts)
    broke = [sorted(one.broke) for one in passed if one.broke]
    offsets = any(result.gets_offsets for result in results)
    return line(
        [
            *known,
            "yes" if client.recovers else "no",
            f"{lost} of {meant:,}",
            str(twice),
            f"{len(broke)} of {len(passed)} broke" if broke else "yes",
            "yes" if offsets else "no",
            client.advice,
        ]
    )


def table(results: Sequence[Result]) -> str:
    """Return the generated part of the page."""
    ordered = sorted(results, key=lambda result: result.client.row)
    rows = {name: row(list(group)) for name, group in groupby(ordered, lambda result: result.client.row)}
    names = list(dict.fromkeys(result.client.row for result in results))
    return "\n".join(
        [BEGIN, line(COLUMNS), line(["---"] * len(COLUMNS)), *(rows[name] for name in names), END]
    )


def renewed(page: str, results: Sequence[Result]) -> str:
    """Return the page with these results."""
    before, rest = page.split(BEGIN)
    return before + table(results) + rest.split(END)[1]


def line(cells: Sequence[str]) -> str:
    """Return a line of a table."""
    return f"| {' | '.join(cells)} |"


def _platforms(results: Sequence[Result]) -> list[str]:
    """Return each runtime, with the transports that were tried there."""
    transports: dict[str, list[str]] = {}
    for result in results:
        transports.setdefault(result.runtime, []).append(result.client.transports)
    return [f"{runtime} ({', '.join(tried)})" for runtime, tried in transports.items()]
