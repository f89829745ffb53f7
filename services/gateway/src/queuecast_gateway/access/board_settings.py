"""The settings of the live board: what everybody may do there, and where its links lead."""

from urllib.parse import urlsplit

from pydantic import BaseModel, Field, field_validator

from queuecast_edge.environment import Names
from queuecast_gateway.access.grant import OPERATOR_RIGHTS

BOARD_RIGHTS = (*OPERATOR_RIGHTS, "kill")
"""What somebody may do on the live board. No token can allow `kill`: it ends the gateway's process."""


class BoardSettings(BaseModel, frozen=True, extra="forbid"):
    """The live board."""

    board_rights: Names = Field(
        default=(),
        description="What everybody who may connect may do on the live board: `view` the operator's part, "
        "`send` events, `kill` this gateway to watch a recovery. This is meant for your own machine; "
        "elsewhere give people a token with the claim `operator`, see "
        "[Security](security.md#the-live-board)",
    )
    board_links: Names = Field(
        default=(),
        description="Links on the live board for those who may `view`, such as "
        "`Dashboards=https://grafana.example/d/queuecast`",
    )

    @field_validator("board_rights")
    @classmethod
    def _are_rights(cls, rights: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [right for right in rights if right not in BOARD_RIGHTS]:
            raise ValueError(f"expected some of {', '.join(BOARD_RIGHTS)}, got {', '.join(unknown)}")
        return rights

    @field_validator("board_links")
    @classmethod
    def _are_links(cls, links: tuple[str, ...]) -> tuple[str, ...]:
        for link in links:
            name, _, address = link.partition("=")
            if not name.strip() or urlsplit(address).scheme not in ("http", "https"):
                raise ValueError(f"{link[:80]!r}: expected a name and an address, such as Docs=https://…")
        return links

    @property
    def named_links(self) -> dict[str, str]:
        """The addresses of the links, by their names."""
        return {
            name.strip(): address for name, _, address in (link.partition("=") for link in self.board_links)
        }
