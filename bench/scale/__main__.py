"""Check runs of playbooks/site.yml for fleets of several sizes, whose hosts answer at once.

What remains is the control node's own work: variables, templates, tasks. Its time for each host
should not grow with the fleet.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from bench.scale import fleet

_ROOT = Path(__file__).parents[2]
_SIZES = {10: (2, 8), 20: (5, 15), 40: (10, 30)}
_GROWS = 1.25


@click.command()
@click.option(
    "--hosts",
    type=click.Choice([str(size) for size in _SIZES]),
    multiple=True,
    help="Sizes of the fleets.  [default: all of these]",
)
def main(hosts: tuple[str, ...]) -> None:
    """Measure the control node's time for fleets of 10, 20 and 40 hosts."""
    sizes = [int(size) for size in hosts] or list(_SIZES)
    click.echo(f"{'hosts':>5}  {'proxies x media':>15}  {'CPU':>8}  {'each host':>9}  {'wall':>8}")
    costs = []
    for size in sizes:
        cpu_s, wall_s = _run(*_SIZES[size])
        costs.append(cpu_s / size)
        shape = " x ".join(map(str, _SIZES[size]))
        click.echo(
            f"{size:>5}  {shape:>15}  {cpu_s:>6.1f} s  {costs[-1]:>7.2f} s  {wall_s:>6.1f} s"
        )
    if costs[-1] > _GROWS * costs[0]:
        sys.exit(f"A host of the largest fleet costs more than {_GROWS} times one of the smallest.")


def _run(proxies: int, media_hosts: int) -> tuple[float, float]:
    """Return the CPU time and the time that one check run took, in seconds."""
    with tempfile.TemporaryDirectory() as directory:
        inventory = fleet.write(Path(directory), proxies, media_hosts)
        command = [
            str(Path(sys.executable).with_name("ansible-playbook")),
            f"--inventory={inventory}",
            "--check",
            "playbooks/site.yml",
        ]
        plugins = f"plugins/connection:{Path(__file__).with_name('connection')}"
        before, begun = _cpu_s(), time.monotonic()
        done = subprocess.run(
            command,
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env={**os.environ, "ANSIBLE_CONNECTION_PLUGINS": plugins, "ANSIBLE_NOCOLOR": "1"},
        )
        if done.returncode:
            sys.exit(f"{done.stdout[-4000:]}{done.stderr}\nThe check run failed.")
        return _cpu_s() - before, time.monotonic() - begun


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
