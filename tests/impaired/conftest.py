import pytest

import lab_preflight

pytest_plugins = ["lab_preflight"]


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    return lab_preflight.examine(config, {"sip": 1, "media": 1, "clients": 1, "wan": 1})
