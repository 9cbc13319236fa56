import pytest

import lab_preflight
from slowbye.hosts import PODMAN_CONNECTION

pytest_plugins = ["lab_preflight"]


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    return lab_preflight.examine(config, {"sip": 1}, default="inventory/vps")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where the hosts are reached through Podman, no rule can lock anybody out."""
    if config.option.collectonly:
        return
    if config.stash[lab_preflight.LAB].first("sip").connection == PODMAN_CONNECTION:
        skip = pytest.mark.skip(reason="needs hosts that are reached over SSH")
        for item in items:
            item.add_marker(skip)
