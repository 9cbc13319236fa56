"""Read profiles: YAML files with parameters that the caller may override."""

from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path

from slowbye.errors import SlowbyeError
from slowbye.netem.fields import Fields, Parameter, did_you_mean, read_yaml
from slowbye.netem.impairment import read_impairment, read_rate
from slowbye.netem.model import Effect, Load, Profile, Shape

DEFAULT_BETWEEN = ("sip", "media")
_KEYS = (
    "description",
    "effect",
    "effect_parameter",
    "parameters",
    "impairments",
    "shape",
    "load",
)


def _directory() -> Path:
    return Path(str(resources.files("slowbye.netem") / "profiles"))


def profile_names() -> tuple[str, ...]:
    """The names of the profiles that slowbye brings, sorted."""
    return tuple(sorted(path.stem for path in _directory().glob("*.yml")))


def load_profile(
    name: str,
    overrides: Mapping[str, str] | None = None,
    between: tuple[str, str] | None = DEFAULT_BETWEEN,
) -> Profile:
    """Read a profile and put the caller's parameters in the place of its defaults.

    Args:
        name: one of `profile_names()`, or the path of a YAML file (it has a ``/`` or ends in
            ``.yml``).
        overrides: parameter name to value with its unit (``{"delay": "6s"}``).
        between: the nets for impairments that name none; None means any.

    Raises:
        SlowbyeError: unknown profile or parameter, or a fault in the file: file and key are named.
    """
    path = Path(name) if "/" in name or name.endswith((".yml", ".yaml")) else None
    if path is None:
        known = profile_names()
        if name not in known:
            raise SlowbyeError(
                f"unknown profile {name!r}{did_you_mean(name, known)} (known: {', '.join(known)})"
            )
        path = _directory() / f"{name}.yml"
    profile = read_profile(read_yaml(path), path.stem, str(path), overrides or {})
    return replace(
        profile,
        impairments=tuple(
            i if i.between is not None else replace(i, between=between) for i in profile.impairments
        ),
    )


def read_profile(document: object, name: str, where: str, overrides: Mapping[str, str]) -> Profile:
    """Make a profile of a parsed YAML document.

    Raises:
        SlowbyeError: naming `where` and the key.
    """
    top = Fields(document, where, _KEYS)
    parameters = _read_parameters(top, name, overrides)
    effect = top.required("effect")
    if effect not in tuple(Effect):
        raise SlowbyeError(f"{top.name('effect')} {effect!r}: expected one of {', '.join(Effect)}")
    effect_parameter = top.text("effect_parameter")
    if effect_parameter is not None and effect_parameter not in parameters:
        raise SlowbyeError(f"{top.name('effect_parameter')}: no parameter {effect_parameter!r}")
    entries = top.get("impairments") or []
    if not isinstance(entries, list):
        raise SlowbyeError(f"{top.name('impairments')}: expected a list")
    return Profile(
        name=name,
        description=top.required("description"),
        effect=Effect(effect),
        effect_parameter=effect_parameter,
        parameters={key: parameter.value for key, parameter in parameters.items()},
        impairments=tuple(
            read_impairment(entry, f"{where}: impairments[{index}]", parameters)
            for index, entry in enumerate(entries)
        ),
        shape=_read_shape(top, parameters),
        load=_read_load(top, parameters),
    )


def _read_parameters(top: Fields, name: str, overrides: Mapping[str, str]) -> dict[str, Parameter]:
    where = top.name("parameters")
    defaults = top.get("parameters") or {}
    known = tuple(defaults) if isinstance(defaults, Mapping) else ()
    fields = Fields(defaults, where, known)
    parameters = {key: Parameter(fields.required(key), f"{where}.{key}") for key in known}
    for key, value in overrides.items():
        if key not in parameters:
            has = f"has only {', '.join(known)}" if known else "has no parameters"
            raise SlowbyeError(
                f"profile {name}: unknown parameter {key!r}{did_you_mean(key, known)}: it {has}"
            )
        parameters[key] = Parameter(value, f"profile {name}: {key}")
    return parameters


def _read_shape(top: Fields, parameters: Mapping[str, Parameter]) -> Shape | None:
    if top.get("shape") is None:
        return None
    shape = Fields(top.get("shape"), top.name("shape"), ("to", "rate"), parameters)
    return Shape(shape.required("to"), read_rate(shape, "rate"))


def _read_load(top: Fields, parameters: Mapping[str, Parameter]) -> Load | None:
    if top.get("load") is None:
        return None
    load = Fields(top.get("load"), top.name("load"), ("rate", "from", "to"), parameters)
    return Load(read_rate(load, "rate"), load.required("from"), load.required("to"))
