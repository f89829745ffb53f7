"""The dashboards as Grafana gets them: complete, well laid out, with the alerts' thresholds."""

import itertools
import json
import re
from typing import Any

import pytest
import yaml
from deploy.observability.grafana.__main__ import DASHBOARDS

from .dashboards import (
    FILES,
    NAMES,
    OBSERVABILITY,
    ROOT,
    Json,
    annotations,
    dashboard,
    everything,
    objectives,
    panels,
    parsed,
    queries,
    variables,
)

ANY = 0.5
"""The only threshold that no alert has: more than none."""


def test_there_are_five() -> None:
    """There is one for each question, and an overview to begin with."""
    assert NAMES == ("bus", "capacity", "gateway", "overview", "poller")


def test_the_files_are_those_that_the_source_makes() -> None:
    """The next `make docs` would overwrite an edited file."""
    assert {path.stem: path.read_text("utf-8") for path in FILES} == {
        made.name: made.text() for made in DASHBOARDS
    }


def test_a_dashboard_has_an_id_of_its_own_that_never_changes() -> None:
    """Alerts and bookmarks point to the uid; Grafana assigns the number."""
    uids = [content["uid"] for content in everything().values()]
    assert len(set(uids)) == len(uids)
    assert {f"/d/{uid}" for uid in uids} == set(dashboard_links())
    for content in everything().values():
        assert len(content["uid"]) <= 40
        assert content["id"] is None
        assert "version" not in content


def dashboard_links() -> list[str]:
    """Return the paths that the alerts link to."""
    alerts = yaml.safe_load((OBSERVABILITY / "alerts.yml").read_text("utf-8"))
    return list(alerts["dashboards"].values())


@pytest.mark.parametrize("name", NAMES)
def test_a_dashboard_is_what_grafana_imports(name: str) -> None:
    """It is classic JSON, with a schema that every supported Grafana reads."""
    content = dashboard(name)
    assert 39 <= content["schemaVersion"] <= 42
    assert content["tags"] == ["queuecast"]
    assert content["description"]
    assert content["title"].startswith("Queuecast / ")
    numbers = [panel["id"] for panel in content["panels"]]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("name", NAMES)
def test_no_panels_overlap(name: str) -> None:
    """All panels lie in 24 columns, from the top, without an empty line."""
    places = [panel["gridPos"] for panel in dashboard(name)["panels"]]
    cells = [
        {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        for place in places
    ]
    for one, other in itertools.combinations(cells, 2):
        assert not one & other
    taken = set().union(*cells)
    assert {x for x, _ in taken} == set(range(24))
    assert {y for _, y in taken} == set(range(max(y for _, y in taken) + 1))


@pytest.mark.parametrize("name", NAMES)
def test_panels_of_one_line_fill_it(name: str) -> None:
    """A line looks broken if it ends early or its panels have different heights."""
    lines: dict[int, list[Json]] = {}
    for panel in dashboard(name)["panels"]:
        lines.setdefault(panel["gridPos"]["y"], []).append(panel["gridPos"])
    for line in lines.values():
        assert sum(place["w"] for place in line) == 24
        assert len({place["h"] for place in line}) == 1


def test_the_overview_is_short() -> None:
    """It has to show the state at a glance and lead on to the details."""
    content = dashboard("overview")
    assert max(place["y"] + place["h"] for place in (p["gridPos"] for p in panels(content))) <= 41
    assert [panel["type"] for panel in panels(content)[:6]] == ["stat"] * 6


@pytest.mark.parametrize("name", NAMES)
def test_panels_are_told_apart(name: str) -> None:
    """People and lint exceptions refer to panels by title and to queries by legend."""
    content = dashboard(name)
    for panel in panels(content):
        legends = [target["legendFormat"] for target in panel["targets"]]
        assert all(legends)
        assert len(set(legends)) == len(legends)
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters)
    rows = itertools.groupby(content["panels"], key=lambda panel: panel["type"] == "row")
    for is_row, group in rows:
        titles = [panel["title"] for panel in group]
        assert is_row or len(set(titles)) == len(titles)


@pytest.mark.parametrize("name", NAMES)
def test_a_scale_begins_at_nothing(name: str) -> None:
    """A scale that does not start at 0 makes noise look like an outage."""
    assert {panel["fieldConfig"]["defaults"].get("min") for panel in panels(dashboard(name))} == {0}


def thresholds(content: Json) -> dict[str, float]:
    """Return the values at which panels turn red, or stop being red, by title."""
    return {
        panel["title"]: step["value"]
        for panel in panels(content)
        for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        if step["value"] is not None
    }


@pytest.mark.parametrize("name", NAMES)
def test_red_is_what_the_alerts_call_too_much(name: str) -> None:
    """Nobody trusts a panel that is red while no alert fires, or the other way round."""
    given = objectives()
    for panel in panels(dashboard(name)):
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        if len(steps) == 1:
            assert steps[0]["color"] == "green"
            continue
        note = panel["description"].split(" Red: ")[-1]
        if found := re.search(r"`(\w+)`", note):
            assert steps[1]["value"] == given["thresholds"][found[1]]["value"]
        elif "promised" in note:
            assert steps[1]["value"] in {each["objective"] for each in given["objectives"].values()}
        elif "pages" in note:
            assert steps[1]["value"] == max(
                burn["factor"] for burn in given["burn_rates"] if burn["severity"] == "page"
            )
        else:
            assert (note, steps[1]["value"]) == ("any.", ANY)


def test_every_threshold_of_an_alert_is_on_a_dashboard() -> None:
    """Whoever is paged wants to see the cause. Two thresholds are exceptions, see below."""
    shown = {
        name
        for content in everything().values()
        for panel in panels(content)
        for name in re.findall(r"Red: .*\(`(\w+)`\)", panel["description"])
    }
    # The first is a guard, not a limit. Only Kubernetes reports restarts; elsewhere a panel would be empty.
    assert set(objectives()["thresholds"]) - shown == {"events_for_a_rate", "restarts"}


@pytest.mark.parametrize("name", NAMES)
def test_all_variables_go_along_to_the_other_dashboards(name: str) -> None:
    """You get from the overview to the cause without choosing time range and instance again."""
    content = dashboard(name)
    assert list(variables(content)) == ["datasource", "namespace", "job", "instance", "queue"]
    (link,) = content["links"]
    assert (link["type"], link["tags"]) == ("dashboards", ["queuecast"])
    assert link["keepTime"]
    assert link["includeVars"]


@pytest.mark.parametrize("name", NAMES)
def test_a_variable_is_shown_where_a_query_heeds_it(name: str) -> None:
    """A variable that changes nothing is confusing."""
    content = dashboard(name)
    for variable in variables(content).values():
        heeded = variable["name"] == "datasource" or any(
            f"${variable['name']}" in query.expression for query in queries(content)
        )
        assert variable["hide"] == (0 if heeded else 2), variable["name"]


@pytest.mark.parametrize("name", NAMES)
def test_without_namespaces_all_of_them_is_still_everything(name: str) -> None:
    """Outside Kubernetes, Prometheus has no such label, so queries must not require it."""
    allowed = {each["name"]: each["allValue"] for each in list(variables(dashboard(name)).values())[1:]}
    assert allowed == {"namespace": ".*", "job": ".+", "instance": ".+", "queue": ".+"}


@pytest.mark.parametrize("name", NAMES)
def test_deploys_drains_and_alerts_are_marked(name: str) -> None:
    """Most changes on a dashboard have a human cause."""
    marks = annotations(dashboard(name))
    assert list(marks) == ["New gateway", "New poller", "Drains", "Alerts"]
    for expression in marks.values():
        parsed(expression)


def configmaps() -> list[dict[str, Any]]:
    """Return the descriptions of the ConfigMaps that Kustomize generates."""
    described = yaml.safe_load((OBSERVABILITY / "dashboards" / "kustomization.yaml").read_text("utf-8"))
    assert described["generatorOptions"] == {"disableNameSuffixHash": True}
    made: list[dict[str, Any]] = described["configMapGenerator"]
    return made


def test_every_dashboard_is_a_configmap_that_the_sidecar_finds() -> None:
    """It finds them by label. The name is fixed, or each change would leave two owners of a uid."""
    assert {each["files"][0] for each in configmaps()} == {f"{name}.json" for name in NAMES}
    for each in configmaps():
        (file,) = each["files"]
        assert each["options"]["labels"]["grafana_dashboard"] == "1"
        # Kubernetes accepts a ConfigMap of 1 MiB at most, its metadata included.
        assert (OBSERVABILITY / "dashboards" / file).stat().st_size < 900_000


def test_grafana_under_compose_has_the_same_files() -> None:
    """There is one source for every way to run it."""
    grafana = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]["grafana"]
    mounts = dict(volume.split(":")[:2] for volume in grafana["volumes"])
    provisioning = ROOT / mounts_of(mounts, "/etc/grafana/provisioning/dashboards") / "queuecast.yml"
    (provider,) = yaml.safe_load(provisioning.read_text("utf-8"))["providers"]
    assert provider["allowUiUpdates"] is False
    assert ROOT / mounts_of(mounts, provider["options"]["path"]) == OBSERVABILITY / "dashboards"
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{provider['options']['path']}/overview.json"


def mounts_of(mounts: dict[str, str], inside: str) -> str:
    """Return the repository's path that is mounted at a path in the container."""
    (found,) = [outside for outside, path in mounts.items() if path == inside]
    return found


def test_the_files_are_plain_json() -> None:
    """Characters are not escaped, a newline is at the end, and nothing is Python-only."""
    for path in FILES:
        text = path.read_text("utf-8")
        assert text == json.dumps(json.loads(text), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
