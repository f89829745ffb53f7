"""Which URLs keys are fetched from, and where a redirect may lead."""

import itertools

import pytest
from tests.issuer import ASYMMETRIC
from yarl import URL

from queuecast_gateway.access.download import check_url, redirected
from queuecast_gateway.access.jwks import Jwks

SAFE = [
    "https://issuer.example/keys?tenant=7",
    "https://issuer.example:8443",
    "https://127.0.0.1/",
    "http://127.0.0.1:8080/keys",
    "http://127.9.9.9/",
    "http://[::1]:8080/",
    "http://localhost/keys",
]
UNSAFE = [
    "",
    "/keys",
    "https://",
    "https:///keys",
    "issuer.example/keys",
    "ftp://issuer.example/keys",
    "file:///etc/keys",
    "http://issuer.example/keys",
    "http://10.0.0.1/",
    "http://localhost.example/",
    "http://[::2]/",
    "http://127.0.0.1.example/",
    "http://127.0.0.1@issuer.example/",
    "https://ann:secret@issuer.example/",
    "https://issuer.example:port/",
]


@pytest.mark.parametrize("url", SAFE)
def test_keys_are_fetched_by_https_or_from_the_host_itself(url: str) -> None:
    """A sidecar may serve them."""
    check_url(url)
    Jwks(url, ASYMMETRIC)


@pytest.mark.parametrize("url", UNSAFE)
def test_keys_are_fetched_from_nowhere_else(url: str) -> None:
    """An attacker who can change the keys on their way can sign tokens."""
    with pytest.raises(ValueError, match=r"expected|[Pp]ort") as caught:
        Jwks(url, ASYMMETRIC)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("origin", "target"), list(itertools.product(SAFE, SAFE)))
def test_a_redirect_never_leaves_https(origin: str, target: str) -> None:
    """Neither to the network nor to a service on this host, which is none of the issuer's business."""
    if origin.startswith("https:") and target.startswith("http:"):
        with pytest.raises(ValueError, match="leaves https"):
            redirected(URL(origin), target)
    else:
        assert redirected(URL(origin), target) == URL(target)


@pytest.mark.parametrize(
    "target", ["http://issuer.example/", "ftp://127.0.0.1/", "https://ann:secret@b.example/"]
)
def test_a_redirect_must_obey_the_same_rules(target: str) -> None:
    """The rules for the URL hold for every step."""
    for origin in SAFE:
        with pytest.raises(ValueError, match="expected"):
            redirected(URL(origin), target)


def test_a_redirect_may_be_relative() -> None:
    """Most are."""
    assert redirected(URL("https://issuer.example/a/keys"), "../b") == URL("https://issuer.example/b")
