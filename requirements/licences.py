"""`python -m requirements.licences`: write docs/licences.md from the metadata of what is in the images.

A package declares its licence as an SPDX expression (https://peps.python.org/pep-0639/), in the older
`License` field, which may hold anything, or by its classifiers only.
"""

import re
from email.message import Message
from importlib.metadata import PackageNotFoundError, metadata
from typing import cast

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from requirements.pins import EXTRAS, HERE, SERVICES, pinned

TARGET = HERE.parent / "docs" / "licences.md"

PERMISSIVE = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "MIT",
        "MIT-0",
        "PSF-2.0",
        "Python-2.0",
    }
)

# What asks for more than its notice, and why we can do what it asks.
CONDITIONAL = {
    "MPL-2.0": "asks that changes of its own files be published; we install such packages as they are",
}

# What packages without a classifier have in the older field.
NAMES = {"3-Clause BSD License": "BSD-3-Clause"}

CLASSIFIERS = {
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: BSD License": "BSD",  # of two or three clauses, it does not say which
    "License :: OSI Approved :: ISC License (ISCL)": "ISC",
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "License :: OSI Approved :: Python Software Foundation License": "PSF-2.0",
}

INTRODUCTION = """# Licences

What is installed in the images besides Queuecast itself (Apache-2.0), and the licence that each package
declares; under `traces` and `iam` what is there only if an image was built with it ([Traces](traces.md),
[tokens of AWS IAM](redis.md#tokens-of-aws-iam)). Where a comma stands, its classifiers
name several and do not say whether all hold or one may be chosen.

This page is made by `make docs` from the pinned requirements, as they hold in the images, and the packages'
metadata. A test fails when it is out of date, or a licence is none of these:
"""

BEYOND = """
Not listed are Python and Debian's packages, whose licences are in the image (`/usr/share/doc/*/copyright`),
the board's JavaScript, which has its own beside it, and what the packages have compiled in, such as OpenSSL
in cryptography and libuv in uvloop; those written in Rust bring a list of it, `*.dist-info/sboms/`.
"""


def page() -> str:
    """Return docs/licences.md.

    Raises `LookupError` if a package of the images is not installed here, or not in the pinned version.
    """
    columns = (*SERVICES, *EXTRAS)
    images = {column: pinned(column) for column in columns}
    rows = []
    for name, version in sorted({pin for pins in images.values() for pin in pins.items()}):
        used = " | ".join("✓" if images[column].get(name) == version else "" for column in columns)
        rows.append(f"| {name} | {version} | {licence(installed(name, version))} | {used} |")
    return (
        "\n".join(
            [
                INTRODUCTION,
                f"* {', '.join(sorted(PERMISSIVE))}",
                *(f"* {name}, which {why}" for name, why in sorted(CONDITIONAL.items())),
                "",
                f"| package | version | licence | {' | '.join(columns)} |",
                "|---|---|---|" + "---|" * len(columns),
                *rows,
                BEYOND,
            ]
        ).rstrip("\n")
        + "\n"
    )


def licence(package: Message) -> str:
    """Return what a package's metadata say of its licence, in SPDX's names; "unknown" if they say nothing."""
    for field in ("License-Expression", "License"):
        try:
            return str(canonicalize_license_expression(package.get(field, "")))
        except InvalidLicenseExpression:
            continue
    if package.get("License") in NAMES:
        return NAMES[package["License"]]
    named = [c for c in package.get_all("Classifier", []) if c.startswith("License ::")]
    return ", ".join(sorted(CLASSIFIERS.get(c, c) for c in named)) or "unknown"


def allowed(expression: str) -> bool:
    """Return whether every licence named is on our list: of a choice each one, so that somebody makes it."""
    names = re.split(r" (?:AND|OR|WITH) |, ", expression.replace("(", "").replace(")", ""))
    return all(name in PERMISSIVE or name in CONDITIONAL for name in names)


def installed(name: str, version: str) -> Message:
    """Return the metadata of a package; raises `LookupError` if that version is not installed here."""
    try:
        package = metadata(name)
    except PackageNotFoundError as exc:
        raise LookupError(f"{name} is in the images and not installed here") from exc
    if package["Version"] != version:
        raise LookupError(f"{name} {package['Version']} is installed here, {version} is pinned")
    return cast(Message, package)


if __name__ == "__main__":
    TARGET.write_text(page(), "utf-8")
