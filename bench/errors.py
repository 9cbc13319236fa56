"""The one exception that a person sees as a sentence instead of a traceback."""


class BenchError(Exception):
    """A problem that whoever typed the command can act on: what is wrong, where, what to do."""
