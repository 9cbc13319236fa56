import os
from pathlib import Path

import pytest

from slowbye.errors import SlowbyeError
from slowbye.reproduce.lock import alone


@pytest.fixture(autouse=True)
def _own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def test_a_second_session_is_told_who_has_the_hosts() -> None:
    with (
        alone("inventory/lab"),
        pytest.raises(SlowbyeError, match=f"process {os.getpid()}"),
        alone("inventory/lab"),
    ):
        pass


def test_another_inventory_is_free_and_so_is_the_same_one_afterwards() -> None:
    with alone("inventory/lab"), alone("inventory/production"):
        pass
    with alone("inventory/lab"):
        pass
