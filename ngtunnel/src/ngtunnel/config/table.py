"""Reads a TOML table into a dataclass whose annotations say how each key is read."""

from collections.abc import Collection, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, get_type_hints

from ngtunnel.config.values import NotAllowedError, Reader, shown


class FaultError(Exception):
    """A fault at a key; the file's name is still to be added."""


@dataclass(frozen=True, slots=True)
class Key:
    """How one key is read.

    Attributes:
        read: from what TOML gave to what the attribute has.
        unit: what the key has after the attribute's name, such as ``_ms``.
        only: the one role that knows the key; None if both do.
    """

    read: Reader
    unit: str = ""
    only: str | None = None


def keys_of(table_class: type) -> dict[str, tuple[str, Key]]:
    """Name every key that a dataclass has, with its attribute and how it is read."""
    return {
        f"{attribute}{key.unit}": (attribute, key)
        for attribute, hint in get_type_hints(table_class, include_extras=True).items()
        for key in getattr(hint, "__metadata__", ())
    }


def read_table(
    table: Mapping[str, Any],
    table_class: type,
    role: str,
    prefix: str = "",
    other_class: type | None = None,
) -> dict[str, Any]:
    """Read every key of a table.

    Args:
        table: what TOML gave.
        table_class: the dataclass whose attributes are wanted.
        role: whose keys are known.
        prefix: what faults have before a key, such as ``timing.``.
        other_class: what the other role has in its place, if that is a dataclass of its own.

    Returns:
        The attributes that the table has keys for.

    Raises:
        FaultError: a key is unknown or missing, or its value is not allowed.
    """
    keys = keys_of(table_class)
    foreign = keys_of(other_class).keys() if other_class else set()
    for name in table:
        _refuse_unknown(name, keys, role, prefix, foreign)
    required = {one.name for one in fields(table_class) if _has_no_default(one)}
    attributes = {}
    for name, (attribute, key) in keys.items():
        if name in table:
            attributes[attribute] = read_value(key.read, table[name], f"{prefix}{name}")
        elif attribute in required:
            raise missing(key.read, f"{prefix}{name}")
    return attributes


def read_value(read: Reader, value: Any, key: str) -> Any:
    """Read one value, and name its key if it is not allowed."""
    try:
        return read(value)
    except NotAllowedError as allowed:
        raise FaultError(f"{key}: {shown(value)} is not allowed: {allowed}") from None


def missing(read: Reader, key: str) -> FaultError:
    """Describe what a missing key should have been; TOML has no null, so no reader takes None."""
    try:
        read(None)
    except NotAllowedError as allowed:
        return FaultError(f"{key}: is missing: {allowed}")
    raise AssertionError(key)


def _refuse_unknown(
    name: str,
    keys: Mapping[str, tuple[str, Key]],
    role: str,
    prefix: str,
    foreign: Collection[str],
) -> None:
    known = [one for one, (_, key) in keys.items() if key.only in (None, role)]
    if name in known:
        return
    if name in keys or name in foreign:
        raise FaultError(f"{prefix}{name}: is not a key of a {role}, but of the other end")
    from difflib import get_close_matches  # a running tunnel has no use for it

    meant = get_close_matches(name, known, n=1)
    hint = f"did you mean {prefix}{meant[0]}?" if meant else f"there are {', '.join(sorted(known))}"
    raise FaultError(f"{prefix}{name}: is not a key: {hint}")


def _has_no_default(one: Any) -> bool:
    return one.default is MISSING and one.default_factory is MISSING
