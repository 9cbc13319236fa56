"""Digest authentication as a client does it (RFC 7616, with MD5; RFC 3261 section 22)."""

import secrets
from dataclasses import dataclass, field
from hashlib import md5

from sipmessage import AuthChallenge, AuthCredentials, AuthParameters, Request, Response

_HEADERS = {
    401: ("WWW-Authenticate", "Authorization"),
    407: ("Proxy-Authenticate", "Proxy-Authorization"),
}


@dataclass
class Account:
    """Who a client says it is, and how it proves that.

    Attributes:
        nonce_count: how often the last nonce has been used.
    """

    name: str
    password: str
    nonce_count: int = field(default=0, init=False)
    challenge: AuthParameters | None = field(default=None, init=False)
    header: str = field(default="", init=False)

    def take(self, response: Response) -> AuthParameters:
        """Learn from a 401 or 407, and return its parameters."""
        asks, self.header = _HEADERS[response.code]
        self.challenge = AuthChallenge.parse(response.headers[asks]).parameters
        self.nonce_count = 0
        return self.challenge

    def credentials(self, method: str, uri: str) -> dict[str, str]:
        """Return the header that answers the last challenge, for a method and Request-URI."""
        assert self.challenge is not None
        given = self.challenge
        self.nonce_count += 1
        count, cnonce = f"{self.nonce_count:08x}", secrets.token_hex(8)
        secret = _hash(self.name, given["realm"], self.password)
        response = _hash(secret, given["nonce"], count, cnonce, "auth", _hash(method, uri))
        parameters = AuthParameters(
            username=self.name,
            realm=given["realm"],
            nonce=given["nonce"],
            uri=uri,
            response=response,
            algorithm="MD5",
            qop="auth",
            cnonce=cnonce,
            nc=count,
        )
        return {self.header: str(AuthCredentials("Digest", parameters))}

    def answer(self, request: Request, response: Response) -> dict[str, str]:
        """Return the header with which a request is sent again after its 401 or 407."""
        self.take(response)
        return self.credentials(request.method, str(request.uri))


def _hash(*parts: str) -> str:
    return md5(":".join(parts).encode(), usedforsecurity=False).hexdigest()
