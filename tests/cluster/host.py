"""What a cluster changes outside of its namespaces, and puts back: the kernel's settings, control groups."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.claims import eventually
from tests.cluster import cgroups

SETTINGS = tuple(
    Path("/proc/sys") / name
    for name in (
        "vm/overcommit_memory",
        "vm/panic_on_oom",
        "kernel/panic",
        "kernel/panic_on_oops",
        "kernel/keys/root_maxkeys",
        "kernel/keys/root_maxbytes",
    )
)
"""A kubelet sets these for the whole machine."""

ISOLATED = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--")
"""Whatever starts in there ends with its first process, the shell, which also waits for orphans."""

END_SECONDS = 60.0
"""How long what ran in the namespaces may take to be gone."""

FIRST = ("sh", "-c", '"$@"; exit $?', "sh")


def isolated(command: Sequence[str]) -> tuple[str, ...]:
    """Return the command as one that runs in namespaces of its own."""
    return (*ISOLATED, *FIRST, *command)


@contextlib.contextmanager
def restored(groups: Sequence[str]) -> Iterator[None]:
    """Make these control groups; afterwards remove them, and put the kernel's settings back."""
    before = {path: path.read_text("ascii") for path in SETTINGS if path.exists()}
    for group in groups:
        cgroups.make(group)
    try:
        yield
    finally:
        for path, value in before.items():
            if path.read_text("ascii") != value:
                path.write_text(value, "ascii")
        eventually(lambda: not cgroups.remove_all(), END_SECONDS)
