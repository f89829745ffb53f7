"""The commands in the documentation: each exists, with its options, targets, settings and files."""

import pytest
from tests.snippets.blocks import Block, blocks
from tests.snippets.commands import Command, commands
from tests.snippets.verdicts import faults


@pytest.mark.parametrize("block", blocks("sh"), ids=lambda block: block.at)
def test_each_command_of_the_documentation_exists(block: Block) -> None:
    """Nobody can follow one that does not."""
    assert faults(block.text) == []


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ("make nothing", "the Makefile has no target nothing"),
        ("make run COLOUR=red", "neither the Makefile nor deploy/local has a variable COLOUR"),
        ("QUEUECAST_QUEUE=a make run", "there is no setting QUEUECAST_QUEUE"),
        ("export QUEUECAST_QUEUE=a", "there is no setting QUEUECAST_QUEUE"),
        ("cd deploy/k9s", "deploy/k9s does not exist"),
        ("kubectl apply -k deploy/k8s/overlays/nowhere", "deploy/k8s/overlays/nowhere does not exist"),
        ("python -m nothing.at.all", "there is no module nothing.at.all"),
        ("aws sqs send-massage --queue-url u", "aws sqs has no command send-massage"),
        ("aws sqs send-message --queue-url u", "aws sqs send-message needs --message-body"),
        ("aws sqs purge-queue --queue-url u --force", "aws sqs purge-queue has no option --force"),
        ("aws sqss purge-queue", "aws has no service sqss"),
        (
            "docker composer up",
            "docker composer: not a command that the tests know (tests/snippets/verdicts.py)",
        ),
        ("true && frobnicate", "true: no program that the tests know (tests/snippets/verdicts.py)"),
    ],
)
def test_a_command_that_does_not_exist_is_found(command: str, fault: str) -> None:
    """The test above can fail."""
    assert faults(command)[0] == fault


def test_a_script_that_is_none_is_found() -> None:
    """Bash itself reads it."""
    assert "unexpected" in faults("echo (")[0]


def test_commands_are_read_as_a_shell_reads_them() -> None:
    """Variables before the program, quotations over several lines, loops, functions, comments."""
    script = """A=1 B='x y' make run N=2   # a comment
rules() { sed -n s/a/b/ FILE; }
for name in a b; do docker build "$name" .; done
aws x --policy '{
  "a": 1}' | cat && kill 1 & sleep 1
"""
    assert commands(script) == [
        Command({"A": "1", "B": "x y"}, ["make", "run", "N=2"]),
        Command({}, ["sed", "-n", "s/a/b/", "FILE"]),
        Command({}, ["docker", "build", "$name", "."]),
        Command({}, ["aws", "x", "--policy", '{\n  "a": 1}']),
        Command({}, ["cat"]),
        Command({}, ["kill", "1"]),
        Command({}, ["sleep", "1"]),
    ]
