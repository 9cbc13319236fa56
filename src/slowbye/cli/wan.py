"""``slowbye wan``: apply, show and clear impairments on this host."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slowbye.errors import SlowbyeError
from slowbye.netem.options import Options, plan_from_options
from slowbye.netem.plan import Plan
from slowbye.units import parse_duration_ms

if TYPE_CHECKING:
    from slowbye.netem.control import InForce

_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("wan")
def command() -> None:
    """Impair the WAN that this host routes, or one interface of any host."""


@command.command("list")
@_json_option
def list_profiles(as_json: bool) -> None:
    """List the profiles, what they do and their parameters."""
    from slowbye.netem.profile import load_profile, profile_names

    profiles = [load_profile(name) for name in profile_names()]
    if as_json:
        click.echo(json.dumps([asdict(profile) for profile in profiles], indent=1))
        return
    width = max(len(profile.name) for profile in profiles)
    for profile in profiles:
        parameters = " ".join(f"{key}={value}" for key, value in profile.parameters.items())
        click.echo(f"{profile.name:{width}}  {profile.description}")
        if parameters:
            click.echo(f"{'':{width}}  ({parameters})")


def _target_options(function: Any) -> Any:
    for option in (
        click.option("--nets", type=click.Path(path_type=Path), help="Nets of this router."),
        click.option("--interface", help="Impair this interface instead of a router's nets."),
        click.option("--peer", "peers", multiple=True, help="With --interface: only these CIDRs."),
        click.option("--between", help="Two nets instead of sip,media; or any."),
        click.option(
            "--direction",
            type=click.Choice(["both", "one-way"]),
            help="one-way: from the first net to the second; with --interface: egress only.",
        ),
    ):
        function = option(function)
    return function


def _impairment_options(function: Any) -> Any:
    function = click.option("--match", help="Ad hoc: fragments, all, udp, udp/2223 …")(function)
    for name in ("delay", "jitter", "distribution", "loss", "reorder", "duplicate", "corrupt"):
        function = click.option(f"--{name}", help=f"Ad hoc, with --match: {name}.")(function)
    for name in ("rate", "limit"):
        function = click.option(f"--{name}", help=f"Ad hoc, with --match: {name}.")(function)
    return function


@command.command("apply")
@click.argument("profile", required=False)
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A parameter.")
@click.option("--rtt", help="Base round-trip time [20ms between nets, none with --interface].")
@click.option("--expire", help="Clear by itself after this time, such as 10m.")
@click.option("--dry-run", is_flag=True, help="Show the qdisc trees and change nothing.")
@_target_options
@_impairment_options
@_json_option
def apply_profile(
    profile: str | None,
    settings: Sequence[str],
    rtt: str | None,
    expire: str | None,
    dry_run: bool,
    nets: Path | None,
    interface: str | None,
    peers: Sequence[str],
    between: str | None,
    direction: str | None,
    as_json: bool,
    **impairment: str | None,
) -> None:
    r"""Put a profile in force, or an impairment given by options.

    \b
    slowbye wan apply fragment-delay --set delay=6s --expire 10m
    slowbye wan apply --match fragments --delay 4s --loss 1%
    slowbye wan apply fragment-drop --interface eth0 --peer 203.0.113.7/32 --direction one-way
    """
    options = Options(
        nets=nets,
        interface=interface,
        peers=tuple(peers),
        between=between,
        direction=direction,
        rtt=rtt,
        settings=tuple(settings),
        impairment={key: value for key, value in impairment.items() if value is not None},
    )
    plan = plan_from_options(profile, options)
    expire_ms = None if expire is None else parse_duration_ms(expire, "--expire")
    if expire_ms == 0:
        raise SlowbyeError("--expire: must be longer than 0")
    if dry_run:
        click.echo(json.dumps(_plan_json(plan), indent=1) if as_json else "\n".join(plan.lines()))
        return
    from slowbye.netem.control import apply

    changed = apply(plan, expire_ms)
    if as_json:
        click.echo(json.dumps({"changed": changed, **_plan_json(plan)}, indent=1))
    else:
        done = "in force" if changed else "unchanged: this is in force already"
        click.echo(f"{plan.profile.name}: {done} (base RTT {plan.rtt_ms:g} ms)")


@command.command("show")
@_json_option
def show_in_force(as_json: bool) -> None:
    """Show what is in force, with the kernel's packet counters."""
    from slowbye.netem.control import show

    in_force = show()
    if as_json:
        click.echo(json.dumps(_show_json(in_force), indent=1))
    elif in_force is None:
        click.echo("nothing is in force")
    else:
        from slowbye.netem.table import print_table

        print_table(in_force)


@command.command("clear")
@_json_option
def clear_all(as_json: bool) -> None:
    """Restore the qdiscs that were there before."""
    from slowbye.netem.control import clear

    changed = clear()
    if as_json:
        click.echo(json.dumps({"changed": changed}))
    else:
        click.echo("cleared" if changed else "unchanged: nothing is in force")


@command.command("check")
@_json_option
def check_kernel(as_json: bool) -> None:
    """Say whether this kernel and user can impair; exit status 2 when not."""
    from slowbye.netem.probe import NEEDED, OPTIONAL, missing_kinds, require_privilege
    from slowbye.netem.tree import module_of

    require_privilege()
    missing = missing_kinds((*NEEDED, *OPTIONAL))
    if missing is None:
        raise SlowbyeError("cannot probe: a network namespace needs CAP_SYS_ADMIN")
    names = [module_of(kind) for kind in missing]
    if as_json:
        click.echo(json.dumps({"missing": names}))
    else:
        for kind in (*NEEDED, *OPTIONAL):
            click.echo(f"{module_of(kind):10} {'missing' if kind in missing else 'ok'}")
    needed = [module_of(kind) for kind in missing if kind in NEEDED]
    if needed:
        raise SlowbyeError(f"this kernel has no {', '.join(needed)}")


def _plan_json(plan: Plan) -> dict[str, Any]:
    return {
        "profile": plan.profile.name,
        "effect": plan.profile.effect,
        "parameters": dict(plan.profile.parameters),
        "rtt_ms": plan.rtt_ms,
        "tree": plan.lines(),
    }


def _show_json(in_force: "InForce | None") -> dict[str, Any]:
    if in_force is None:
        return {"in_force": None}
    state = in_force.state
    return {
        "in_force": state.profile,
        "complete": state.complete,
        "parameters": state.parameters,
        "rtt_ms": state.rtt_ms,
        "expires": state.expiry.at if state.expiry else None,
        "classes": [asdict(row) for row in in_force.rows],
    }
