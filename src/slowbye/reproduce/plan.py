"""What is going to be run: the parameters that people type, checked before anything is touched."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from slowbye.errors import SlowbyeError
from slowbye.hosts import Host, Inventory
from slowbye.netem.model import Effect, Profile
from slowbye.netem.profile import load_profile
from slowbye.reproduce.calls import Calls
from slowbye.reproduce.conditions import DIRECT, Conditions
from slowbye.units import parse_duration_ms

DEFAULT_WORKERS = 8
DEFAULT_TRY_MS = 1000.0
DEFAULT_TRIES = 5
DEFAULT_DISABLED_S = 60
DEFAULT_NG_PORT = 2223
"""The roles' defaults, for inventories that leave them alone."""

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
        ng_ports: UDP ports on which the proxy speaks ng.
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
    profiles: tuple[Profile, ...]
    paths: tuple[str, ...]
    calls: Calls
    workers: int
    try_ms: float
    tries: int
    disabled_s: int
    ng_ports: tuple[int, ...]
    name_paths: bool

    @property
    def hosts(self) -> tuple[Host, ...]:
        """All hosts that take part."""
        return self.sip, self.media, self.client, self.wan

    def conditions(self, profile: Profile) -> Conditions:
        """Return what a run under a profile is judged by."""
        return Conditions(
            effect=profile.effect,
            delay_ms=max((each.delay_ms for each in profile.impairments), default=0.0),
            rtt_ms=self.rtt_ms,
            try_ms=self.try_ms,
            tries=self.tries,
            workers=self.workers,
            disabled_s=self.disabled_s,
            queued=self.calls.transport == _TCP and self.calls.at_once > 1,
        )

    def wan_variables(self, profile: Profile) -> dict[str, str]:
        """Return the variables of playbooks/wan.yml for a profile."""
        variables = {"wan_profile": profile.name, "wan_rtt": self.rtt}
        if profile.effect is Effect.FRAGMENTS_LATE:
            variables["wan_delay"] = self.delay
        return variables

    def call_command(self, path: str) -> list[str]:
        """Return the command that places the calls over a path."""
        header = f"X-Ng-Path: {path}" if self.name_paths else None
        return self.calls.command_line(self.sip.address, header)


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
        profiles=tuple(_profile(name, delay) for name in _unique("profiles", profiles)),
        paths=_known_paths(_unique("paths", paths), [each["name"] for each in sets], sip),
        calls=Calls(calls, together, media, parse_duration_ms(media, "media"), transport),
        workers=workers,
        try_ms=float(_number(sip, "sip_proxy_rtpengine_tout_ms", math.floor(DEFAULT_TRY_MS))),
        tries=_number(sip, "sip_proxy_rtpengine_retr", DEFAULT_TRIES),
        disabled_s=_number(sip, "sip_proxy_rtpengine_disable_tout", DEFAULT_DISABLED_S),
        ng_ports=_ng_ports(sets),
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


def _known_paths(paths: tuple[str, ...], known: list[str], sip: Host) -> tuple[str, ...]:
    configured = known or [DIRECT]
    for path in paths:
        if path not in configured:
            raise SlowbyeError(
                f"unknown path {path!r}: sip_proxy_rtpengine_sets of {sip.name} has "
                f"{', '.join(configured)}"
            )
    if len(paths) > 1 and not sip.variables.get("sip_proxy_ng_path_header"):
        raise SlowbyeError(
            f"several paths need sip_proxy_ng_path_header: true in the inventory of {sip.name}"
        )
    return paths


def _ng_ports(sets: list[dict[str, list[str]]]) -> tuple[int, ...]:
    nodes = [node for each in sets for node in each["nodes"]]
    ports = {int(port) for node in nodes if (port := node.rpartition(":")[2]).isdecimal()}
    return tuple(sorted(ports)) or (DEFAULT_NG_PORT,)


def _number(host: Host, variable: str, default: int) -> int:
    value = host.variables.get(variable)
    if value is None:
        return default
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise SlowbyeError(f"{variable} of {host.name}: {value!r} is not a number") from error
