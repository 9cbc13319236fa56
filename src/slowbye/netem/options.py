"""From the words of a command line to a plan."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from slowbye.errors import SlowbyeError
from slowbye.netem.impairment import read_impairment
from slowbye.netem.model import Direction, Effect, Profile
from slowbye.netem.nets import DEFAULT_NETS, Host, Nets, load_nets, parse_cidr
from slowbye.netem.plan import DEFAULT_RTT_MS, Plan, make_plan
from slowbye.netem.profile import DEFAULT_BETWEEN, load_profile
from slowbye.units import parse_duration_ms


@dataclass(frozen=True)
class Options:
    """What was typed after ``slowbye wan apply``, each as its text.

    Attributes:
        between: ``sip,media`` or ``any``.
        settings: ``name=value`` for the profile's parameters.
        impairment: an impairment of its own, by the keys of a profile's impairment.
    """

    nets: Path | None = None
    interface: str | None = None
    peers: tuple[str, ...] = ()
    between: str | None = None
    direction: str | None = None
    rtt: str | None = None
    settings: tuple[str, ...] = ()
    impairment: Mapping[str, str] = field(default_factory=dict)


def plan_from_options(name: str | None, options: Options) -> Plan:
    """Make a plan of a profile, or without a name of `options.impairment`.

    Raises:
        SlowbyeError: the options are wrong or exclude each other, or a file is wrong.
    """
    profile = _aim(_profile(name, options), options)
    if options.rtt is not None:
        rtt_ms = parse_duration_ms(options.rtt, "--rtt")
    else:
        rtt_ms = DEFAULT_RTT_MS if options.interface is None else 0.0
    return make_plan(profile, _target(options), rtt_ms)


def _profile(name: str | None, options: Options) -> Profile:
    if name is not None:
        if options.impairment:
            key = next(iter(options.impairment))
            raise SlowbyeError(f"--{key} goes with --match; a profile's parameters go with --set")
        overrides = dict(_setting(text) for text in options.settings)
        return load_profile(name, overrides)
    if "match" not in options.impairment:
        raise SlowbyeError("give a PROFILE (slowbye wan list shows them) or --match")
    if options.settings:
        raise SlowbyeError("--set goes with a PROFILE; with --match use --delay, --loss and so on")
    impairment = read_impairment(options.impairment, "options")
    return Profile("ad-hoc", "An impairment given by options.", Effect.NONE, (impairment,))


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name or not value:
        raise SlowbyeError(f"--set {text!r}: expected NAME=VALUE, such as delay=4s")
    return name.strip(), value.strip()


def _aim(profile: Profile, options: Options) -> Profile:
    """Put --between and --direction in the place of what the profile says."""
    between = _between(options)
    direction = Direction(options.direction) if options.direction else None
    if direction is Direction.ONE_WAY and options.interface is None and between is None:
        raise SlowbyeError("--direction one-way needs --between FROM,TO")
    return replace(
        profile,
        impairments=tuple(
            replace(
                impairment,
                between=between
                if options.between or options.interface
                else impairment.between or between,
                direction=direction or impairment.direction,
            )
            for impairment in profile.impairments
        ),
    )


def _between(options: Options) -> tuple[str, str] | None:
    text = options.between
    if options.interface is not None:
        if text is not None:
            raise SlowbyeError("--between names nets; with --interface use --peer")
        return None
    if text is None:
        return DEFAULT_BETWEEN
    if text == "any":
        return None
    names = tuple(name.strip() for name in text.split(","))
    if len(names) != 2 or names[0] == names[1] or not all(names):
        raise SlowbyeError(f"--between {text!r}: expected two nets, such as sip,media, or any")
    return names[0], names[1]


def _target(options: Options) -> Nets | Host:
    if options.interface is None:
        if options.peers:
            raise SlowbyeError("--peer goes with --interface; between nets use --between")
        return load_nets(options.nets or DEFAULT_NETS)
    if options.nets is not None:
        raise SlowbyeError("give either --nets or --interface")
    peers = tuple(parse_cidr(peer, "--peer") for peer in options.peers)
    return Host(options.interface, peers, ingress=options.direction != "one-way")
