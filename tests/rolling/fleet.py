"""The fleet that is changed: its playbooks, and what runs where."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from slowbye.hosts import Host, Inventory
from slowbye.reproduce.playbook import play

_SHOW = """for daemon in rtpengine-daemon kamailio opensips; do
  systemctl --quiet is-enabled $daemon 2>/dev/null || continue
  dpkg-query --show --showformat '${Package}=${Version}\\n' $daemon
  systemctl show --property=ActiveEnterTimestampMonotonic $daemon
done"""


@dataclass(frozen=True)
class Fleet:
    """Its hosts, where its playbooks write what they say, and the variables it was made with."""

    lab: Inventory
    log: Path
    variables: Mapping[str, str]

    @property
    def hosts(self) -> list[Host]:
        """Return all that can be changed, in the order in which they are."""
        return [*self.lab.group("media"), *self.lab.group("sip")]

    def play(self, playbook: str, variables: Mapping[str, object]) -> None:
        """Run a playbook.

        Raises:
            SlowbyeError: it failed.
        """
        # The media hosts of a lab need not wait for the calls of an hour.
        play(
            self.lab.path, playbook, {"drain_limit": "120", **self.variables, **variables}, self.log
        )

    def said(self) -> str:
        """Return what the playbooks have said, in one line."""
        return " ".join(self.log.read_text(encoding="utf-8").split())

    def versions(self, host: Host) -> dict[str, str]:
        """Return what is installed of what serves calls."""
        pairs = (line.partition("=") for line in self._show(host) if "Timestamp" not in line)
        return {name: version for name, _, version in pairs}

    def started(self, host: Host) -> list[str]:
        """Return when each of its daemons was started, in words that only compare."""
        return [line for line in self._show(host) if "Timestamp" in line]

    def _show(self, host: Host) -> list[str]:
        return host.run(["sh", "-c", _SHOW]).stdout.splitlines()
