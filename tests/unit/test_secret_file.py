"""Secrets in a file: read again when it changes, several at a time, and never in a message."""

import os
from pathlib import Path

import pytest
from tests.unit.fakes import FakeClock
from tests.unit.test_tokens import signed

from queuecast_gateway.access import secret_file as module
from queuecast_gateway.access.secret_file import LOOK_SECONDS, MAX_SECRETS, SecretFile
from queuecast_gateway.access.tokens import BadToken, Rules, Tokens

OURS = "a secret of the issuer and of us"  # what `signed` signs with
NEXT = "the secret that comes after that one"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(f"{OURS}\n")
    return path


def write(path: Path, content: str | None) -> None:
    """Have this in the file, or no file."""
    if content is None:
        path.unlink()
    else:
        path.write_text(content)


async def is_good(secrets: SecretFile) -> bool:
    """Say whether a token that is signed with `OURS` is taken."""
    try:
        await Tokens(secrets, Rules(("HS256",))).verify(signed())
    except BadToken:
        return False
    return True


async def test_a_secret_is_changed_without_a_moment_in_which_a_token_is_refused(
    path: Path, clock: FakeClock
) -> None:
    """The next one is added, the issuer changes to it, the last one is taken out."""
    secrets = SecretFile(str(path), clock=clock)
    for content, good in ((OURS, True), (f"{NEXT}\n{OURS}", True), (f"{NEXT}\r\n\n", False), (OURS, True)):
        write(path, content)
        clock.pass_by(LOOK_SECONDS)
        assert await is_good(secrets) is good, content


async def test_a_mounted_secret_changes_by_a_link(tmp_path: Path, clock: FakeClock) -> None:
    """As the kubelet does it: the file is a link into a folder that is a link to another each time."""
    for name, content in (("one", NEXT), ("two", OURS)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "secret").write_text(content)
    (tmp_path / "data").symlink_to("one")
    (tmp_path / "secret").symlink_to("data/secret")
    secrets = SecretFile(str(tmp_path / "secret"), clock=clock)
    assert not await is_good(secrets)
    (tmp_path / "new").symlink_to("two")
    os.rename(tmp_path / "new", tmp_path / "data")
    assert not await is_good(secrets), "it is looked at once a second at most"
    clock.pass_by(LOOK_SECONDS)
    assert await is_good(secrets)


@pytest.mark.parametrize("content", ["", "too short", f"{OURS}\nshort"])
async def test_what_cannot_be_used_leaves_the_secrets_as_they_were(
    path: Path, clock: FakeClock, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Half a file must lock out nobody; whoever runs this reads of it once, without a secret."""
    secrets = SecretFile(str(path), clock=clock)
    write(path, content)
    for _ in range(3):
        clock.pass_by(LOOK_SECONDS)
        assert await is_good(secrets)
    (message,) = caplog.messages
    assert str(path) in message
    assert OURS not in message
    write(path, None)
    clock.pass_by(LOOK_SECONDS)
    assert await is_good(secrets)
    assert "cannot be read" in caplog.messages[-1]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("\n", "has 0 lines"),
        ("\n".join([OURS] * (MAX_SECRETS + 1)), f"expected 1 to {MAX_SECRETS} secrets"),
        ("x" * (module.MAX_BYTES + 1), "expected 1 to"),
        ("x" * 31, "a secret of 31 bytes"),
    ],
)
def test_a_file_that_is_of_no_use_is_a_mistake(path: Path, content: str, says: str) -> None:
    """At the start, where somebody sees it."""
    path.write_text(content)
    with pytest.raises(ValueError, match=says) as caught:
        SecretFile(str(path))
    assert "xxx" not in str(caught.value)
