import pytest

import lab_preflight

pytest_plugins = ["lab_preflight", "made_with"]


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    groups = {"sip": 1, "media": 1, "clients": 1}
    return lab_preflight.examine(config, groups, default="inventory/vps")
