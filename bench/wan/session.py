"""A whole run across the WAN: profile by profile; afterwards the WAN is clean again."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.cases import Case
from bench.errors import BenchError
from bench.session import OnStep, Plan, Results, measure_each
from bench.variants import Variant
from bench.variants.direct import DIRECT
from bench.variants.ngtunnel import PLAIN, TLS
from bench.variants.socat import SOCAT
from bench.wan.measure import Hosts, measure
from slowbye.errors import SlowbyeError
from slowbye.hosts import Inventory, read_inventory
from slowbye.reproduce import lock, playbook

WAN_VARIANTS: tuple[Variant, ...] = (DIRECT, PLAIN, TLS, SOCAT)
"""Those that are deployed, and UDP itself."""


@dataclass(frozen=True)
class Profile:
    """What the WAN does to packets.

    Attributes:
        name: as of ``slowbye wan``, and on the command line.
        rtt_ms: its round-trip time.
        variables: more of those that playbooks/wan.yml takes.
    """

    name: str
    rtt_ms: int
    variables: tuple[tuple[str, str], ...] = ()

    def all_variables(self) -> dict[str, str]:
        """Return the variables of playbooks/wan.yml."""
        rtt = f"{self.rtt_ms}ms"
        return {"wan_profile": self.name, "wan_rtt": rtt, **dict(self.variables)}

    def applied_to(self, case: Case) -> Case:
        """Return a case under this profile."""
        about = f"{self.name}, RTT {self.rtt_ms} ms: {case.about}"
        return replace(case, name=f"{self.name}/{case.name}", about=about)


CLEAN = Profile("clean", 20)
LOSSY = Profile("lossy", 40, (("wan_loss", "1%"),))
FRAGMENT_DELAY = Profile("fragment-delay", 20, (("wan_delay", "4s"),))
PROFILES = (CLEAN, LOSSY, FRAGMENT_DELAY)


def under(plan: Plan, profiles: Sequence[Profile]) -> Plan:
    """Return the plan with each case under each profile."""
    cases = [profile.applied_to(case) for profile in profiles for case in plan.cases]
    return replace(plan, cases=cases)


def run(
    inventory: str, profiles: Sequence[Profile], plan: Plan, on_step: OnStep, results: Results
) -> None:
    """Measure it all.

    Args:
        inventory: of the lab; the first proxy host and the first media host are measured.
        profiles: of the WAN.
        plan: what, under every profile.
        on_step: told before each measurement.
        results: filled as it goes, so that an interruption leaves what there is.

    Raises:
        BenchError: a host is not there, or the WAN could not be impaired, or not made clean.
    """
    try:
        with lock.alone(inventory):
            _run(read_inventory(inventory), profiles, plan, on_step, results)
    except SlowbyeError as error:
        raise BenchError(str(error)) from error


def _run(
    inventory: Inventory,
    profiles: Sequence[Profile],
    plan: Plan,
    on_step: OnStep,
    results: Results,
) -> None:
    playbook.check_present("wan")
    hosts = Hosts(proxy=inventory.first("sip"), media=inventory.first("media"))
    for host in (hosts.proxy, hosts.media):
        host.check_up()
    with impairing(inventory.path) as impair:
        for profile in profiles:
            impair(profile)
            measure_each(
                under(plan, [profile]),
                on_step,
                results,
                lambda variant, case: measure(hosts, variant, case, plan.seconds),
            )


@contextmanager
def impairing(inventory: str) -> Iterator[Callable[[Profile], None]]:
    """Yield what puts a profile in force; at the end, however it comes, the WAN is made clean.

    Args:
        inventory: whose WAN.

    Raises:
        SlowbyeError: it could not be impaired, or not made clean.
    """
    with tempfile.NamedTemporaryFile(prefix="slowbye-bench-", suffix=".log") as log:

        def impair(profile: Profile) -> None:
            playbook.play(inventory, "wan", profile.all_variables(), Path(log.name))

        try:
            yield impair
        finally:
            impair(CLEAN)
