"""Journals without errors since boot, but for those of times when tests disturbed the hosts."""

from infra.fleet import Unit
from infra.journal_errors import errors


def test_a_unit_has_logged_no_error_since_boot(unit: Unit) -> None:
    assert errors(unit) == []
