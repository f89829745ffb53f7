"""`make release`: one command writes a version wherever one stands."""

import datetime
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from requirements.release import MANIFESTS, PROJECTS, NotReleased, release

ROOT = Path(__file__).parents[3]
TODAY = datetime.date(2027, 1, 31)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The tracked files that a release changes, in a folder of their own."""
    command = ("git", "ls-files", "CHANGELOG.md", *PROJECTS, *MANIFESTS)
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.split():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def texts(folder: Path) -> dict[str, str]:
    return {str(path): path.read_text("utf-8") for path in folder.rglob("*") if path.is_file()}


def test_the_version_is_written_wherever_one_stands(copy: Path) -> None:
    """A version that is forgotten in one place is found by nobody until an image is missing."""
    before = tomllib.loads((copy / PROJECTS[0]).read_text("utf-8"))["project"]["version"]
    release(copy, "9.1.0", TODAY)
    (copy / "CHANGELOG.md").unlink()  # it keeps the versions of before
    stands = re.compile(rf"(?<![\d.]){re.escape(before)}\b")
    assert [name for name, text in texts(copy).items() if stands.search(text)] == []
    for project in PROJECTS:
        assert 'version = "9.1.0"' in (copy / project).read_text("utf-8")
    assert "queuecast-gateway:9.1.0" in (copy / "deploy/k8s/base/gateway/deployment.yaml").read_text("utf-8")


def test_the_changelog_gets_a_date_and_room_for_what_comes(copy: Path) -> None:
    """What is unreleased becomes this version's."""
    before = (copy / "CHANGELOG.md").read_text("utf-8")
    release(copy, "9.1.0", TODAY)
    after = (copy / "CHANGELOG.md").read_text("utf-8")
    assert "## [Unreleased]\n\n## [9.1.0] - 2027-01-31\n" in after
    assert after.replace("\n## [9.1.0] - 2027-01-31\n", "") == before


@pytest.mark.parametrize("version", ["", "9.1", "v9.1.0", "9.1.0rc1", "0.0.1", "next"])
def test_what_is_no_next_version_changes_nothing(copy: Path, version: str) -> None:
    """The text says what would be right."""
    before = texts(copy)
    with pytest.raises(NotReleased, match=r"no version like 0\.2\.0 that comes after"):
        release(copy, version, TODAY)
    assert texts(copy) == before


def test_a_version_without_changes_is_none(copy: Path) -> None:
    """Released twice by mistake, for instance."""
    release(copy, "9.1.0", TODAY)
    before = texts(copy)
    with pytest.raises(NotReleased, match="nothing stands under"):
        release(copy, "9.2.0", TODAY)
    assert texts(copy) == before
