"""`python -m requirements.images` pins the images of others by digest, in every file that names one.

A tag can be moved to another image; a digest is that of one image alone. It asks each image's registry which
one its tag names now, and writes `name:tag@sha256:…`. With `--check` it writes nothing, asks nobody, and
fails for an image without a digest: the step before a release. Our own images are pinned by whoever has a
registry for them (deploy/k8s/overlays/aws).
https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

ROOT = Path(__file__).parent.parent
OURS = "queuecast-"
ANSWER_SECONDS = 20
MAX_BYTES = 4 << 20

INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
"""What a tag may name: an image for several architectures, or for one."""

_REFERENCE = re.compile(
    r"^(?P<before>\s*(?:- )?image: (?=\S*:)|ARG PYTHON_TAG=)"
    r"(?P<name>[a-z0-9./:-]*?):?(?P<tag>[\w.-]+)(?P<digest>@sha256:[0-9a-f]{64})?$",
    re.MULTILINE,
)


class NoDigest(Exception):
    """A registry does not say which image a tag names."""


def files(root: Path = ROOT) -> list[Path]:
    """Return what is published and may name an image of somebody else's."""
    return sorted(
        [
            root / "docker-compose.yml",
            *root.glob("services/*/Dockerfile"),
            *root.glob("deploy/k8s/*/*/*.yaml"),
        ]
    )


def unpinned(text: str) -> list[str]:
    """Return the images of others that a file names without a digest."""
    return [_image(found) for found in _REFERENCE.finditer(text) if not found["digest"] and _is_other(found)]


def pinned(text: str, digest_of: Callable[[str, str], str]) -> str:
    """Return a file in which each image of others has the digest that its tag names now."""

    def with_digest(found: re.Match[str]) -> str:
        if not _is_other(found):
            return found[0]
        name, _, tag = _image(found).rpartition(":")
        return f"{found[0].removesuffix(found['digest'] or '')}@{digest_of(name, tag)}"

    return _REFERENCE.sub(with_digest, text)


def _is_other(found: re.Match[str]) -> bool:
    return not found["name"].startswith(OURS)


def _image(found: re.Match[str]) -> str:
    return f"{found['name'] or 'python'}:{found['tag']}"


def digest_of(name: str, tag: str, scheme: str = "https") -> str:
    """Return the digest of an image, by what its registry sends, not by what it says. Raises `NoDigest`."""
    host, _, path = name.partition("/")
    if "." not in host and ":" not in host:  # Docker Hub's, as Docker reads them
        host, path = "registry-1.docker.io", name if path else f"library/{name}"
    url = f"{scheme}://{host}/v2/{path}/manifests/{tag}"
    headers = {"Accept": ", ".join(INDEXES)}
    try:
        try:
            content = _get(url, headers)
        except HTTPError as exc:
            with exc:
                if exc.code != 401:
                    raise
                headers["Authorization"] = f"Bearer {_token(exc.headers.get('WWW-Authenticate', ''))}"
            content = _get(url, headers)
    except (OSError, ValueError, KeyError) as exc:
        raise NoDigest(f"{name}:{tag}: {url} does not say: {exc}") from exc
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _token(challenge: str) -> str:
    """Return the token that anybody gets for an image that anybody may read."""
    asked = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    query = urlencode({name: asked[name] for name in ("service", "scope") if name in asked})
    return str(json.loads(_get(f"{asked['realm']}?{query}", {}))["token"])


def _get(url: str, headers: dict[str, str]) -> bytes:
    request = Request(url, headers=headers)  # noqa: S310  # https, but for tests
    with urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310
        content: bytes = answer.read(MAX_BYTES + 1)
    if not 0 < len(content) <= MAX_BYTES:
        raise ValueError(f"{len(content)} bytes")
    return content


def main(arguments: Iterable[str]) -> str:
    """Pin, or check; return what is wrong."""
    if "--check" in arguments:
        found = [
            f"{path.relative_to(ROOT)}: {image}"
            for path in files()
            for image in unpinned(path.read_text("utf-8"))
        ]
        return "\n".join(["images without a digest, which `make images` writes:", *found]) if found else ""
    try:
        for path in files():
            path.write_text(pinned(path.read_text("utf-8"), digest_of), "utf-8")
    except NoDigest as exc:
        return str(exc)
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) or None)
