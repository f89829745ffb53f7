"""What is wrong with a command of the documentation: its program, options, targets, settings or files."""

import functools
import importlib.util
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator

from botocore import xform_name
from botocore.exceptions import UnknownServiceError
from botocore.session import Session
from tests.snippets.blocks import ROOT
from tests.snippets.commands import Command, commands

from queuecast_edge.environment import variable
from queuecast_gateway.settings import Settings as GatewaySettings
from queuecast_poller.settings import Settings as PollerSettings

SETTINGS = {variable(name) for name in (*GatewaySettings.model_fields, *PollerSettings.model_fields)}
OURS = (
    "bench/",
    "clients/",
    "deploy/",
    "docs/",
    "examples/",
    "findings/",
    "requirements/",
    "services/",
    "tests/",
)
PLAIN = {
    "cd",
    "curl",
    "git",
    "kind",
    "npm",
    "npx",
    "open",
    "printf",
    "sed",
    "sha256sum",
    "sleep",
    "docker",
    "$EDITOR",
}
"""Programs whose arguments are not looked at, but for files of ours."""

DOCKER = {"build", "compose", "run"}
RENAMED = {"sns subscribe": {"endpoint": "notification-endpoint"}}
"""Options that `aws` gives another name than the SDK, because they clash with its own."""

SERVICES = {"s3api": "s3"}
"""Names of services in `aws` that are not those of the SDK."""


def faults(text: str) -> list[str]:
    """Return what is wrong with a script, a line for each fault."""
    checked = subprocess.run(("bash", "-n"), input=text, capture_output=True, text=True)
    if checked.returncode:
        return [checked.stderr]
    return [fault for command in commands(text) for fault in _faults(command)]


def _faults(command: Command) -> Iterator[str]:
    for name in command.variables:
        if name.startswith("QUEUECAST_") and name not in SETTINGS:
            yield f"there is no setting {name}"
    yield from _absent(command.words)
    if not command.words:
        return
    judge = JUDGES.get(command.program)
    if judge:
        yield from judge(command.words)
    elif command.program not in PLAIN and not (ROOT / command.words[0]).is_file():
        yield f"{command.words[0]}: no program that the tests know (tests/snippets/verdicts.py)"


def _absent(words: list[str]) -> Iterator[str]:
    """Return files of the repository that do not exist. Upper case and patterns stand for something else."""
    for word in words:
        path = word.removeprefix("./")
        if path.startswith(OURS) and not re.search(r"[*$A-Z]", path.replace("README", "")):
            where = path.partition("::")[0]
            if not (ROOT / where).exists():
                yield f"{path} does not exist"


def _make(words: list[str]) -> Iterator[str]:
    makefile, ours = _sources()
    for word in words[1:]:
        name, is_variable, _ = word.partition("=")
        if is_variable:
            if f"$({name})" not in makefile and f'"{name}"' not in ours:
                yield f"neither the Makefile nor deploy/local has a variable {name}"
        elif not re.search(rf"^{re.escape(name)}:", makefile, re.MULTILINE):
            yield f"the Makefile has no target {name}"


@functools.cache
def _sources() -> tuple[str, str]:
    local = ROOT / "deploy" / "local" / "queuecast_local"
    ours = "".join(path.read_text("utf-8") for path in sorted(local.glob("*.py")))
    return (ROOT / "Makefile").read_text("utf-8"), ours


def _python(words: list[str]) -> Iterator[str]:
    if words[1:2] == ["-c"]:
        compile(words[2], "-c", "exec")
    elif words[1:2] == ["-m"]:
        folder = ROOT / words[2].replace(".", "/")
        known = importlib.util.find_spec(words[2].partition(".")[0])
        if not (folder.exists() or folder.with_suffix(".py").exists() or known):
            yield f"there is no module {words[2]}"
    elif not (ROOT / words[1]).is_file():
        yield f"{words[1]} does not exist"


def _aws(words: list[str]) -> Iterator[str]:
    rest = words[1:]
    while rest and rest[0].startswith("--"):
        rest = rest[2:]  # options before the service, all of which have a value
    service, action, options = rest[0], rest[1], rest[2:]
    try:
        model = _sdk().get_service_model(SERVICES.get(service, service))
    except UnknownServiceError:
        yield f"aws has no service {service}"
        return
    names = {xform_name(name, "-"): name for name in model.operation_names}
    if action not in names:
        yield f"aws {service} has no command {action}"
        return
    shape = model.operation_model(names[action]).input_shape
    renamed = RENAMED.get(f"{service} {action}", {})
    dashed = {name: xform_name(name, "-") for name in (shape.members if shape else ())}
    members = {renamed.get(option, option): name for name, option in dashed.items()}
    given = {word[2:].partition("=")[0] for word in options if word.startswith("--")} - {
        "output",
        "query",
        "region",
    }
    for name in given - members.keys():
        if not (name.startswith("no-") and name[3:] in members):
            yield f"aws {service} {action} has no option --{name}"
    for name, member in members.items():
        if member in (shape.required_members if shape else ()) and name not in given:
            yield f"aws {service} {action} needs --{name}"


@functools.cache
def _sdk() -> Session:
    return Session()


def _kubectl(words: list[str]) -> Iterator[str]:
    if shutil.which("kubectl") is None:
        return
    words = words[: words.index("--")] if "--" in words else words
    plain, options = [], []
    rest = iter(words[1:])
    for word in rest:
        if word in ("-n", "--namespace"):
            next(rest)
        elif word.startswith("--"):
            options.append(word.partition("=")[0])
        elif not word.startswith("-"):
            plain.append(word)
    depth = 3 if plain[:2] == ["create", "secret"] else 2 if plain[:1] in (["rollout"], ["create"]) else 1
    page = _kubectl_help(*plain[:depth])
    if page is None:
        yield f"there is no kubectl {' '.join(plain[:depth])}"
        return
    for option in options:
        if f"{option}=" not in page and f"{option} " not in page and option != "--namespace":
            yield f"kubectl {' '.join(plain[:depth])} has no option {option}"


@functools.cache
def _kubectl_help(*command: str) -> str | None:
    asked = subprocess.run(("kubectl", *command, "--help"), capture_output=True, text=True, timeout=60)
    return asked.stdout if asked.returncode == 0 and asked.stdout else None


def _docker(words: list[str]) -> Iterator[str]:
    if words[1] not in DOCKER:
        yield f"docker {words[1]}: not a command that the tests know (tests/snippets/verdicts.py)"


def _bash(words: list[str]) -> Iterator[str]:
    if not (ROOT / words[1]).is_file():
        yield f"{words[1]} does not exist"


JUDGES: dict[str, Callable[[list[str]], Iterator[str]]] = {
    "aws": _aws,
    "bash": _bash,
    "docker": _docker,
    "kubectl": _kubectl,
    "make": _make,
    "pytest": lambda words: _absent(words[1:]),
    "python": _python,
    "python3": _python,
}
