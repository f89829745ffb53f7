"""What the packages in the images say of their licences, and which ones are allowed."""

from email.message import Message

import pytest
from requirements.licences import CONDITIONAL, allowed, installed, licence
from requirements.pins import EXTRAS, SERVICES, pinned

MIT = "License :: OSI Approved :: MIT License"
APACHE = "License :: OSI Approved :: Apache Software License"


def package(**fields: str | list[str]) -> Message:
    """A package's metadata: `License_Expression="MIT"`; a list is a field that stands more than once."""
    metadata = Message()
    for name, values in fields.items():
        for value in [values] if isinstance(values, str) else values:
            metadata[name.replace("_", "-")] = value
    return metadata


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        (package(License_Expression="Apache-2.0 AND MIT", Classifier=[APACHE]), "Apache-2.0 AND MIT"),
        (package(License="apache-2.0"), "Apache-2.0"),
        (package(License="Apache 2.0", Classifier=["Framework :: AsyncIO", APACHE]), "Apache-2.0"),
        (package(License="3-Clause BSD License"), "BSD-3-Clause"),
        (package(License="Dual License", Classifier=[MIT, APACHE]), "Apache-2.0, MIT"),
        (package(License="Permission is hereby granted …", Classifier=MIT), "MIT"),
        (package(Classifier="License :: Other/Proprietary License"), "License :: Other/Proprietary License"),
        (package(), "unknown"),
    ],
    ids=["expression", "field", "free text", "by its name", "two", "whole text", "unheard of", "nothing"],
)
def test_a_licence_is_what_the_metadata_say_most_exactly(metadata: Message, said: str) -> None:
    """First the SPDX expression, then the field if it is one, then the classifiers; never a guess."""
    assert licence(metadata) == said


@pytest.mark.parametrize(
    "expression", ["MIT", "(MIT OR Apache-2.0) AND BSD-3-Clause", "Apache-2.0, BSD", "MPL-2.0"]
)
def test_what_asks_for_a_notice_is_allowed(expression: str) -> None:
    """Those, and what `CONDITIONAL` gives a reason for."""
    assert allowed(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "GPL-3.0-only",
        "LGPL-3.0-or-later",
        "MIT AND GPL-2.0-only",
        "MIT OR AGPL-3.0-only",
        "GPL-2.0-only WITH Classpath-exception-2.0",
        "MIT, License :: Other/Proprietary License",
        "unknown",
    ],
)
def test_what_asks_for_more_or_says_nothing_is_not(expression: str) -> None:
    """Somebody has to look at it before it is in an image."""
    assert not allowed(expression)


@pytest.mark.parametrize("part", [*SERVICES, *EXTRAS])
def test_what_is_in_the_images_is_allowed(part: str) -> None:
    """A new package, or a new version of one, may come with another licence."""
    licences = {name: licence(installed(name, version)) for name, version in pinned(part).items()}
    assert {name: said for name, said in licences.items() if not allowed(said)} == {}


def test_an_exception_is_there_for_a_package() -> None:
    """One that no package needs any more would let the next in unseen."""
    pins = {pin for service in SERVICES for pin in pinned(service).items()}
    said = " ".join(licence(installed(name, version)) for name, version in pins)
    assert [name for name in CONDITIONAL if name not in said] == []


def test_the_licence_is_of_the_version_that_is_pinned() -> None:
    """One that was read from another version would be a claim about what nobody looked at."""
    with pytest.raises(LookupError, match=r"redis .* is installed here, 0\.1 is pinned"):
        installed("redis", "0.1")
    with pytest.raises(LookupError, match="no-such-package is in the images and not installed here"):
        installed("no-such-package", "1.0")
