"""How the answers of pip-audit are judged: the outputs are its own, shortened."""

import json
from pathlib import Path

import pytest
from requirements import audit
from requirements.audit import CLEAN, FAILED, UNREACHABLE, VULNERABLE, Verdict, command, judge

PINS = {("redis", "8.1.0"), ("yarl", "1.25.1")}
FLAW = {"id": "PYSEC-2026-7", "fix_versions": ["8.1.1"], "aliases": ["CVE-2026-1"]}
SUMMARY = "No known vulnerabilities found"

Row = dict[str, object]
CANARY: Row = {"name": "flask", "version": "0.5", "vulns": [{**FLAW, "id": "PYSEC-2019-179"}]}
REDIS: Row = {"name": "redis", "version": "8.1.0", "vulns": []}
YARL: Row = {"name": "yarl", "version": "1.25.1", "vulns": []}


def answered(*rows: Row) -> Verdict:
    """The verdict on a report with these rows."""
    return judge(PINS, json.dumps({"dependencies": rows, "fixes": []}), SUMMARY)


def test_nothing_known_by_a_service_that_knows_what_it_should_is_clean() -> None:
    """The one answer that lets `make audit` succeed."""
    verdict = answered(CANARY, REDIS, YARL)
    assert verdict == Verdict(CLEAN, "nothing is known against the 2 packages in the images")


def test_a_vulnerability_is_named_with_the_version_that_has_it_no_more() -> None:
    """What to do about it stands on its line."""
    verdict = answered(CANARY, {**REDIS, "vulns": [FLAW]}, YARL)
    assert verdict.code == VULNERABLE
    assert "redis 8.1.0: PYSEC-2026-7 (CVE-2026-1), fixed in 8.1.1" in verdict.text
    assert "flask" not in verdict.text


def test_a_vulnerability_without_a_fix_is_one() -> None:
    """Nor does it need a second name."""
    verdict = answered(
        CANARY, {**REDIS, "vulns": [{"id": "PYSEC-2026-8", "fix_versions": [], "aliases": []}]}, YARL
    )
    assert verdict.code == VULNERABLE
    assert "PYSEC-2026-8 (no other name), fixed in no version yet" in verdict.text


@pytest.mark.parametrize(
    "rows",
    [
        (REDIS, YARL),
        ({**CANARY, "vulns": []}, REDIS, YARL),
        tuple({"name": name, "skip_reason": "not found on PyPI"} for name in ("flask", "redis", "yarl")),
    ],
    ids=["not asked about", "clean", "skipped"],
)
def test_a_service_without_advisories_is_not_taken_for_good_news(rows: tuple[Row, ...]) -> None:
    """A mirror of an index has no advisories; pip-audit then finds no vulnerability and exits with 0."""
    verdict = answered(*rows)
    assert verdict.code == UNREACHABLE
    assert verdict.text.startswith("NOT AUDITED")


@pytest.mark.parametrize(
    "error",
    [
        "Traceback …\nrequests.exceptions.ConnectionError: HTTPSConnectionPool(…): Max retries exceeded",
        "Traceback …\nrequests.exceptions.ReadTimeout: HTTPSConnectionPool(…): Read timed out.",
        "Traceback …\npip_audit._service.interface.ServiceError",
        "ERROR:pip_audit._cli:Could not connect to PyPI's vulnerability feed\nERROR:pip_audit._cli:Tip: …",
        "ERROR:pip_audit._cli:PyPI is not redirecting properly\nERROR:pip_audit._cli:Tip: …",
    ],
)
def test_a_service_that_is_not_reached_is_said_to_be(error: str) -> None:
    """pip-audit exits with 1, as for a vulnerability."""
    verdict = judge(PINS, "", error)
    assert verdict.code == UNREACHABLE
    assert verdict.text.startswith("NOT AUDITED")
    assert "\n" not in verdict.text


@pytest.mark.parametrize("output", ["", "{}", "[]", "null", "Found 1 known vulnerability"])
def test_a_tool_that_failed_is_no_service_out_of_reach(output: str) -> None:
    """Otherwise a broken audit would be passed over for ever."""
    verdict = judge(PINS, output, "/usr/bin/python: No module named pip_audit")
    assert verdict == Verdict(FAILED, "pip-audit failed: /usr/bin/python: No module named pip_audit")


@pytest.mark.parametrize(
    "row", [None, {"name": "yarl", "skip_reason": "not found"}, {**YARL, "version": "1.0"}]
)
def test_a_package_that_nobody_answered_for_is_a_failure(row: Row | None) -> None:
    """Every one of ours is accounted for, in the version that is pinned."""
    verdict = answered(CANARY, REDIS, *([row] if row else []))
    assert verdict == Verdict(FAILED, "no answer about yarl")


def test_an_ignored_advisory_is_told_to_the_tool_and_to_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is passed over is on the page of every audit."""
    monkeypatch.setattr(audit, "IGNORED", {"PYSEC-2026-7": "we never call it"})
    words = command(Path("pins.txt"), "osv")
    assert words[words.index("--ignore-vuln") + 1] == "PYSEC-2026-7"
    assert answered(CANARY, REDIS, YARL).text.endswith("; ignored: PYSEC-2026-7")


@pytest.mark.parametrize(
    ("code", "arguments", "exit_code"),
    [
        (CLEAN, [], 0),
        (VULNERABLE, [], 1),
        (VULNERABLE, ["--offline-ok"], 1),
        (FAILED, ["--offline-ok"], 2),
        (UNREACHABLE, [], 75),
        (UNREACHABLE, ["--offline-ok"], 0),
    ],
)
def test_only_being_out_of_reach_may_be_excused(
    code: int,
    arguments: list[str],
    exit_code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And it is said all the same."""
    monkeypatch.setattr(audit, "_ask", lambda pins, service: Verdict(code, f"{len(pins) > 30} {service}"))
    assert audit.main(arguments) == exit_code
    assert capsys.readouterr().out == "audit: True pypi\n"
