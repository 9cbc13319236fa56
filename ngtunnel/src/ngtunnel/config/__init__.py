"""The configuration of one instance: a TOML file, every value of which is checked."""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from ngtunnel.config.checks import check_together
from ngtunnel.config.model import (
    ClientConfig,
    Config,
    Limits,
    LogLevel,
    Protocol,
    Role,
    ServerConfig,
    Timing,
    TlsFiles,
)
from ngtunnel.config.table import FaultError, missing, read_table, read_value
from ngtunnel.config.values import Address, one_of
from ngtunnel.errors import ConfigError

__all__ = [
    "Address",
    "ClientConfig",
    "Config",
    "ConfigError",
    "Limits",
    "LogLevel",
    "Protocol",
    "Role",
    "ServerConfig",
    "Timing",
    "TlsFiles",
    "load",
]


def load(path: str | Path) -> Config:
    """Read the configuration of one instance.

    Raises:
        ConfigError: the file cannot be read, is not TOML, or has a key or value that is not
            allowed; only the first fault is told.
    """
    path = Path(path)
    try:
        return _read(_parse(path), path.parent)
    except FaultError as fault:
        raise ConfigError(f"{path}: {fault}") from None


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise FaultError(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise FaultError(f"line {line}: is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise FaultError(f"is not TOML: {error}") from None


def _read(table: dict[str, Any], directory: Path) -> Config:
    table = dict(table)
    read_role = one_of(Role)
    if "role" not in table:
        raise missing(read_role, "role")
    role = read_value(read_role, table.pop("role"), "role")
    is_client = role is Role.CLIENT
    own, other = (ClientConfig, ServerConfig) if is_client else (ServerConfig, ClientConfig)
    found = read_table(table, own, role, other_class=other)
    found["timing"] = Timing(**read_table(found.get("timing", {}), Timing, role, "timing."))
    found["limits"] = Limits(**read_table(found.get("limits", {}), Limits, role, "limits."))
    if found["tls"] is not None:
        tls = TlsFiles(**read_table(found["tls"], TlsFiles, role, "tls."))
        found["tls"] = replace(
            tls,
            certificate=directory / tls.certificate,
            key=directory / tls.key,
            ca=directory / tls.ca,
        )
    if "in_flight_file" in found:
        found["in_flight_file"] = directory / found["in_flight_file"]
    config: Config = own(**found)
    check_together(config, given=frozenset(table))
    return config
