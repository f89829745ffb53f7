"""Where everything of `make run` listens, and the table that says so."""

from pathlib import Path

import pytest

from queuecast_gateway.access.api_tokens import API_RIGHTS, ApiTokens
from queuecast_local import ports as module
from queuecast_local.__main__ import table
from queuecast_local.api_tokens import FILE, api_token
from queuecast_local.ports import BadVariable, Ports, ports_from


@pytest.fixture
def in_use(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The ports that are in use; no socket is opened to find out."""
    taken: set[int] = set()
    monkeypatch.setattr(module, "is_free", lambda port: port not in taken)
    return taken


@pytest.mark.usefixtures("in_use")
def test_everything_listens_where_the_readme_says() -> None:
    """Users depend on these ports."""
    ports = ports_from({})
    assert ports == Ports(gateways=(8000, 8001), admin=9100, sqs=9324, redis=6380, balancer=8080)
    assert (ports.gateway_admins, ports.poller_admin) == ((9100, 9101), 9102)


@pytest.mark.usefixtures("in_use")
def test_every_port_can_be_changed() -> None:
    """Something else may use it already."""
    environ = {
        "GATEWAY_PORTS": "8600, 8601,8602",
        "ADMIN_PORT": "9600",
        "SQS_PORT": "9624",
        "REDIS_PORT": "1",
    }
    ports = ports_from(environ)
    assert ports == Ports(gateways=(8600, 8601, 8602), admin=9600, sqs=9624, redis=1)
    assert (ports.gateway_admins, ports.poller_admin) == ((9600, 9601, 9602), 9603)


@pytest.mark.usefixtures("in_use")
@pytest.mark.parametrize("text", ["0", "65536", "-1", "http", "80.5", "²"])
@pytest.mark.parametrize("variable", ["GATEWAY_PORTS", "ADMIN_PORT", "SQS_PORT", "REDIS_PORT"])
def test_what_is_no_port_is_refused_with_its_variable(variable: str, text: str) -> None:
    """Before anything is started."""
    with pytest.raises(BadVariable, match=variable):
        ports_from({variable: text})


@pytest.mark.usefixtures("in_use")
@pytest.mark.parametrize("variable", ["ADMIN_PORT", "SQS_PORT", "REDIS_PORT"])
def test_an_empty_variable_is_an_unset_one(variable: str) -> None:
    """As everywhere in Queuecast."""
    assert ports_from({variable: ""}) == Ports()


def test_all_ports_in_use_are_reported_at_once(in_use: set[int]) -> None:
    """With the variable that changes each."""
    in_use.update({8001, 9102, 6380})
    with pytest.raises(BadVariable) as caught:
        ports_from({})
    assert str(caught.value).splitlines() == [
        "port 8001 is in use: set GATEWAY_PORTS to another one",
        "port 9102 is in use: set ADMIN_PORT to another one",
        "port 6380 is in use: set REDIS_PORT to another one",
    ]


@pytest.mark.usefixtures("in_use")
@pytest.mark.parametrize("environ", [{"GATEWAY_PORTS": "8000,8000"}, {"REDIS_PORT": "9324"}])
def test_a_port_given_to_two_parts_is_refused(environ: dict[str, str]) -> None:
    """Both are free, so the second part would fail late, or answer for the first."""
    with pytest.raises(BadVariable):
        ports_from(environ)


@pytest.mark.usefixtures("in_use")
def test_empty_gateway_ports_are_unset_ones() -> None:
    """As for the three other variables."""
    assert ports_from({"GATEWAY_PORTS": ""}) == Ports()


@pytest.mark.usefixtures("in_use")
def test_admin_ports_that_do_not_exist_are_refused() -> None:
    """There are three of them from ADMIN_PORT on; the third would be 65537."""
    with pytest.raises(BadVariable, match="ADMIN_PORT"):
        ports_from({"ADMIN_PORT": "65535"})


@pytest.mark.usefixtures("in_use")
@pytest.mark.parametrize("variable", ["API_PORT", "QUEUECAST_API_PORT"])
def test_the_http_api_has_a_port_for_each_gateway_if_it_is_asked_for(variable: str) -> None:
    """Two gateways on one machine cannot share one."""
    assert Ports().gateway_apis == ()
    ports = ports_from({variable: "9400", "GATEWAY_PORTS": "1,2,3"})
    assert ports.gateway_apis == (9400, 9401, 9402)
    shown = table(Ports(api=9400), [4711, 4712], "redis", "the-token")
    assert "http://127.0.0.1:9400   http://127.0.0.1:9401   TOKEN=the-token" in shown
    with pytest.raises(BadVariable, match=variable):
        ports_from({variable: "x"})
    with pytest.raises(BadVariable, match="API_PORT"):
        ports_from({variable: "9100"})


def test_the_token_of_a_run_is_one_that_a_gateway_takes(tmp_path: Path) -> None:
    """It may do everything, on this machine alone, and the file ends with the run."""
    with api_token(Ports(api=9400), {}) as (token, setting):
        assert token is not None
        found = ApiTokens(setting[FILE]).find(token)
        assert found is not None
        assert found.rights == {*API_RIGHTS}
        path = Path(setting[FILE])
        assert path.stat().st_mode & 0o077 == 0
    assert not path.exists()
    with api_token(Ports(api=9400), {FILE: "own"}) as (token, setting):
        assert (token, setting) == (None, {})
    with api_token(Ports(), {}) as (token, setting):
        assert (token, setting) == (None, {})


def test_the_table_says_where_everything_is_and_which_redis_runs() -> None:
    """Addresses to click on, from the first line to the last."""
    shown = table(Ports(), [4711, 4712], "redis-server 7.2 (from PATH)")
    addresses = [f"http://127.0.0.1:{port}" for port in (8080, 8000, 8001, 9100, 9101, 9102, 9324)]
    for words in (*addresses, "redis://127.0.0.1:6380/0", "redis-server 7.2 (from PATH)", "queuecast-dlq"):
        assert words in shown
    for words in ("make send N=10", "kill -9 4711", "Ctrl-C"):
        assert words in shown
