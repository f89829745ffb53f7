"""Tokens of the HTTP API in a file, and the settings around it."""

from pathlib import Path

import pytest
from tests.unit.service_settings import assert_mistake, assert_refused, settings

from queuecast_gateway.access.api_tokens import MAX_TOKENS, ApiTokens

TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    path.write_text(f"# back ends\nshop publish {TOKEN}\n\r\nops  view,command\t{TOKEN[::-1]}\r\n")
    return path


def test_a_token_has_a_holder_and_rights(path: Path) -> None:
    """The log names the holder, and a back end that publishes needs to see nothing."""
    tokens = ApiTokens(str(path))
    shop, ops = tokens.find(TOKEN), tokens.find(TOKEN[::-1])
    assert shop is not None
    assert ops is not None
    assert (shop.name, shop.rights) == ("shop", {"publish"})
    assert (ops.name, ops.rights) == ("ops", {"view", "command"})


@pytest.mark.parametrize("presented", ["", TOKEN[:-1], f"{TOKEN}0", TOKEN.upper(), "é", "\udcff"])
def test_nothing_else_is_a_token(path: Path, presented: str) -> None:
    """Not a part of one either."""
    assert ApiTokens(str(path)).find(presented) is None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "has 0 tokens"),
        ("# nobody\n", "has 0 tokens"),
        (TOKEN, "1 words instead of three"),
        (f"shop {TOKEN}", "2 words instead of three"),
        (f"shop publish {TOKEN} x", "4 words"),
        (f"shop write {TOKEN}", "the rights of shop"),
        (f"shop , {TOKEN}", "the rights of shop"),
        ("shop publish short", "32 to 512 characters"),
        (f"shop publish {TOKEN}!", "32 to 512 characters"),
        (f"shop publish {TOKEN * 20}", "32 to 512 characters"),
        (f"a/b publish {TOKEN}", "the name"),
        (f"shöp publish {TOKEN}", "expected ASCII"),
        (f"a publish {TOKEN}\nb view {TOKEN}", "a token twice"),
        ("".join(f"a publish {TOKEN}{n}\n" for n in range(MAX_TOKENS + 1)), "has 101 tokens"),
    ],
)
def test_a_file_with_a_mistake_is_refused_without_showing_a_token(
    path: Path, content: str, says: str
) -> None:
    """An operator reads it in the log, and so do others."""
    path.write_text(content)
    with pytest.raises(ValueError, match=says) as caught:
        ApiTokens(str(path))
    assert TOKEN not in str(caught.value)
    assert "short" not in str(caught.value)
    assert_mistake("API_TOKEN_FILE", {"API_TOKEN_FILE": str(path)}, str(path))


def test_an_api_needs_tokens_and_a_port_of_its_own(path: Path) -> None:
    """Whoever reads metrics, or whoever connects, must not be able to publish."""
    assert settings("gateway").api_port is None
    assert_refused("gateway", "API_PORT", "0")
    assert_mistake("API_TOKEN_FILE", {"API_PORT": "9400"}, "QUEUECAST_API_PORT")
    for port in ("8000", "9000"):
        assert_mistake("API_PORT", {"API_PORT": port, "API_TOKEN_FILE": str(path)}, "ADMIN_PORT")
    assert settings("gateway", API_PORT="9400", API_TOKEN_FILE=str(path)).api_port == 9400


def test_schemas_of_the_api_are_checked_at_the_start(path: Path) -> None:
    """A schema with a mistake would otherwise refuse every event, or none."""
    path.write_text('{"price": {"type": "nonsense"}}')
    assert_mistake("API_SCHEMAS", {"API_SCHEMAS": str(path)}, str(path), "price")
    path.write_text('{"price": {"type": "object"}}')
    assert settings("gateway", API_SCHEMAS=str(path)).schemas_of_api.mistake("price", [1]) is not None
