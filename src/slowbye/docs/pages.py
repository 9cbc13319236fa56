"""Renders the pages: prose by hand in ``docs/templates``, ladders and messages from captures.

Each page is rendered from the captures of both proxies. Where they agree but for their spelling,
there is one ladder or message; where they do not there are both, each with its proxy's name.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError, nodes

from slowbye.docs import excerpts, ladder
from slowbye.docs.flow import Flow, read_flow
from slowbye.errors import SlowbyeError

PROXIES = {"kamailio": "Kamailio", "opensips": "OpenSIPS"}

_SUFFIX = ".j2"

_SPELLINGS = (
    (re.compile(r";lr=on\b"), ";lr"),
    (re.compile(r";ftag=[^;>\s]+"), ""),
    (re.compile(r":5060(?=;branch=z9hG4bK-proxy-)"), ""),
)
"""Kamailio writes ``lr=on`` for old devices that cannot read a parameter without a value, and notes
the From's tag in its Record-Route; OpenSIPS writes the default port into its Via."""

Flows = Mapping[str, Mapping[str, Flow]]
"""By proxy, and by name."""


class Pages:
    """The pages of a ``docs`` directory.

    Args:
        docs: the directory, with ``templates`` and ``captures`` in it.

    Raises:
        SlowbyeError: it has no templates.
    """

    def __init__(self, docs: Path) -> None:
        if not (docs / "templates").is_dir():
            raise SlowbyeError(
                f"no {docs}/templates in {Path.cwd()}: run this in slowbye's directory"
            )
        self.docs = docs
        self._environment = Environment(  # noqa: S701 - Markdown, not HTML
            loader=FileSystemLoader(docs / "templates"),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )

    @property
    def names(self) -> list[str]:
        """The pages' names, such as ``sip-routing.md``."""
        found = self._environment.list_templates(filter_func=lambda name: name.endswith(_SUFFIX))
        return [name.removesuffix(_SUFFIX) for name in found]

    def flows_of(self, page: str) -> list[str]:
        """Return the names of the flows that a page shows, in order."""
        loader = self._environment.loader
        assert loader is not None  # noqa: S101
        source = loader.get_source(self._environment, page + _SUFFIX)[0]
        calls = self._environment.parse(source).find_all(nodes.Call)
        named = [
            call.args[0].value
            for call in calls
            if isinstance(call.node, nodes.Name)
            and call.node.name in _SHOWN_BY
            and isinstance(call.args[0], nodes.Const)
        ]
        return list(dict.fromkeys(named))

    def captured(self, proxy: str, name: str) -> Path:
        """Return where a flow is kept."""
        return self.docs / "captures" / proxy / f"{name}.yml"

    def shown_nowhere(self) -> list[Path]:
        """Return the kept flows that no page shows any more."""
        shown = {name for page in self.names for name in self.flows_of(page)}
        kept = (self.docs / "captures").glob("*/*.yml")
        return [path for path in kept if path.stem not in shown]

    def render(self, page: str) -> str:
        """Return a page's text.

        Raises:
            SlowbyeError: a capture is missing, or has not what the page shows.
        """
        names = self.flows_of(page)
        flows = {
            proxy: {name: read_flow(self.captured(proxy, name)) for name in names}
            for proxy in PROXIES
        }
        shown = _Shown(flows)
        try:
            template = self._environment.get_template(page + _SUFFIX)
            return template.render({name: getattr(shown, name) for name in _SHOWN_BY})
        except TemplateError as error:
            raise SlowbyeError(f"docs/templates/{page}{_SUFFIX}: {error}") from error


class _Shown:
    """What a template can show."""

    def __init__(self, flows: Flows) -> None:
        self._flows = flows

    def ladder(
        self, name: str, only: Sequence[str] = (), without: Sequence[str] = ("REGISTER",)
    ) -> str:
        """Draw a flow, or of it only some methods, or all without some."""

        def one(flow: Flow) -> list[str]:
            steps = [
                step
                for step in flow.steps
                if step.method not in without and (not only or step.method in only)
            ]
            return [ladder.draw(flow.actors, steps)]

        return self._each(name, "text", one)

    def message(
        self, name: str, what: str, source: str, target: str, *headers: str, number: int = 1
    ) -> str:
        """Show a message's first line and some headers."""

        def one(flow: Flow) -> list[str]:
            step = excerpts.choose(flow, what, source, target, number)
            return [f"{source} → {target}", *excerpts.excerpt(step, headers)]

        return self._each(name, "text", one)

    def changed(
        self, name: str, what: str, source: str, between: str, target: str, *headers: str,
        number: int = 1, exact: bool = False,
    ) -> str:  # fmt: skip
        """Show what one between two others changed in a message that it passed on.

        With ``exact`` the proxies' spellings are shown, too.
        """

        def one(flow: Flow) -> list[str]:
            came, went = excerpts.passed_on(flow, what, (source, between, target), number)
            title = f"@@ {what}: {source} → {between} → {target} @@"
            return [title, *excerpts.difference(came, went, headers)]

        return self._each(name, "diff", one, exact)

    def fact(self, name: str, key: str) -> str:
        """Return a figure in words; it has to be the same with both proxies."""
        said = {proxy: flows[name].facts.get(key) for proxy, flows in self._flows.items()}
        first, *others = said.values()
        if first is None or any(each != first for each in others):
            raise SlowbyeError(f"docs/captures: {key!r} of {name} is not one thing: {said}")
        return first

    def _each(
        self, name: str, language: str, one: Callable[[Flow], list[str]], exact: bool = False
    ) -> str:
        texts = {proxy: "\n".join(one(flows[name])) for proxy, flows in self._flows.items()}
        if not exact:
            texts = {proxy: _plain(text) for proxy, text in texts.items()}
            if len(set(texts.values())) == 1:
                return _block(language, next(iter(texts.values())))
        return "\n\n".join(
            f"{PROXIES[proxy]}:\n\n{_block(language, text)}" for proxy, text in texts.items()
        )


def _block(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"


def _plain(text: str) -> str:
    """Return a text without what only one proxy writes and what means nothing to anyone else."""
    for pattern, instead in _SPELLINGS:
        text = pattern.sub(instead, text)
    return text


_SHOWN_BY = ("ladder", "message", "changed", "fact")
