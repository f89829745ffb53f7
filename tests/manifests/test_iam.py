"""The IAM policies: each names its actions, its single queue, and who may use it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from .kustomize import K8S, ROOT

IAM = ROOT / "deploy" / "aws" / "iam"
POLICIES = (
    "poller",
    "poller-canary",
    "poller-hold",
    "poller-payloads",
    "poller-dead-letters",
    "redis",
    "keda",
)
TRUSTS = ("trust-pod-identity", "trust-irsa")
QUEUE = "arn:aws:sqs:REPLACE-WITH-THE-REGION:REPLACE-WITH-THE-ACCOUNT:REPLACE-WITH-THE-QUEUE"
DEAD_LETTERS = QUEUE.removesuffix("QUEUE") + "DEAD-LETTER-QUEUE"
PAYLOADS = "arn:aws:s3:::REPLACE-WITH-THE-BUCKET/*"


def statements(name: str) -> list[dict[str, Any]]:
    document = json.loads((IAM / f"{name}.json").read_text("utf-8"))
    assert document.keys() == {"Version", "Statement"}
    assert document["Version"] == "2012-10-17"
    return list(document["Statement"])


def calls(module: str = "sqs/queue.py") -> Iterator[str]:
    """Return the SQS actions that a module of the poller calls."""
    source = (ROOT / "services" / "poller" / "src" / "queuecast_poller" / module).read_text("utf-8")
    for action in re.findall(r'client\.call\(\s*Call\.\w+, "(\w+)"', source):
        # A batch needs the right to the single action.
        yield f"sqs:{action.removesuffix('Batch')}"


def test_the_files_are_all_known() -> None:
    """The page about them names each one."""
    page = (IAM / "README.md").read_text("utf-8")
    assert {path.stem for path in IAM.glob("*.json")} == {*POLICIES, *TRUSTS}
    for name in (*POLICIES, *TRUSTS):
        assert f"[`{name}.json`]({name}.json)" in page


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_is_about_one_queue_and_has_no_wildcard(name: str) -> None:
    """Nothing unnecessary is allowed, and nothing on other queues."""
    for statement in statements(name):
        assert statement.keys() == {"Sid", "Effect", "Action", "Resource"}
        assert statement["Effect"] == "Allow"
        assert statement["Resource"] == QUEUE or name in ("poller-dead-letters", "poller-payloads", "redis")
        assert "*" not in json.dumps(statement) or statement["Resource"] == PAYLOADS
        assert all(re.fullmatch(r"(sqs|s3|elasticache):[A-Za-z]+", each) for each in statement["Action"])


def test_the_poller_may_do_what_it_does_and_nothing_else() -> None:
    """A missing right would show only on the cluster; an unused right is a risk."""
    allowed = {name: {action for each in statements(name) for action in each["Action"]} for name in POLICIES}
    assert allowed["poller"] | allowed["poller-canary"] == set(calls()) | {"sqs:ChangeMessageVisibility"}
    assert not allowed["poller"] & allowed["poller-canary"]
    assert allowed["poller-canary"] == {"sqs:SendMessage"}
    assert allowed["poller-hold"] == {"sqs:SendMessage", "sqs:GetQueueUrl"}
    assert allowed["keda"] == {"sqs:GetQueueAttributes"}


def test_payloads_are_read_and_nothing_else_in_the_bucket() -> None:
    """The only right is the only S3 call; a listing would reveal what else is there."""
    source = (ROOT / "services" / "poller" / "src" / "queuecast_poller" / "judge" / "payloads.py").read_text(
        "utf-8"
    )
    assert set(re.findall(r"await client\.(\w+)\(", source)) == {"get_object"}
    (statement,) = statements("poller-payloads")
    assert (statement["Action"], statement["Resource"]) == (["s3:GetObject"], PAYLOADS)


def test_a_service_connects_to_one_cache_as_one_user() -> None:
    """The role of one service must not let in the other one: their users have different rights in Redis."""
    (statement,) = statements("redis")
    assert statement["Action"] == ["elasticache:Connect"]
    kinds = [resource.split(":")[5] for resource in statement["Resource"]]
    assert kinds == ["replicationgroup", "user"]


def test_only_the_operator_may_move_dead_letters() -> None:
    """The queue itself may only be sent to; its dead-letter queue may only be read and moved."""
    allowed = {
        (each["Resource"], action) for each in statements("poller-dead-letters") for action in each["Action"]
    }
    assert {action for where, action in allowed if where == QUEUE} == {"sqs:SendMessage"}
    assert {action for where, action in allowed if where == DEAD_LETTERS} == {
        *set(calls("cli/redrive.py")) - {"sqs:SendMessage"},
        *("sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueUrl"),
    }


@pytest.mark.parametrize("name", TRUSTS)
def test_a_role_is_for_one_account_of_one_cluster(name: str) -> None:
    """Without conditions, any pod with an association or a token could assume it."""
    (statement,) = statements(name)
    conditions = statement["Condition"]
    assert conditions.keys() == {"StringEquals"}, "it must not be a pattern"
    text = json.dumps(conditions)
    assert "*" not in json.dumps(statement)
    assert "queuecast-poller" in text
    assert (K8S / "base" / "poller" / "serviceaccount.yaml").read_text("utf-8").count(
        "name: queuecast-poller"
    ) == 2
    assert '"queuecast"' in text or "system:serviceaccount:queuecast:" in text
    assert "REPLACE-WITH-THE-" in text
