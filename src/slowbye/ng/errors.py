"""What can be wrong with an ng message; every error names what was found."""

from slowbye.errors import SlowbyeError


class NgError(SlowbyeError):
    """An ng message that cannot be encoded, read or believed."""


class NgCookieError(NgError):
    """The datagram does not begin with a cookie and a space."""


class NgBodyError(NgError):
    """What follows the cookie is neither a bencoded nor a JSON dictionary."""


class NgKindError(NgError):
    """The dictionary is neither a request (``command``) nor a reply (``result``)."""


class NgTimeoutError(NgError):
    """Nobody answered in time."""


class NgReplyError(NgError):
    """rtpengine answered ``result: error``; the message is its ``error-reason``."""
