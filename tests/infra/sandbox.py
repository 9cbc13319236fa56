"""A service's sandbox, tried from within.

A copy of the unit with a script of ours instead of its program is given by systemd what the service
is given: its user, its view of the file system, its filter of system calls. The script looks for
files that anybody may read and change, so that nothing but the sandbox stands in its way.
"""

from dataclasses import dataclass
from functools import cache

from infra.fleet import Unit

WRITTEN = ("/etc", "/usr/local", "/boot")
"""Where there is a file that anybody could change."""

SEEN = ("/home", "/tmp")  # noqa: S108 - to be looked at
"""Where there is a file that anybody could see."""

_NAME = "slowbye-sandbox"
_SCRIPT, _ANSWER = f"/run/{_NAME}.sh", f"/run/{_NAME}.answer"
_MARKS = " ".join(f"{directory}/{_NAME}" for directory in (*WRITTEN, *SEEN))

_LOOK = f"""
for mark in {_MARKS}; do
  if [ -e $mark ]; then
    echo sees $mark
    if echo >>$mark; then echo writes $mark; fi
  fi
done 2>/dev/null
echo is in $(readlink /proc/self/ns/mnt)
"""

# What would harm the running service, or keep its copy from being a script.
_OVERRIDES = f"""
[Service]
Type=oneshot
NotifyAccess=none
PIDFile=
WatchdogSec=0
Restart=no
RuntimeDirectory=
ExecStartPre=
ExecStart=
ExecStart=/bin/sh {_SCRIPT}
ExecStartPost=
ExecReload=
ExecStop=
ExecStopPost=
StandardOutput=truncate:{_ANSWER}
"""

_TRY = f"""
unit=$1
case $unit in *@*) copy={_NAME}@${{unit#*@}} ;; *) copy={_NAME}.service ;; esac
trap 'rm -f /run/systemd/system/$copy {_SCRIPT} {_ANSWER} {_MARKS}' EXIT
set -e
printf '%s' "$2" >{_SCRIPT}
{{ systemctl cat --no-pager $unit; printf '%s' "$3"; }} >/run/systemd/system/$copy
for mark in {_MARKS}; do : >$mark; chmod 0666 $mark; done
systemctl start $copy
cat {_ANSWER}
echo all are in $(readlink /proc/1/ns/mnt)
"""


@dataclass(frozen=True)
class Findings:
    """What the script found.

    Attributes:
        seen: the directories whose file it saw.
        written: the directories whose file it could change.
        is_apart: whether it has a view of the file system of its own.
    """

    seen: frozenset[str]
    written: frozenset[str]
    is_apart: bool


@cache
def explore(service: Unit) -> Findings:
    """Look around in a service's sandbox."""
    lines = service.machine.output(
        "sh -c %s sh %s %s %s", _TRY, service.name, _LOOK, _OVERRIDES
    ).splitlines()
    found = {
        verb: frozenset(
            line.split()[1].rpartition("/")[0] for line in lines if line.startswith(verb)
        )
        for verb in ("sees", "writes")
    }
    namespaces = {line.split()[-1] for line in lines if " in mnt:" in line}
    return Findings(found["sees"], found["writes"], len(namespaces) == 2)
