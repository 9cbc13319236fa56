"""The command line. What a command needs is imported when it is the one that was typed."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ngtunnel import __version__
from ngtunnel.errors import ConfigError

OK = 0
FAILED = 1
BAD_INPUT = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: in the place of the process's own.

    Returns:
        0 if it went well, 1 if it did not, 2 if it was not typed or configured well.
    """
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except ConfigError as error:
        return _complain(error, BAD_INPUT)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _complain(f"{where}{error.strerror or error}", FAILED)
    except KeyboardInterrupt:
        return 128 + 2  # as a shell has it for SIGINT


def _complain(what: object, status: int) -> int:
    print(f"ngtunnel: {what}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ngtunnel",
        description="Carries rtpengine's ng datagrams, or any UDP, over TCP and TLS.",
    )
    parser.add_argument("--version", action="version", version=f"ngtunnel {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    for name, what in (
        ("client", "run the end at the proxy: UDP in, TCP out"),
        ("server", "run the end at rtpengine: TCP in, UDP out"),
        ("check", "say whether a configuration and its certificates are good"),
    ):
        command = commands.add_parser(name, help=what, description=what)
        command.add_argument("--config", required=True, type=Path, metavar="FILE")
        command.set_defaults(run=_check if name == "check" else _run_end, role=name)

    what = "show how running tunnels are"
    status = commands.add_parser("status", help=what, description=what)
    which = status.add_mutually_exclusive_group()
    which.add_argument("--config", type=Path, metavar="FILE", help="the instance's; default: all")
    which.add_argument("address", nargs="?", metavar="ADDRESS", help="where its metrics are served")
    status.add_argument("--json", action="store_true", help="for programs")
    status.set_defaults(run=_status)

    what = "send ng requests to a tunnel, or to rtpengine, and measure the replies"
    probe = commands.add_parser("probe", help=what, description=what)
    probe.add_argument("address", metavar="ADDRESS", help="UDP, such as 127.0.0.1:2223")
    probe.add_argument("--count", type=_count, default=20, metavar="N", help="default: 20")
    probe.add_argument("--timeout", type=_seconds, default=5.0, metavar="S", help="default: 5")
    probe.add_argument("--large", action="store_true", help="ask for a reply longer than an MTU")
    probe.add_argument("--json", action="store_true", help="for programs")
    probe.set_defaults(run=_probe)
    return parser


def _count(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 1_000_000:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not allowed: a whole number from 1 to 1000000")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if 0 < seconds <= 60:
        return seconds
    raise argparse.ArgumentTypeError(f"{text!r} is not allowed: seconds, more than 0, at most 60")


def _run_end(options: argparse.Namespace) -> int:
    from ngtunnel.config import ClientConfig, load

    config = load(options.config)
    if config.role != options.role:
        raise ConfigError(
            f'{options.config}: role: is "{config.role}": '
            f"run ngtunnel {config.role} --config {options.config}"
        )
    if isinstance(config, ClientConfig):
        from ngtunnel.shell.client import run as run_client

        return run_client(config, options.config)
    from ngtunnel.shell.server import run as run_server

    return run_server(config, options.config)


def _check(options: argparse.Namespace) -> int:
    from ngtunnel.check import check

    print(f"OK: {check(options.config)}")
    return OK


def _status(options: argparse.Namespace) -> int:
    from ngtunnel.status_command import show

    return OK if show(options.config, options.address, as_json=options.json) else FAILED


def _probe(options: argparse.Namespace) -> int:
    from ngtunnel.config.values import address_argument
    from ngtunnel.probe import ProbeError, as_json, describe, run

    address = address_argument(options.address)
    try:
        probe = run(address, options.count, large=options.large, timeout_s=options.timeout)
    except ProbeError as error:
        return _complain(error, FAILED)
    print(as_json(address, probe) if options.json else describe(address, probe))
    return OK if probe.good else FAILED
