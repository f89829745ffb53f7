"""`python docs/reference.py`: write docs/settings.md from the services' settings."""

from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from queuecast_bus import BusSettings
from queuecast_edge.environment import variable
from queuecast_edge.settings import EdgeSettings
from queuecast_gateway.settings import Settings as GatewaySettings
from queuecast_poller.settings import Settings as PollerSettings

TARGET = Path(__file__).with_name("settings.md")

INTRODUCTION = """# Settings

Both services read their settings from environment variables, once, at the start. If settings are wrong, the
service reports all mistakes together, each with its variable's name, and exits with code 2. A `QUEUECAST_`
variable that the service does not know is a mistake too. An empty variable counts as unset. Separate several
values in one variable with commas.

Region, endpoint and credentials for AWS come from the AWS SDK's own variables (`AWS_REGION`,
`AWS_ENDPOINT_URL_SQS`, `AWS_PROFILE`, web identity, …).

`make docs` generates this page from the code.
"""


def page() -> str:
    """Return docs/settings.md."""
    shared = {**BusSettings.model_fields, **EdgeSettings.model_fields}
    sections = [INTRODUCTION]
    for title, model in (("The gateway", GatewaySettings), ("The poller", PollerSettings)):
        own = {name: field for name, field in model.model_fields.items() if name not in shared}
        sections.append(_section(title, own))
    sections.append(_section("Both", shared))
    return "\n".join(sections)


def _section(title: str, fields: dict[str, FieldInfo]) -> str:
    rows = [
        f"| `{variable(name)}` | {_default(field)} | {field.description} |" for name, field in fields.items()
    ]
    return "\n".join([f"## {title}", "", "| variable | default | |", "|---|---|---|", *rows, ""])


def _default(field: FieldInfo) -> str:
    value: Any = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, tuple):
        value = ",".join(value)
    if value is PydanticUndefined:
        return "the host's name" if field.default_factory else "**required**"
    return "–" if value is None else f"`{value}`"


if __name__ == "__main__":
    TARGET.write_text(page(), "utf-8")
