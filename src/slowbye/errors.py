"""The one exception that a person sees as a sentence instead of a traceback."""


class SlowbyeError(Exception):
    """A problem that whoever typed the command can act on.

    The message says what is wrong, where (file, key, host, interface) and what to do about it.
    The command line prints it after ``slowbye: `` and exits with status 2.
    """
