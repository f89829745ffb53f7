"""kubectl, as whoever may do everything."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Document = dict[str, Any]
WITHIN_SECONDS = 900
"""For what a command waits for. A busy machine is slow."""


@dataclass(frozen=True)
class Said:
    """What a command printed."""

    output: str
    warnings: str


class Kubectl:
    """A program with its configuration."""

    def __init__(self, program: Path, configuration: Path, home: Path) -> None:
        self._program = program
        # Kustomize's and the API's caches are the cluster's own.
        self._environment = {**os.environ, "KUBECONFIG": str(configuration), "HOME": str(home)}

    def run(self, *arguments: str, stdin: str | None = None, may_fail: bool = False) -> Said:
        """Run a command to its end. Raises `AssertionError` with its words."""
        done = subprocess.run(
            (str(self._program), *arguments),
            env=self._environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert may_fail or done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr.strip()}"
        return Said(done.stdout, done.stderr)

    def apply(self, text: str, namespace: str | None = None) -> str:
        """Apply objects by the server, strictly; return its warnings."""
        where = ("--namespace", namespace) if namespace else ()
        options = ("--server-side", "--force-conflicts", "--validate=strict", "--filename=-")
        return self.run("apply", *where, *options, stdin=text).warnings

    def get(self, kind: str, namespace: str, *options: str) -> list[Document]:
        """Return all objects of a kind that the options select."""
        told = self.run("get", kind, "--namespace", namespace, "--output=json", *options).output
        items: list[Document] = json.loads(told)["items"]
        return items

    def rolled_out(self, namespace: str, *deployments: str) -> None:
        """Wait until every pod of these Deployments is the newest, and available."""
        for name in deployments:
            what = ("rollout", "status", f"deployment/{name}", f"--timeout={WITHIN_SECONDS}s")
            self.run("--namespace", namespace, *what)

    def gone(self, namespace: str, *pods: str) -> None:
        """Wait until these pods do not exist any more."""
        if pods:
            names = [f"pod/{name}" for name in pods]
            self.run("--namespace", namespace, "wait", "--for=delete", f"--timeout={WITHIN_SECONDS}s", *names)
