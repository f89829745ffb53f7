"""The tables of an attack, in docs/guarantees.md: what the honest saw, and what became of the others."""

from collections.abc import Sequence

from tests.faults.attack import ADDRESSES, Fate
from tests.faults.report import line, shown
from tests.faults.siege import FLOOR_MS, Ordeal, Phase

BEGIN, END = "<!-- made by `make faults`: the attack -->", "<!-- end of the attack -->"
PHASES = (
    "",
    "deliveries",
    "lost",
    "silently",
    "duplicated",
    "unexpected",
    "out of order",
    "p50",
    "p99",
    "slowest",
    "CPU of a gateway",
    "its wait for a core",
    "its memory at the peak",
    "lines of its log",
)
FATES = ("attackers", "tries", "so it ended for them", "counted", "seen on")


def tables(ordeals: Sequence[Ordeal]) -> str:
    """Return the part of the page that is made. Of several runs each has its lines."""
    last = ordeals[-1]
    siege = last.siege
    tries = sum(fate.tries for fate in last.fates)
    grown = ", ".join(f"{ordeal.times_later:.1f}" for ordeal in ordeals)
    lines = [
        BEGIN,
        f"{siege.clients} stock JavaScript clients with good tokens on two gateways, {siege.rate} messages a "
        f"second; {siege.before_seconds:.0f} s without an attack, {siege.seconds:.0f} s with one of "
        f"{siege.attackers:,} connections, {siege.after_seconds:.0f} s after it. p99 grew {grown} times "
        f"(2 is a pass; what is below {FLOOR_MS} ms counts as that). Of two gateways the worse is shown; "
        f"Redis grew by {max(ordeal.redis_kib for ordeal in ordeals) / 1024:.1f} MiB at most.",
        "",
        line(PHASES),
        line(["---", *["--:"] * (len(PHASES) - 1)]),
        *(phase_row(phase) for ordeal in ordeals for phase in ordeal.phases),
        "",
        f"The last of these attacks: {tries:,} tries, {tries / siege.seconds:.0f} a second, with "
        f"{last.attackers_cpu:.0%} of a core; {last.tries_refused:,} were refused for too many bad tokens of "
        f"their address. Each kind has {ADDRESSES} addresses. `counted` is by the gateways, and kinds of one "
        "sign share it.",
        "",
        line(FATES),
        line(["---", "--:", "---", "--:", "---"]),
        *map(fate_row, last.fates),
        END,
    ]
    return "\n".join(lines)


def renewed(page: str, ordeals: Sequence[Ordeal]) -> str:
    """Return the page with these tables."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return before + tables(ordeals) + after


def phase_row(phase: Phase) -> str:
    account, taken = phase.account, phase.taken
    counts = (account.lost, account.silent, account.duplicated, account.unexpected, account.out_of_order)
    return line(
        [
            phase.name,
            f"{account.deliveries:,}",
            *(shown(count, account.deliveries) for count in counts),
            f"{phase.p50_ms} ms",
            f"{phase.p99_ms} ms",
            f"{phase.worst_ms} ms",
            f"{taken.cpu_share:.0%}",
            f"{taken.waited_share:.0%}",
            f"{taken.peak_kib / 1024:+.1f} MiB",
            f"{taken.lines_per_second:.1f}/s",
        ]
    )


def fate_row(fate: Fate) -> str:
    ends = {fate.kind.heard: fate.heard, **fate.others}
    told = ", ".join(f"{word} × {count:,}" for word, count in ends.items())
    return line([fate.kind.name, f"{fate.tries:,}", told, f"{fate.noted:,}", f"`{fate.kind.sign}`"])
