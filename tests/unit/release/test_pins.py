"""What is installed in an image, as its requirements file says it, on whatever machine it is read."""

import pytest
from packaging.markers import default_environment
from requirements.pins import EXTRAS, IMAGE, SERVICES, pinned, pins


def test_a_hashed_file_gives_names_and_versions() -> None:
    """Hashes stand on lines of their own, below the pin."""
    redis = "redis==8.1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"
    yarl = "yarl==1.25.1 \\\n    --hash=sha256:cc\n"
    assert pins(redis + yarl) == {"redis": "8.1.0", "yarl": "1.25.1"}


@pytest.mark.parametrize(
    "marker", ["python_full_version < '3.11.3'", "sys_platform == 'win32'", "implementation_name == 'pypy'"]
)
def test_what_the_images_python_does_not_need_is_not_in_them(marker: str) -> None:
    """A backport for an older Python is installed on a developer's machine, and in no image."""
    assert pins(f"async-timeout==5.0.1 ; {marker} \\\n    --hash=sha256:aa\n") == {}


@pytest.mark.parametrize("marker", ["python_full_version >= '3.13'", "sys_platform == 'linux'"])
def test_what_only_the_images_python_needs_is_in_them(marker: str) -> None:
    """On an older Python the page and the audit must not pass over it."""
    assert pins(f"new==1.0 ; {marker} \\\n    --hash=sha256:aa\n") == {"new": "1.0"}


def test_no_marker_is_left_to_the_machine_that_reads_it() -> None:
    """Every variable of PEP 508 has the images' value, or the answer would differ from machine to machine."""
    assert set(IMAGE) == set(default_environment())


@pytest.mark.parametrize("line", ["redis>=8", "redis", "redis==8.*", "redis==8.1,!=8.1.1"])
def test_a_line_that_pins_nothing_is_refused(line: str) -> None:
    """Nothing can be said about a version that is open."""
    with pytest.raises(ValueError, match="pins no version"):
        pins(line)


def test_a_package_has_one_version() -> None:
    """Two that hold at once cannot both be installed."""
    with pytest.raises(ValueError, match="redis is pinned twice"):
        pins("redis==8.1.0\nredis==8.0.0\n")


def test_the_services_have_pins_and_one_version_of_what_they_share() -> None:
    """The audit asks about both in one go, and pip-audit takes one version of a package."""
    gateway, poller = (pinned(service) for service in SERVICES)
    assert "starlette" in gateway
    assert "aiobotocore" in poller
    shared = gateway.keys() & poller.keys()
    assert {name: gateway[name] for name in shared} == {name: poller[name] for name in shared}


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_adds_something_to_an_image(extra: str) -> None:
    """One that every image has is none."""
    assert any(pinned(extra).keys() - pinned(service).keys() for service in SERVICES)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("extra", EXTRAS)
def test_an_image_can_be_built_with_every_extra(service: str, extra: str) -> None:
    """Two versions of a package cannot be installed at once."""
    image, more = pinned(service), pinned(extra)
    assert {name: more[name] for name in more if name in image} == {
        name: image[name] for name in more if name in image
    }
