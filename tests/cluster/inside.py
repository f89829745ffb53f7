"""What `make cluster` runs in namespaces of its own: the cluster, and one row after the other."""

import dataclasses
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.cluster import admission, course, page, versions
from tests.cluster.admission import Admitted
from tests.cluster.autoscaler import Autoscaler, prometheus_image
from tests.cluster.cluster import Cluster, Parts, resolved
from tests.cluster.course import Load, Outcome
from tests.cluster.rows import ROWS, Row
from tests.cluster.services import GATEWAY, HOST, Services


@dataclass(frozen=True)
class Plan:
    """What to run, and with what."""

    kubernetes: str
    plugins: str
    state: str
    keda: str
    """The folder of KEDA's module; empty without it."""
    crds: list[str]
    """The definitions of custom resources; without them nothing is applied but what runs."""
    rows: list[str]
    made_here: list[str]
    """The images of others that are not a registry's."""
    clients: int
    rate: int
    keeps: bool

    def written(self) -> str:
        """Return it as an argument."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def read(cls, text: str) -> Self:
        return cls(**json.loads(text))


def main() -> int:
    """Run the rows of the plan; return the exit code."""
    plan = Plan.read(sys.argv[1])
    state = Path(plan.state)
    parts = Parts(Path(plan.kubernetes), Path(plan.plugins), state / "images.tar")
    load = Load(clients=plan.clients, rate=plan.rate)
    # For what runs kubectl by its name.
    os.environ["PATH"] = f"{plan.kubernetes}:{os.environ['PATH']}"
    print("starting the cluster", flush=True)
    with Cluster(parts, state) as cluster:
        admitted = _admitted(cluster, plan)
        services = Services(cluster, state)
        print("installing Queuecast", flush=True)
        warnings = services.install()
        resolved([(HOST, services.address(GATEWAY))], state)
        autoscaler = None
        outcomes: list[Outcome | None] = []
        for row in (row for row in ROWS if row.name in plan.rows):
            if row.needs_keda and autoscaler is None:
                autoscaler = Autoscaler(services, Path(plan.keda), state)
                warnings += _installed(autoscaler)
            outcomes.append(_told(row, load, services, autoscaler))
        facts = versions.seen(services, plan.made_here, prometheus_image() if autoscaler else None)
        if plan.keeps:
            print(f"KUBECONFIG={state}/plane/admin.yaml; Enter ends the cluster", flush=True)
            sys.stdin.readline()
    if warnings:
        print(f"FAILED  applying what runs: {warnings}", flush=True)
    passed = [outcome for outcome in outcomes if outcome is not None]
    page.write(load, facts, admitted, passed)
    clean = not warnings and len(passed) == len(outcomes) and not any(each.troubles for each in passed)
    return 0 if clean and not (admitted and admitted.troubles) else 1


def _admitted(cluster: Cluster, plan: Plan) -> Admitted | None:
    """Apply every rendering, if that was asked for, and print what the API server said."""
    if not plan.crds:
        return None
    try:
        admitted = admission.apply_all(cluster.kubectl, [Path(path) for path in plan.crds])
    except AssertionError as exc:  # the rows are still of interest
        admitted = Admitted(0, 0, (str(exc),))
    print(
        f"{'FAILED' if admitted.troubles else 'passed'}  {admitted.renderings} renderings applied, "
        f"{admitted.objects} objects{''.join(f'; {trouble}' for trouble in admitted.troubles)}",
        flush=True,
    )
    return admitted


def _installed(autoscaler: Autoscaler) -> str:
    """Install KEDA; return what the API server warned of, or why it failed."""
    print("installing KEDA", flush=True)
    try:
        return autoscaler.install()
    except AssertionError as exc:
        return f"KEDA: {exc}"


def _told(row: Row, load: Load, services: Services, autoscaler: Autoscaler | None) -> Outcome | None:
    """Run a row and print its outcome in one line."""
    try:
        outcome = course.run(row, load, services, autoscaler)
    except Exception as exc:  # a cluster may fail in many ways; the other rows are still of interest
        pods = services.cluster.kubectl.run("get", "pods", "--all-namespaces", may_fail=True).output
        print(f"BROKEN  {row.name}: {type(exc).__name__}: {exc}\n{pods}", flush=True)
        return None
    account = outcome.account
    print(
        f"{'FAILED' if outcome.troubles else 'passed'}  {row.name}: sent {outcome.sent:,}, "
        f"delivered {account.deliveries:,}, told {account.told:,}, silence {outcome.silence_seconds:.1f} s, "
        f"took {outcome.lasted_seconds:.0f} s, recovered after {outcome.recovery_seconds:.1f} s"
        f"{''.join(f'; {trouble}' for trouble in outcome.troubles)}",
        flush=True,
    )
    return outcome


if __name__ == "__main__":
    sys.exit(main())
