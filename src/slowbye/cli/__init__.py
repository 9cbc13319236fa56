"""The ``slowbye`` command: one module for each sub-command, imported only when it is asked for.

Lazy, because the WAN node has pyroute2 and no sipua, the clients have sipua and no Ansible, and
because Python starts slowly in the router's kernel.
"""

import importlib
import sys

import click

from slowbye import __version__
from slowbye.errors import SlowbyeError

_COMMANDS = {
    "wan": "impair a WAN: apply, show or clear netem profiles on this host",
    "call": "place SIP calls through the proxy and time every transaction",
    "reproduce": "run calls over each path under each WAN profile and judge the result",
    "report": "show the results of an earlier run again",
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = importlib.import_module(f"slowbye.cli.{cmd_name}").command
        assert isinstance(command, click.Command)  # noqa: S101
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def slowbye() -> None:
    """Reproduce, prove and cure slow SIP BYEs caused by fragmented rtpengine replies."""


def main() -> None:
    """Run the command line; a SlowbyeError is one sentence on stderr and exit status 2."""
    try:
        slowbye()
    except SlowbyeError as error:
        sys.exit(_report(error))


def _report(error: SlowbyeError) -> int:
    click.echo(f"slowbye: {error}", err=True)
    return 2
