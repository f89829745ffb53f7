"""The overlay for AWS, once it is filled in."""

import json

from .kustomize import SITE, containers, environment, find, needs_kubectl, rendered
from .services import SERVICES, container_of, settings


@needs_kubectl
def test_on_aws_everything_is_where_the_site_says() -> None:
    """Each value ends up in its place."""
    documents = rendered("overlays/aws, filled in")
    poller = environment(documents, container_of(documents, "poller"))
    assert poller["AWS_REGION"] == SITE["REPLACE-WITH-THE-REGION"]
    assert poller["QUEUECAST_QUEUES"] == SITE["REPLACE-WITH-THE-ARN-OF-THE-QUEUE"]
    for service in SERVICES:
        url = settings(documents, service).redis_url.get_secret_value()
        assert url == f"rediss://{service}:s3cret@{SITE['REPLACE-WITH-THE-HOST-OF-REDIS']}:6379/0"
    (ingress,) = find(documents, "Ingress")
    assert ingress["spec"]["rules"][0]["host"] == SITE["REPLACE-WITH-THE-HOST-NAME"]
    certificate = ingress["metadata"]["annotations"]["alb.ingress.kubernetes.io/certificate-arn"]
    assert certificate == SITE["REPLACE-WITH-THE-ARN-OF-THE-CERTIFICATE"]
    network = SITE["REPLACE-WITH-THE-CIDR-OF-THE-VPC"]
    balancer = SITE["REPLACE-WITH-THE-CIDR-OF-THE-LOAD-BALANCER"]
    gateway = settings(documents, "gateway")
    assert gateway.trusted_proxies == (balancer,)
    assert gateway.hosts == (SITE["REPLACE-WITH-THE-HOST-NAME"],)
    blocks = [
        peer["ipBlock"]["cidr"]
        for each in find(documents, "NetworkPolicy")
        for direction, whom in (("ingress", "from"), ("egress", "to"))
        for rule in each["spec"].get(direction, [])
        for peer in rule[whom]
        if "ipBlock" in peer
    ]
    assert (blocks.count(network), blocks.count(balancer)) == (2, 1)
    assert not [block for block in blocks if block.startswith("10.") and block not in (network, balancer)]


@needs_kubectl
def test_on_aws_nobody_comes_in_without_a_token() -> None:
    """The images are pinned by digest, too."""
    documents = rendered("overlays/aws, filled in")
    made = settings(documents, "gateway")
    assert made.auth == "jwt"
    assert made.auth_issuer == f"https://{SITE['REPLACE-WITH-THE-ISSUER']}"
    assert made.auth_jwks_url == f"{made.auth_issuer}/.well-known/jwks.json"
    assert made.auth_audience == (SITE["REPLACE-WITH-THE-AUDIENCE"],)
    assert all("@sha256:" in container["image"] for _, container in containers(documents))
    text = json.dumps(documents)
    assert "pod-readiness-gate-inject" in text
    assert '"DoNotSchedule"' in text
