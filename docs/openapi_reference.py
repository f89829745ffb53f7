"""`python docs/openapi_reference.py`: write docs/openapi.json, the HTTP API with its default limits."""

import json
from pathlib import Path

from queuecast_gateway.api.openapi import description
from queuecast_gateway.settings import Settings

TARGET = Path(__file__).with_name("openapi.json")


def page() -> str:
    """Return docs/openapi.json."""
    fields = Settings.model_fields
    document = description(fields["api_max_batch"].default, fields["api_max_body_bytes"].default)
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    TARGET.write_text(page(), "utf-8")
