"""The environment becomes settings, or a list of all its mistakes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr, field_validator

from queuecast_edge.environment import Names, SettingsError, read, variable


class Example(BaseModel, frozen=True, extra="forbid"):
    """Settings with one field of each kind."""

    token: SecretStr = SecretStr("default")
    port: int = Field(default=8000, ge=1, le=65535)
    rooms: Names = ("lobby",)
    required: str

    @field_validator("token")
    @classmethod
    def _is_a_token(cls, token: SecretStr) -> SecretStr:
        if token.get_secret_value().startswith("bad"):
            raise ValueError("expected a token")
        return token


def example(**values: str) -> Example:
    """Read an environment that has all required variables, and `values`."""
    environ = {"required": "x", **values}
    return read(Example, {variable(name): value for name, value in environ.items()})


def mistakes(environ: dict[str, str]) -> list[str]:
    """Return the mistakes that are reported."""
    with pytest.raises(SettingsError) as caught:
        read(Example, environ)
    return str(caught.value).splitlines()


def test_variables_fill_the_fields_they_are_named_after() -> None:
    """A variable's name is the field's with the prefix, in capitals."""
    assert example(port="9", rooms="a") == Example(port=9, rooms=("a",), required="x")


def test_what_is_not_set_has_its_default() -> None:
    """`make run` and a first deployment need no long list of variables."""
    assert example() == Example(required="x")


@pytest.mark.parametrize("name", ["PATH", "PORT", "queuecast_port", "XQUEUECAST_PORT", "QUEUECAS_PORT"])
def test_other_programs_variables_are_none_of_ours(name: str) -> None:
    """Kubernetes and shells put many variables into an environment."""
    assert read(Example, {name: "9", "QUEUECAST_REQUIRED": "x"}).port == 8000


def test_an_empty_variable_counts_as_unset() -> None:
    """Compose and Kubernetes cannot leave a variable out on a condition, only leave it empty."""
    assert example(**dict.fromkeys(("port", "rooms", "token"), "")) == example()
    assert mistakes({"QUEUECAST_REQUIRED": ""}) == ["QUEUECAST_REQUIRED is missing: it has no default"]


def test_all_mistakes_are_reported_at_once() -> None:
    """One restart per mistake would make a roll-out a guessing game."""
    found = mistakes({"QUEUECAST_PORT": "http", "QUEUECAST_ROMS": "a", "QUEUECAST_TOKEN": "bad"})
    assert sorted(line.split()[0].rstrip(":") for line in found) == [
        "QUEUECAST_PORT",
        "QUEUECAST_REQUIRED",
        "QUEUECAST_ROMS",
        "QUEUECAST_TOKEN",
    ]


def test_an_unknown_variable_gets_the_nearest_known_one() -> None:
    """A misspelt variable that is ignored is a default that nobody chose."""
    found = mistakes({"QUEUECAST_PROT": "9", "QUEUECAST_REQUIRED": "x"})
    assert found == ["QUEUECAST_PROT is not a setting of this service: did you mean QUEUECAST_PORT?"]


def test_a_variable_like_no_other_gets_no_hint() -> None:
    """A wild guess misleads."""
    found = mistakes({"QUEUECAST_ZZZZZZ": "9", "QUEUECAST_REQUIRED": "x"})
    assert found == ["QUEUECAST_ZZZZZZ is not a setting of this service"]


def test_a_validators_words_are_shown_without_pydantics() -> None:
    """The reader runs the service and did not write it."""
    found = mistakes({"QUEUECAST_TOKEN": "bad", "QUEUECAST_REQUIRED": "x"})
    assert found == ["QUEUECAST_TOKEN: expected a token"]


def test_a_secret_is_never_shown() -> None:
    """Mistakes and settings end up in logs, which more people can read than secrets."""
    found = mistakes({"QUEUECAST_TOKEN": "bad-hush", "QUEUECAST_PORT": "http"})
    assert "hush" not in "".join(found)
    secret = "hush"
    settings = example(token=secret)
    assert secret not in f"{settings!r} {settings} {settings.model_dump_json()}"
    assert settings.token.get_secret_value() == secret


def test_a_mistake_does_not_drag_pydantics_error_along() -> None:
    """Its text contains the input, and a traceback shows the cause."""
    with pytest.raises(SettingsError) as caught:
        read(Example, {"QUEUECAST_TOKEN": "bad-hush"})
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("text", "names"),
    [("a", ("a",)), ("a,b", ("a", "b")), (" a , b ", ("a", "b")), ("a,,b,", ("a", "b")), (" , ", ())],
)
def test_a_list_is_separated_by_commas(text: str, names: tuple[str, ...]) -> None:
    """People write spaces and a trailing comma, which mean nothing."""
    assert example(rooms=text).rooms == names


plain = st.text(st.characters(exclude_characters=",", exclude_categories=("Cs", "Z", "C")), min_size=1)


@given(st.lists(plain, min_size=1, max_size=6))
def test_any_names_come_back_from_a_list(names: list[str]) -> None:
    """Whatever the queues or rooms are called."""
    assert example(rooms=",".join(names)).rooms == tuple(names)


@given(st.dictionaries(st.from_regex(r"[A-Z_]{1,12}", fullmatch=True), st.text(max_size=8), max_size=6))
def test_any_environment_becomes_settings_or_a_line_per_mistake(values: dict[str, str]) -> None:
    """A traceback about the environment does not say what to change."""
    lines: list[str] = []
    try:
        read(Example, {f"QUEUECAST_{name}": value for name, value in values.items()})
    except SettingsError as exc:
        lines = str(exc).splitlines()
    assert all(line.startswith("QUEUECAST_") for line in lines)


def test_a_variable_is_the_field_in_capitals_with_the_prefix() -> None:
    """The documentation and the messages about ports rely on it."""
    assert variable("admin_port") == "QUEUECAST_ADMIN_PORT"
