"""The password for Redis in a file, which is read again for each connection: it may change at any time."""

from pathlib import Path

from redis.credentials import CredentialProvider
from redis.exceptions import ConnectionError as ConnectionLost

MAX_BYTES = 64 << 10


class PasswordFile(CredentialProvider):
    """Gives each new connection the password that is in the file then, for this user or the default one."""

    def __init__(self, path: str, user: str | None = None) -> None:
        self._path = path
        self._user = user

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        """Return the user and the password. Raises redis-py's `ConnectionError` if there is none."""
        try:
            password = read_password(self._path)
        except ValueError as exc:
            raise ConnectionLost(str(exc)) from exc
        return (self._user, password) if self._user else (password,)

    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        return self.get_credentials()


def read_password(path: str) -> str:
    """Return the only line of the file. Raises `ValueError`, whose text never has any of it."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        password = content.decode().removesuffix("\n").removesuffix("\r")
    except OSError as exc:
        raise ValueError(f"{path} cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8") from None
    if not password or "\n" in password or len(content) > MAX_BYTES:
        raise ValueError(f"{path} must have one line, the password for Redis")
    return password
