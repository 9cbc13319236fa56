"""``python -m slowbye.docs.roles``: the table of variables in each role's README.

It is made of the role's ``meta/argument_specs.yml`` and ``defaults/main.yml``, and stands between
two marks; all around it is written by hand.
"""

import json
import re
from collections.abc import Iterator, Mapping
from difflib import unified_diff
from pathlib import Path
from typing import Any

import click
import yaml

from slowbye.errors import SlowbyeError

BEGIN = "<!-- variables: made by `make readmes` -->"
END = "<!-- end of variables -->"

_HEAD = "| variable | type | default | |\n| --- | --- | --- | --- |\n"
_LONGEST_DEFAULT = 60
"""Characters; what is longer is read where it is, with the comment above it."""


def read(path: Path) -> dict[str, Any]:
    """Read a YAML file of a role; one that is not there has nothing."""
    found = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None
    return found or {}


def table(role: Path) -> str:
    """Write the table of a role's variables, a table for each of its entry points."""
    defaults = read(role / "defaults/main.yml")
    parts = []
    for entry, spec in read(role / "meta/argument_specs.yml")["argument_specs"].items():
        rows = "".join(_rows(spec.get("options") or {}, defaults))
        title = "" if entry == "main" else f"`tasks_from: {entry}`: {_sentence(spec)}\n\n"
        parts.append(f"{title}{_HEAD}{rows}" if rows else f"{title}It has no variables.\n")
    return "\n".join(parts)


def _sentence(spec: Mapping[str, Any]) -> str:
    return _marked(spec["short_description"]) + "."


def _rows(
    options: Mapping[str, Any], defaults: Mapping[str, Any], prefix: str = ""
) -> Iterator[str]:
    for name, option in options.items():
        kind = option["type"]
        if kind == "list" and "elements" in option:
            kind = f"list of {option['elements']}"
        cells = (f"`{prefix}{name}`", kind, _default(name, option, defaults), _description(option))
        yield f"| {' | '.join(cells)} |\n"
        within = f"{prefix}{name}{'[]' if option['type'] == 'list' else ''}."
        yield from _rows(option.get("options") or {}, {}, within)


def _default(name: str, option: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    if option.get("required"):
        return "required"
    if name not in defaults and "default" not in option:
        return ""
    value = defaults.get(name, option.get("default"))
    written = value if isinstance(value, str) else json.dumps(value)
    if len(written) > _LONGEST_DEFAULT or "\n" in written:
        return "[long](defaults/main.yml)"
    return f"`{_escaped(written)}`" if written else "empty"


def _description(option: Mapping[str, Any]) -> str:
    described = option["description"]
    text = described if isinstance(described, str) else " ".join(described)
    if choices := option.get("choices"):
        text += f" One of {', '.join(f'`{choice}`' for choice in choices)}."
    return _escaped(_marked(text))


def _marked(text: str) -> str:
    """Turn Ansible's marks, C() and V(), into Markdown's."""
    return re.sub(r"\b[CVO]\(([^)]*)\)", r"`\1`", text)


def _escaped(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def rendered(role: Path) -> str:
    """Return a role's README with its table as it should be.

    Raises:
        SlowbyeError: there is no README, or no place for the table in it.
    """
    readme = role / "README.md"
    if not readme.exists():
        raise SlowbyeError(f"{readme} is missing: say what the role does, and how to use it")
    before, begin, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SlowbyeError(f"{readme} has no place for the variables: {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{table(role)}\n{END}{after}"


def all_roles() -> list[Path]:
    """Return the directories of the roles."""
    return sorted(path.parent.parent for path in Path("roles").glob("*/meta/main.yml"))


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; fail with a diff of what is stale.")
def main(check: bool) -> None:
    """Write the table of variables into each role's README."""
    stale = False
    for role in all_roles():
        readme = role / "README.md"
        wanted = rendered(role)
        there = readme.read_text(encoding="utf-8")
        if there == wanted:
            continue
        if check:
            stale = True
            lines = there.splitlines(keepends=True), wanted.splitlines(keepends=True)
            click.echo("".join(unified_diff(*lines, str(readme), "from its specification")))
        else:
            readme.write_text(wanted, encoding="utf-8")
            click.echo(f"wrote {readme}")
    if stale:
        raise SlowbyeError("these READMEs are not what the roles' specifications say: make readmes")


if __name__ == "__main__":
    try:
        main()
    except SlowbyeError as error:
        raise SystemExit(f"readmes: {error}") from None
