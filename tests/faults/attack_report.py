"""The tables of an attack in docs/guarantees.md: what honest clients saw, and how each attacker fared."""

from collections.abc import Sequence

from tests.faults.attack import ADDRESSES, Result
from tests.faults.attack_run import FLOOR_MS, AttackOutcome, Phase
from tests.faults.report import COUNTS, counted, line

BEGIN, END = "<!-- made by `make faults`: the attack -->", "<!-- end of the attack -->"
PHASES = (
    "",
    *COUNTS,
    "p50",
    "p99",
    "slowest",
    "gateway CPU",
    "wait for a core",
    "peak memory",
    "log lines",
)
RESULTS = ("attackers", "attempts", "how it ended for them", "counted", "seen on")


def tables(outcomes: Sequence[AttackOutcome]) -> str:
    """Return the generated part of the page, with the lines of every run."""
    last = outcomes[-1]
    run = last.attack_run
    tries = sum(result.tries for result in last.results)
    grown = ", ".join(f"{outcome.times_later:.1f}" for outcome in outcomes)
    lines = [
        BEGIN,
        f"{run.clients} stock JavaScript clients with good tokens on two gateways, {run.rate} messages a "
        f"second; {run.before_seconds:.0f} s without an attack, {run.seconds:.0f} s with one of "
        f"{run.attackers:,} connections, {run.after_seconds:.0f} s after it. The p99 grew {grown} times "
        f"(up to 2 passes; values below {FLOOR_MS} ms count as {FLOOR_MS} ms). Figures are of the worse of "
        "the two gateways. "
        f"Redis grew by at most {max(outcome.redis_kib for outcome in outcomes) / 1024:.1f} MiB.",
        "",
        line(PHASES),
        line(["---", *["--:"] * (len(PHASES) - 1)]),
        *(phase_row(phase) for outcome in outcomes for phase in outcome.phases),
        "",
        f"The last of these attacks made {tries:,} attempts, {tries / run.seconds:.0f} a second, with "
        f"{last.attackers_cpu:.0%} of a core. {last.tries_refused:,} were refused because their address had "
        f"shown too many bad tokens. Each kind has {ADDRESSES} addresses. `counted` is what the gateways "
        "counted; kinds with the same metric share the number.",
        "",
        line(RESULTS),
        line(["---", "--:", "---", "--:", "---"]),
        *map(result_row, last.results),
        END,
    ]
    return "\n".join(lines)


def renewed(page: str, outcomes: Sequence[AttackOutcome]) -> str:
    """Return the page with these tables."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return before + tables(outcomes) + after


def phase_row(phase: Phase) -> str:
    taken = phase.taken
    return line(
        [
            phase.name,
            *counted(phase.account),
            f"{phase.p50_ms} ms",
            f"{phase.p99_ms} ms",
            f"{phase.worst_ms} ms",
            f"{taken.cpu_share:.0%}",
            f"{taken.waited_share:.0%}",
            f"{taken.peak_kib / 1024:+.1f} MiB",
            f"{taken.lines_per_second:.1f}/s",
        ]
    )


def result_row(result: Result) -> str:
    ends = {result.kind.heard: result.heard, **result.others}
    told = ", ".join(f"{word} × {count:,}" for word, count in ends.items())
    return line([result.kind.name, f"{result.tries:,}", told, f"{result.noted:,}", f"`{result.kind.sign}`"])
