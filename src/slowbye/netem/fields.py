"""Checked access to a mapping that a person wrote: a YAML document or command-line options."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from slowbye.errors import SlowbyeError


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Suggest the known word closest to a mistyped one: ``"; did you mean …?"`` or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def read_yaml(path: Path) -> object:
    """Read a YAML file.

    Raises:
        SlowbyeError: the file cannot be read or is not YAML.
    """
    import yaml

    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SlowbyeError(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SlowbyeError(f"{path}: not YAML: {' '.join(str(error).split())}") from error


@dataclass(frozen=True)
class Parameter:
    """A value that the keys of a document may refer to, and where it was given."""

    value: str
    where: str


class Fields:
    """The keys of one mapping, each of which must be known; errors name the file and the key.

    A text such as ``$delay`` stands for the parameter of that name.
    """

    def __init__(
        self,
        value: object,
        where: str,
        known: Iterable[str],
        parameters: Mapping[str, "Parameter"] | None = None,
    ) -> None:
        if not isinstance(value, Mapping):
            raise SlowbyeError(f"{where}: expected keys and values, found {value!r}")
        self.where = where
        self._values: dict[str, object] = dict(value)
        self._names: dict[str, str] = {}
        known = tuple(known)
        for key in self._values:
            if key not in known:
                raise SlowbyeError(
                    f"{where}: unknown key {key!r}{did_you_mean(str(key), known)} "
                    f"(known: {', '.join(known)})"
                )
        for key, given in value.items():
            if isinstance(given, str) and given.startswith("$"):
                parameter = (parameters or {}).get(given[1:])
                if parameter is None:
                    raise SlowbyeError(f"{where}: {key}: there is no parameter {given[1:]!r}")
                self._values[key] = parameter.value
                self._names[key] = parameter.where

    def name(self, key: str) -> str:
        """Where the value of the key comes from, for an error."""
        return self._names.get(key, f"{self.where}: {key}")

    def get(self, key: str) -> object:
        """Whatever is there, or None."""
        return self._values.get(key)

    def text(self, key: str) -> str | None:
        """The value as text (numbers as they were written), or None without one.

        Raises:
            SlowbyeError: it is a list, a mapping or a boolean.
        """
        value = self._values.get(key)
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        raise SlowbyeError(f"{self.name(key)}: expected a single value, found {value!r}")

    def required(self, key: str) -> str:
        """The value as text.

        Raises:
            SlowbyeError: it is missing or not a single value.
        """
        value = self.text(key)
        if value is None:
            raise SlowbyeError(f"{self.where}: the key {key!r} is missing")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; empty without one.

        Raises:
            SlowbyeError: it is not a list of texts.
        """
        value = self._values.get(key)
        if value is None:
            return ()
        if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
            raise SlowbyeError(f"{self.name(key)}: expected a list such as [sip, media]")
        return tuple(value)
