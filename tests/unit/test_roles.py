"""Every role can be taken into another playbook: it says what it is, and all that it takes."""

from pathlib import Path
from typing import Any

import pytest

from slowbye.docs.roles import all_roles, read, rendered

_ROLES = all_roles()


@pytest.fixture(params=_ROLES, ids=lambda role: role.name)
def role(request: pytest.FixtureRequest) -> Path:
    found = request.param
    assert isinstance(found, Path)
    return found


def _options(role: Path) -> dict[str, Any]:
    """Return the options of all its entry points."""
    found: dict[str, Any] = {}
    for spec in read(role / "meta/argument_specs.yml")["argument_specs"].values():
        found.update(spec.get("options") or {})
    return found


def test_there_are_roles() -> None:
    assert len(_ROLES) == len([path for path in Path("roles").iterdir() if path.is_dir()])


def test_every_variable_with_a_default_is_specified(role: Path) -> None:
    assert set(read(role / "defaults/main.yml")) - set(_options(role)) == set()


def test_a_specified_variable_is_the_roles_own(role: Path) -> None:
    """By its name, or nobody can tell what sets it."""
    own = f"{role.name}_"
    assert [name for name in _options(role) if not name.startswith(own)] == []


def test_the_specification_and_the_defaults_agree(role: Path) -> None:
    """A default that is a template is said in words, and a long list need not be said again."""
    options = _options(role)
    differ = {
        name: (value, options[name].get("default"))
        for name, value in read(role / "defaults/main.yml").items()
        if not options[name].get("required")
        and options[name].get("default", value if _is_long(value) else None) != value
    }
    assert differ == {}, "in defaults/main.yml, and in meta/argument_specs.yml"


def test_what_is_specified_with_a_default_has_it(role: Path) -> None:
    defaults = read(role / "defaults/main.yml")
    said = {name for name, option in _options(role).items() if "default" in option}
    assert said - set(defaults) == set()


def _is_long(value: object) -> bool:
    return "{{" in str(value) or bool(isinstance(value, list | dict) and value)


def test_every_option_says_its_type_and_what_it_is(role: Path) -> None:
    def unsaid(options: dict[str, Any]) -> list[str]:
        found = [name for name, o in options.items() if not o.get("type") or not o["description"]]
        for option in options.values():
            found += unsaid(option.get("options") or {})
        return found

    assert unsaid(_options(role)) == []


def test_a_role_says_what_it_is_and_where_it_runs(role: Path) -> None:
    about = read(role / "meta/main.yml")["galaxy_info"]
    assert about["description"]
    assert about["license"] == "MIT"
    assert about["min_ansible_version"]
    assert about["platforms"] == [{"name": "Debian", "versions": ["bookworm", "trixie"]}]


def test_the_readme_has_the_variables_as_they_are_specified(role: Path) -> None:
    assert (role / "README.md").read_text(encoding="utf-8") == rendered(role), "make readmes"
