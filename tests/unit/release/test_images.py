"""The images, as their Dockerfiles say it, without Docker."""

import re
from pathlib import Path

import pytest
from requirements.pins import EXTRAS, PYTHON, SERVICES

ROOT = Path(__file__).parents[3]


def stages(service: str) -> tuple[str, str]:
    """The two stages of a service's Dockerfile: what builds, and what runs."""
    text = (ROOT / "services" / service / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    _, build, final = text.split("FROM python:${PYTHON_TAG}")
    return build, final


@pytest.mark.parametrize("service", SERVICES)
def test_the_images_have_the_python_that_the_pins_are_read_for(service: str) -> None:
    """Licences and audit are about what is installed for that one."""
    text = (ROOT / "services" / service / "Dockerfile").read_text("utf-8")
    assert re.search(
        rf"^ARG PYTHON_TAG={re.escape(PYTHON)}-slim(@sha256:[0-9a-f]{{64}})?$", text, re.MULTILINE
    )


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_lists_what_is_in_it(service: str) -> None:
    """The list is made from what is installed, ours included, and is checked against its schema."""
    build, final = stages(service)
    (made,) = [line for line in build.splitlines() if "cyclonedx-py environment" in line]
    assert f"--output-file sbom/queuecast-{service}.cdx.json /opt/queuecast/bin/python" in " ".join(
        made.split()
    )
    assert "PYTHONPATH=$(echo /opt/packages/lib/python3*/site-packages)" in made
    assert f"--pyproject services/{service}/pyproject.toml" in made
    assert "--output-reproducible" in made
    assert "--validate" in made
    assert build.index("--prefix /opt/packages") < build.index("cyclonedx-py")
    assert "COPY --from=build /build/sbom /usr/share/sbom\n" in final


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_has_none_of_what_built_it(service: str) -> None:
    """Tools that are not there need no updates and help no intruder."""
    _, final = stages(service)
    copied = [line.split()[2:] for line in final.splitlines() if line.startswith("COPY")]
    assert copied == [
        ["/opt/queuecast", "/opt/queuecast"],
        ["/opt/packages", "/opt/queuecast"],
        ["/build/sbom", "/usr/share/sbom"],
    ]


@pytest.mark.parametrize("service", SERVICES)
def test_whatever_is_installed_from_an_index_is_pinned_with_its_hash(service: str) -> None:
    """Otherwise the same commit could make another image tomorrow."""
    build, final = stages(service)
    installs = [line for line in build.splitlines() if "pip" in line and " install " in line]
    assert len(installs) == 3
    assert all("--require-hashes" in line or "--no-index" in line for line in installs)
    assert " install " not in final


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("extra", EXTRAS)
def test_an_image_has_an_extra_only_if_it_is_asked_for(service: str, extra: str) -> None:
    """What is not used is only more to keep free of vulnerabilities."""
    build, _ = stages(service)
    assert f"ARG {extra.upper()}=0\n" in build
    assert f'if [ "${extra.upper()}" = 1 ]; then set -- "$@" -r requirements/{extra}.txt; fi' in build
    assert build.count(f"-r requirements/{extra}.txt") == 1


def test_the_two_images_are_built_alike() -> None:
    """What is mended in one is mended in the other."""
    gateway, poller = (stages(service)[0].replace(service, "SERVICE") for service in SERVICES)
    assert gateway == poller
