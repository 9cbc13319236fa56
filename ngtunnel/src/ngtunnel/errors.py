"""The problems that a person reads as one line instead of a traceback."""


class ConfigError(Exception):
    """Something in the configuration, or a file it names, cannot be used.

    The message says which file and key, what is wrong, and what is allowed or what to do.
    The command line prints it after ``ngtunnel: `` and exits with status 2.
    """
