"""Says of a configuration what it would do, if it is good."""

import sys
import time
from pathlib import Path

from ngtunnel import logs
from ngtunnel.config import ClientConfig, Config, load


def check(path: Path) -> str:
    """Read a configuration and the certificates that it names.

    Returns:
        One line: what an instance with it would do.

    Raises:
        ConfigError: something in it, or a file that it names, cannot be used.
    """
    config = load(path)
    logs.set_up(config.log_level, sys.stderr)
    if isinstance(config, ClientConfig):
        links = "1 link" if config.links == 1 else f"{config.links} links"
        what = f"client, {config.protocol}: UDP {config.listen} over {links} to {config.server}"
    else:
        what = f"server, {config.protocol}: TCP {config.listen} to UDP {config.target}"
        if config.allow is not None:
            networks = ", ".join(str(network) for network in config.allow)
            what += f", for {networks or 'NOBODY (allow is empty)'}"
    scraped = f"metrics on {config.metrics}" if config.metrics else "no metrics"
    return f"{what}; {_tls(config)}; {scraped}"


def _tls(config: Config) -> str:
    if config.tls is None:
        return "IN THE CLEAR (tls = false)"
    from ngtunnel import tls

    if isinstance(config, ClientConfig):
        tls.client_context(config.tls)
    else:
        tls.server_context(config.tls)
    until = time.strftime("%Y-%m-%d", time.gmtime(tls.not_after(config.tls)))
    names = ", ".join(sorted(tls.own_names(config.tls))) or "no name"
    what = f"TLS as {names} until {until}"
    if isinstance(config, ClientConfig):
        return f"{what}, expecting {tls.expected_name(config.tls, config.server)}"
    if config.allow_names is None:
        return what
    return f"{what}, for {', '.join(sorted(config.allow_names)) or 'NOBODY (allow_names is empty)'}"
