"""A run of playbooks/site.yml that has something to refuse."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

import lab_preflight
from slowbye.hosts import Inventory

pytest_plugins = ["lab_preflight"]

_TIMEOUT_S = 180
_CHANGED = re.compile(r"^(\S+) +: ok=\d+ +changed=([1-9]\d*)", re.MULTILINE)

Refuse = Callable[..., str]


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    groups = {"sip": 2, "media": 2}
    return lab_preflight.examine(config, groups, default="inventory/vps", disturbs=False)


@pytest.fixture
def refuse(lab: Inventory, tmp_path: Path) -> Refuse:
    """Run the playbook with other variables for some hosts, and return in one line what it says.

    It has to fail, and to have changed nothing anywhere.
    """

    def refuse(hosts: Mapping[str, Mapping[str, Any]], **groups: list[str]) -> str:
        more: dict[str, Any] = {"all": {"hosts": hosts, "children": {}}}
        for group, members in groups.items():
            more["all"]["children"][group] = {"hosts": {member: {} for member in members}}
        (tmp_path / "more.yml").write_text(yaml.safe_dump(more))
        program = Path(sys.executable).with_name("ansible-playbook")
        # The one that needs no repository of its own: nothing of it is to be reached.
        variables = ["-e", "sip_proxy_kind=kamailio"]
        sources = ["-i", lab.path, "-i", str(tmp_path / "more.yml")]
        done = subprocess.run(
            [program, *sources, *variables, "playbooks/site.yml"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
        )
        assert done.returncode != 0, "it was not refused"
        assert not _CHANGED.findall(done.stdout), done.stdout[-4000:]
        return " ".join((done.stdout + done.stderr).split())

    return refuse
