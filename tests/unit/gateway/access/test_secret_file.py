"""Secrets in a file: several at a time, read again when the file changes, and never in a message."""

import os
from pathlib import Path

import pytest
from tests.unit.fakes import FakeClock
from tests.unit.gateway.access.issuer_tokens import signed

from queuecast_gateway.access.reread_file import CHECK_SECONDS, MAX_BYTES
from queuecast_gateway.access.secret_file import MAX_SECRETS, SecretFile
from queuecast_gateway.access.tokens import BadToken, Rules, Tokens

SHARED = "a secret of the issuer and of us"  # what `signed` signs with
NEXT = "the secret that comes after that one"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(f"{SHARED}\n")
    return path


def write(path: Path, content: str | None) -> None:
    """Write the file, or remove it."""
    if content is None:
        path.unlink()
    else:
        path.write_text(content)


async def is_good(secrets: SecretFile) -> bool:
    """Say whether a token that is signed with `SHARED` is accepted."""
    try:
        await Tokens(secrets, Rules(("HS256",))).verify(signed())
    except BadToken:
        return False
    return True


async def test_a_secret_is_rotated_without_refusing_a_token(path: Path, clock: FakeClock) -> None:
    """Add the new one, have the issuer use it, remove the old one."""
    secrets = SecretFile(str(path), clock=clock)
    for content, good in (
        (SHARED, True),
        (f"{NEXT}\n{SHARED}", True),
        (f"{NEXT}\r\n\n", False),
        (SHARED, True),
    ):
        write(path, content)
        clock.pass_by(CHECK_SECONDS)
        assert await is_good(secrets) is good, content


async def test_a_mounted_secret_changes_through_a_link(tmp_path: Path, clock: FakeClock) -> None:
    """As the kubelet does: the file is a link into a folder, which is a link to a new folder each time."""
    for name, content in (("one", NEXT), ("two", SHARED)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "secret").write_text(content)
    (tmp_path / "data").symlink_to("one")
    (tmp_path / "secret").symlink_to("data/secret")
    secrets = SecretFile(str(tmp_path / "secret"), clock=clock)
    assert not await is_good(secrets)
    (tmp_path / "new").symlink_to("two")
    os.rename(tmp_path / "new", tmp_path / "data")
    assert not await is_good(secrets), "it is looked at once a second at most"
    clock.pass_by(CHECK_SECONDS)
    assert await is_good(secrets)


@pytest.mark.parametrize("content", ["", "too short", f"{SHARED}\nshort"])
async def test_an_unusable_file_leaves_the_last_secrets_in_use(
    path: Path, clock: FakeClock, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Half a file must lock out nobody. The operator reads of it once, without a secret."""
    secrets = SecretFile(str(path), clock=clock)
    write(path, content)
    for _ in range(3):
        clock.pass_by(CHECK_SECONDS)
        assert await is_good(secrets)
    (message,) = caplog.messages
    assert str(path) in message
    assert SHARED not in message
    write(path, None)
    clock.pass_by(CHECK_SECONDS)
    assert await is_good(secrets)
    assert "cannot be read" in caplog.messages[-1]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("\n", "has 0 lines"),
        ("\n".join([SHARED] * (MAX_SECRETS + 1)), f"expected 1 to {MAX_SECRETS} secrets"),
        ("x" * (MAX_BYTES + 1), "is larger than"),
        ("x" * 31, "a secret of 31 bytes"),
    ],
)
def test_an_unusable_file_is_an_error_at_start(path: Path, content: str, says: str) -> None:
    """The operator is there to see it."""
    path.write_text(content)
    with pytest.raises(ValueError, match=says) as caught:
        SecretFile(str(path))
    assert "xxx" not in str(caught.value)
