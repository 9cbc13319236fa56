"""What is going to be run: the parameters that people type, checked before anything is touched."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from slowbye.errors import SlowbyeError
from slowbye.hosts import Host, Inventory
from slowbye.netem.model import Effect, Profile
from slowbye.netem.profile import load_profile
from slowbye.reproduce import paths as ng_paths
from slowbye.reproduce.calls import Calls
from slowbye.reproduce.conditions import Conditions
from slowbye.reproduce.paths import DIRECT, NgPath
from slowbye.units import parse_duration_ms

CLEAN = "clean"
"""The profile of a WAN that does nothing but take its time."""

DEFAULT_WORKERS = 8
DEFAULT_TRY_MS = 1000.0
DEFAULT_TRIES = 5
DEFAULT_DISABLED_S = 60
"""The roles' defaults, for inventories that leave them alone."""

_LOSSY_CALLS = 40
"""Calls at least where packets are lost at random. Each sends three commands or more; of a hundred
and more p99 is not simply the slowest, which one unlucky packet decides."""

_LOSSY_RTT_MS = 40.0
"""The WAN's round trip at least where packets are lost. What is lost is waited for in round trips;
of shorter ones, the hosts' own milliseconds would be too large a part."""

_TCP = "tcp"
"""Over TCP one worker serves a connection, and so all calls of a client, one after the other."""

_SPARE_CALLS = 2
"""Calls under way beyond the workers: enough to starve them, few enough that most BYEs do not
queue behind others and their median stays at the delay."""


@dataclass(frozen=True)
class Plan:
    """Everything that a session needs to know, from the command line and the inventory.

    Attributes:
        sip, media, client, wan: the hosts that take part, the first of each group.
        delay, rtt: as typed, for the playbook, which reads the same units.
        delay_ms, rtt_ms: the same as numbers.
        runs: each path under each profile, or those chosen of them, in the order in which they are
            run: the clean WAN first and ``direct`` first, because others are measured by that.
        calls: how calls are placed, but see :meth:`calls_under`.
        at_once: how many of them together, where there are so many.
        name_paths: more than one path is configured, so each call has to name its own.
    """

    inventory: Inventory
    sip: Host
    media: Host
    client: Host
    wan: Host
    delay: str
    delay_ms: float
    rtt: str
    rtt_ms: float
    runs: tuple[tuple[NgPath, Profile], ...]
    calls: Calls
    at_once: int
    workers: int
    try_ms: float
    tries: int
    disabled_s: int
    name_paths: bool

    @property
    def hosts(self) -> tuple[Host, ...]:
        """All hosts that take part."""
        return self.sip, self.media, self.client, self.wan

    @property
    def profiles(self) -> tuple[Profile, ...]:
        """The profiles that take part, in order."""
        return tuple({profile.name: profile for _, profile in self.runs}.values())

    def paths_under(self, profile: Profile) -> tuple[NgPath, ...]:
        """Return the paths that are run under a profile, in order."""
        return tuple(path for path, under in self.runs if under == profile)

    def calls_under(self, profile: Profile) -> Calls:
        """Return how calls are placed under a profile: more where only many show its effect."""
        if profile.effect is not Effect.LOSS or self.calls.number >= _LOSSY_CALLS:
            return self.calls
        together = min(self.at_once, _LOSSY_CALLS)
        return replace(self.calls, number=_LOSSY_CALLS, at_once=together)

    def rtt_under(self, profile: Profile) -> float:
        """Return the WAN's nominal round-trip time under a profile, in milliseconds."""
        if profile.effect is not Effect.LOSS:
            return self.rtt_ms
        return max(self.rtt_ms, _LOSSY_RTT_MS)

    def conditions(self, profile: Profile, clean_bye_p99_ms: float | None = None) -> Conditions:
        """Return what a run under a profile is judged by.

        Args:
            profile: the profile.
            clean_bye_p99_ms: BYE p99 of ``direct`` on the clean WAN, if that was run before.
        """
        return Conditions(
            effect=profile.effect,
            delay_ms=max((each.delay_ms for each in profile.impairments), default=0.0),
            rtt_ms=self.rtt_under(profile),
            try_ms=self.try_ms,
            tries=self.tries,
            workers=self.workers,
            disabled_s=self.disabled_s,
            queued=self.calls.transport == _TCP and self.calls.at_once > 1,
            clean_bye_p99_ms=clean_bye_p99_ms,
        )

    def wan_variables(self, profile: Profile) -> dict[str, str]:
        """Return the variables of playbooks/wan.yml for a profile."""
        variables = {"wan_profile": profile.name, "wan_rtt": f"{self.rtt_under(profile):g}ms"}
        if profile.effect is Effect.FRAGMENTS_LATE:
            variables["wan_delay"] = self.delay
        return variables

    def call_command(self, path: NgPath, profile: Profile) -> list[str]:
        """Return the command that places the calls over a path."""
        header = f"X-Ng-Path: {path.name}" if self.name_paths else None
        return self.calls_under(profile).command_line(self.sip.address, header)


def make_plan(
    inventory: Inventory,
    *,
    delay: str,
    rtt: str,
    calls: int,
    at_once: int | None,
    profiles: Sequence[str],
    paths: Sequence[str],
    transport: str,
    media: str,
    only: Sequence[str] = (),
) -> Plan:
    """Check the parameters against each other and the inventory.

    Args:
        inventory: the hosts.
        delay: how late fragments arrive, with its unit.
        rtt: the WAN's nominal round-trip time, with its unit.
        calls: calls for each run.
        at_once: how many together; None for two more than the proxy has workers, or over TCP 1.
        profiles: their names, in the order in which they are run.
        paths: their names, likewise.
        transport: ``udp`` or ``tcp``.
        media: how long each call talks, with its unit.
        only: which of the runs, as ``path/profile``; all of them where none is named.

    Raises:
        SlowbyeError: something is unknown, missing or out of range; what, and what there is.
    """
    sip = inventory.first("sip")
    delay_ms = parse_duration_ms(delay, "delay")
    workers = _number(sip, "sip_proxy_workers", DEFAULT_WORKERS)
    if at_once is None:
        at_once = 1 if transport == _TCP else workers + _SPARE_CALLS
    together = min(calls, at_once)
    for what, number in (("calls", calls), ("calls at once", together)):
        if number < 1:
            raise SlowbyeError(f"{what}: expected 1 or more, not {number}")
    chosen = ng_paths.choose(_unique("paths", paths), sip)
    under = [_profile(name, delay) for name in _unique("profiles", profiles)]
    sets = sip.variables.get("sip_proxy_rtpengine_sets") or []
    return Plan(
        inventory=inventory,
        sip=sip,
        media=inventory.first("media"),
        client=inventory.first("clients"),
        wan=inventory.first("wan"),
        delay=delay,
        delay_ms=delay_ms,
        rtt=rtt,
        rtt_ms=parse_duration_ms(rtt, "rtt"),
        runs=_runs(chosen, under, only),
        calls=Calls(calls, together, media, parse_duration_ms(media, "media"), transport),
        at_once=at_once,
        workers=workers,
        try_ms=float(_number(sip, "sip_proxy_rtpengine_tout_ms", math.floor(DEFAULT_TRY_MS))),
        tries=_number(sip, "sip_proxy_rtpengine_retr", DEFAULT_TRIES),
        disabled_s=_number(sip, "sip_proxy_rtpengine_disable_tout", DEFAULT_DISABLED_S),
        name_paths=len(sets) > 1 and bool(sip.variables.get("sip_proxy_ng_path_header")),
    )


def _profile(name: str, delay: str) -> Profile:
    profile = load_profile(name)
    if profile.effect is not Effect.FRAGMENTS_LATE:
        return profile
    profile = load_profile(name, {"delay": delay})
    if profile.fragment_delay_ms <= 0:
        raise SlowbyeError(f"delay {delay!r}: {name} needs one above zero")
    return profile


def _unique(what: str, names: Sequence[str]) -> tuple[str, ...]:
    if not names:
        raise SlowbyeError(f"{what}: none given")
    return tuple(dict.fromkeys(names))


def _runs(
    paths: Sequence[NgPath], profiles: Sequence[Profile], only: Sequence[str]
) -> tuple[tuple[NgPath, Profile], ...]:
    # Sorting is stable: apart from these, the order is the typed one.
    under = sorted(profiles, key=lambda profile: profile.name != CLEAN)
    over = sorted(paths, key=lambda path: path.name != DIRECT)
    runs = {f"{path.name}/{profile.name}": (path, profile) for profile in under for path in over}
    for name in only:
        if name not in runs:
            raise SlowbyeError(f"no run {name!r}: write path/profile, one of {', '.join(runs)}")
    return tuple(run for name, run in runs.items() if not only or name in only)


def _number(host: Host, variable: str, default: int) -> int:
    value = host.variables.get(variable)
    if value is None:
        return default
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise SlowbyeError(f"{variable} of {host.name}: {value!r} is not a number") from error
