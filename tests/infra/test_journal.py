"""Journals without errors, since boot, apart from what these tests themselves did to a service."""

from infra import wreckage
from infra.fleet import Unit


def test_a_unit_has_logged_no_error_since_boot(unit: Unit) -> None:
    assert wreckage.errors(unit) == []
