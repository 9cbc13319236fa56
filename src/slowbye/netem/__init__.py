"""Impair a WAN by netem: one implementation for the playbook, the command line and the tests.

>>> from slowbye.netem import apply, clear, load_nets, load_profile, make_plan, show
>>> profile = load_profile("fragment-delay", {"delay": "6s"})
>>> apply(make_plan(profile, load_nets(), rtt_ms=20.0), expire_ms=600_000)
True
>>> clear()
True

Profiles, nets and plans are data and need no privilege; ``profile.effect``, ``effect_parameter``,
``fragment_delay_ms`` and ``load`` tell what to expect of one. `apply`, `clear` and `show` talk to
the kernel of the current network namespace. Whatever a person can cure raises SlowbyeError.
"""

from typing import TYPE_CHECKING, Any

from slowbye.netem.model import Direction, Effect, Impairment, Load, Match, Profile, Shape
from slowbye.netem.nets import Host, Net, Nets, load_nets
from slowbye.netem.plan import DEFAULT_RTT_MS, Plan, make_plan
from slowbye.netem.profile import load_profile, profile_names

if TYPE_CHECKING:
    from slowbye.netem.control import InForce, apply, clear, show

__all__ = [
    "DEFAULT_RTT_MS",
    "Direction",
    "Effect",
    "Host",
    "Impairment",
    "InForce",
    "Load",
    "Match",
    "Net",
    "Nets",
    "Plan",
    "Profile",
    "Shape",
    "apply",
    "clear",
    "load_nets",
    "load_profile",
    "make_plan",
    "profile_names",
    "show",
]


def __getattr__(name: str) -> Any:
    """Import what needs pyroute2 only when it is used; it takes most of the time to start."""
    if name in __all__:
        from slowbye.netem import control

        return getattr(control, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
