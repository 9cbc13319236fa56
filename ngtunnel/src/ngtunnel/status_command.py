"""Shows the status of one instance, or of every one that is configured on this host."""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from ngtunnel.config import Address, load
from ngtunnel.config.values import address_argument
from ngtunnel.errors import ConfigError
from ngtunnel.status import Status, StatusError, read
from ngtunnel.status_text import describe

CONFIG_DIRECTORY = Path("/etc/ngtunnel")


def show(config: Path | None, address: str | None, *, as_json: bool) -> bool:
    """Print the status of instances; of those that do not answer, on stderr why.

    Args:
        config: of one instance.
        address: of one instance's metrics, in the place of its configuration.
        as_json: print one JSON list, in the place of text.

    Returns:
        Whether every one of them answers and carries datagrams.

    Raises:
        ConfigError: the one instance asked for has no metrics, or there is none at all.
    """
    if address is not None:
        one = address_argument(address)
        found = [_read(str(one), one)]
    elif config is not None:
        found = [_read(config.stem, _metrics_of(config))]
    else:
        found = [_read_configured(path) for path in _configurations()]
    known = [(name, status) for name, status in found if status is not None]
    if as_json:
        print(json.dumps([{"name": name, **asdict(status)} for name, status in known], indent=2))
    elif known:
        print("\n\n".join(describe(name, status, time.time()) for name, status in known))
    return len(known) == len(found) and all(status.carries for _, status in known)


def _configurations() -> list[Path]:
    paths = sorted(CONFIG_DIRECTORY.glob("*.toml"))
    if not paths:
        raise ConfigError(
            f"{CONFIG_DIRECTORY}: there is no *.toml that can be read: "
            "name one with --config, or the address of an instance's metrics"
        )
    return paths


def _metrics_of(path: Path) -> Address:
    config = load(path)
    if config.metrics is None:
        raise ConfigError(f'{path}: metrics: is missing: set it, such as "127.0.0.1:9223"')
    return config.metrics


def _read_configured(path: Path) -> tuple[str, Status | None]:
    try:
        return _read(path.stem, _metrics_of(path))
    except ConfigError as error:
        # The others may be well.
        print(f"ngtunnel: {error}", file=sys.stderr)
        return path.stem, None


def _read(name: str, address: Address) -> tuple[str, Status | None]:
    try:
        return name, read(address)
    except StatusError as error:
        which = "" if name == str(address) else f"{name}: "
        print(f"ngtunnel: {which}{error}", file=sys.stderr)
        return name, None
