"""What `make manifests` makes of checkov's answers, with a fake checkov."""

import json
from pathlib import Path

import pytest

from . import __main__ as module
from .kustomize import RENDERS

CHECK = {"check_id": "CKV_K8S_1", "check_name": "No host PID", "resource": "Pod.a.b"}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file whose content the fake checkov prints."""
    checkov, answer = tmp_path / "checkov", tmp_path / "answer"
    checkov.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/asked\ncat {answer}\n')
    checkov.chmod(0o755)
    monkeypatch.setattr(module, "CHECKOV", checkov)
    return answer


def test_what_passed_passed(answers: Path, tmp_path: Path) -> None:
    """Skipped checks are skipped by id."""
    answers.write_text(json.dumps({"results": {"failed_checks": []}, "summary": {"passed": 7}}))
    assert module.report("a", "kubernetes", tmp_path, {"CKV_1": "as it is", "CKV_2": "so"}) == 0
    assert "--skip-check CKV_1,CKV_2" in (tmp_path / "asked").read_text()


def test_what_failed_is_named(answers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The report has the check's id, so that you can look it up."""
    answers.write_text(json.dumps({"results": {"failed_checks": [CHECK]}, "summary": {"passed": 7}}))
    assert module.report("a", "kubernetes", tmp_path, {}) == 1
    assert "CKV_K8S_1 No host PID: Pod.a.b" in capsys.readouterr().out


@pytest.mark.parametrize("answer", ["", "Traceback", "[]", '{"passed": 0}', '{"summary": {"passed": 0}}'])
def test_nothing_checked_is_a_failure(answer: str, answers: Path, tmp_path: Path) -> None:
    """A tool that crashed, or got no input, also finds nothing wrong."""
    answers.write_text(answer)
    assert module.report("a", "kubernetes", tmp_path, {}) == 1


def test_every_exception_has_a_reason() -> None:
    """The reason lets a reader judge whether it still holds."""
    assert module.CHECKED.keys() <= set(RENDERS)
    for skipped in module.CHECKED.values():
        for check, reason in skipped.items():
            assert check.startswith("CKV_")
            assert len(reason) > 40
