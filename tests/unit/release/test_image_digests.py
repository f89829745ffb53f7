"""Images of others by digest, wherever one is named; without a registry."""

import re

import pytest
from requirements import images

DIGEST = "sha256:" + "0" * 64
NEWER = "sha256:" + "1" * 64


def test_every_file_that_names_an_image_is_looked_at() -> None:
    """One that is left out would be published with a tag that somebody can move."""
    texts = (re.sub("@sha256:[0-9a-f]{64}", "", path.read_text("utf-8")) for path in images.files())
    named = {image.rpartition(":")[0] for text in texts for image in images.unpinned(text)}
    services = {"redis", "nginx", "prom/prometheus", "grafana/grafana", "softwaremill/elasticmq-native"}
    assert named == {"python", *services}


@pytest.mark.parametrize(
    ("line", "image"),
    [
        ("    image: redis:8.8.2", "redis:8.8.2"),
        ("          image: softwaremill/elasticmq-native:1.7.1", "softwaremill/elasticmq-native:1.7.1"),
        ("      - image: registry.example:5000/a/b:v1", "registry.example:5000/a/b:v1"),
        ("ARG PYTHON_TAG=3.13-slim", "python:3.13-slim"),
    ],
)
def test_an_image_gets_the_digest_that_its_tag_names(line: str, image: str) -> None:
    """And another one when that has moved; its tag stays, for whoever reads it."""
    asked: list[str] = []

    def digest_of(name: str, tag: str) -> str:
        asked.append(f"{name}:{tag}")
        return DIGEST if len(asked) == 1 else NEWER

    text = f"before\n{line}\nafter\n"
    assert images.unpinned(text) == [image]
    once = images.pinned(text, digest_of)
    assert once == f"before\n{line}@{DIGEST}\nafter\n"
    assert images.unpinned(once) == []
    assert images.pinned(once, digest_of) == f"before\n{line}@{NEWER}\nafter\n"
    assert asked == [image, image]


def test_our_own_images_are_left_to_who_has_a_registry() -> None:
    """There is none of ours, so there is no digest."""
    text = "          image: queuecast-gateway:0.1.0\n"
    assert images.unpinned(text) == []
    assert images.pinned(text, lambda name, tag: DIGEST) == text


def test_a_release_without_digests_is_refused() -> None:
    """With the file and the image, and what mends it; nobody is asked."""
    said = images.main(["--check"])
    missing = [image for path in images.files() for image in images.unpinned(path.read_text("utf-8"))]
    assert all(image in said for image in missing)
    assert bool(said) == bool(missing)
