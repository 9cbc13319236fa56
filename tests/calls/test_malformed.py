"""Messages made to break parsers, and broken ones: nobody else feels them.

Calls with RTP go on all the while and end well; no process of the proxy ends, none complains of
more than the message, and the next request is answered.
"""

import random
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from sipmessage import Request

from calls.client import Client
from calls.harm import Watch, calls_meanwhile
from calls.inbox import PATIENCE_S
from calls.messages import token
from calls.torture import corpus
from calls.torture.corpus import Torture
from calls.torture.mutation import mutate
from slowbye.hosts import Host, Inventory

pytestmark = pytest.mark.alone

_CORPUS = list(corpus.read())
_STATUS = re.compile(rb"SIP/2\.0 ([2-6][0-9]{2})")
_UNANSWERED_S = 0.3
"""So long nothing may come when a proxy is to say nothing: much longer than an answer takes."""

_SEED = 4475
_MUTATIONS = 500
_PARTS = 5


@pytest.fixture(scope="module")
def watch(lab: Inventory, proxy: Host) -> Iterator[Watch]:
    """Calls that go on during all of these tests, and a look at the proxy after them."""
    watch = Watch(proxy)
    with calls_meanwhile(proxy, lab.first("clients")):
        yield watch
    watch.assert_unharmed()


@pytest.fixture
def target(new_client: Callable[..., Client]) -> Client:
    """Who answers for the users whom the messages name."""
    return new_client("target")


@pytest.fixture(autouse=True)
def _unharmed(watch: Watch, new_client: Callable[..., Client]) -> Iterator[None]:
    yield
    bystander = new_client("bystander")
    bystander.send(bystander.build("OPTIONS", f"sip:{bystander.proxy[0]}"))
    bystander.receive_response(200, "OPTIONS")
    watch.assert_same_processes()


@dataclass(frozen=True)
class Sending:
    """One way in which a message is sent, and what may become of it.

    What is relayed is known by a mark in its Call-ID.
    """

    whose: str
    sender: Client
    data: bytes
    mark: bytes
    allowed: set[str]

    def becomes(self, target: Client) -> str:
        """Return the status of its answer, ``relayed``, or ``nothing`` so far."""
        came = [*(bytes(each.message) for each in target.received), *target.not_sip]
        if any(self.mark in each for each in came if not each.startswith(b"SIP/")):
            return "relayed"
        answers = [*(bytes(each.message) for each in self.sender.received), *self.sender.not_sip]
        for found in filter(None, map(_STATUS.match, answers)):
            return found[1].decode()
        return "nothing"


def _wait(sendings: list[Sending], target: Client, longest_s: float) -> None:
    """Wait until something has come of each."""
    deadline = time.monotonic() + longest_s
    while time.monotonic() < deadline:
        if all(each.becomes(target) != "nothing" for each in sendings):
            return
        time.sleep(0.01)


def _refuse_all(target: Client) -> None:
    """Let nobody wait for the answer to what was relayed."""
    for received in target.received:
        if isinstance(received.message, Request):
            target.reply(received.message, 486)


@pytest.mark.parametrize("torture", _CORPUS, ids=lambda torture: torture.name)
def test_a_torture_message_is_handled_as_the_corpus_says(
    new_client: Callable[..., Client], target: Client, watch: Watch, torture: Torture
) -> None:
    """Over UDP and TCP: to another domain, as the RFC has it to the byte, and to a user of ours."""
    if torture.user:
        # and at no other place: some messages of the corpus register users, too
        to = {"To": f"<sip:{torture.user}@{target.proxy[0]}>"}
        target.register(expires=0, headers={**to, "Contact": "*"})
        target.register(headers=to)
    sendings = []
    for transport in ("udp", "tcp"):
        for whose in ("elsewhere", "ours"):
            mark = token()
            ours = torture.for_domain(target.proxy[0], mark)
            data = ours if whose == "ours" else torture.data
            sender = new_client(f"{whose}-{transport}", transport=transport)
            allowed = torture.may_become(whose, watch.name, transport)
            sendings.append(Sending(whose, sender, data, mark.encode(), allowed))
            sender.send_bytes(data)

    _wait([each for each in sendings if "nothing" not in each.allowed], target, PATIENCE_S)
    _wait(sendings, target, _UNANSWERED_S)
    became = [(each, each.becomes(target)) for each in sendings]
    _refuse_all(target)

    wrong = {each.sender.name: one for each, one in became if one not in each.allowed}
    assert wrong == {}


@pytest.mark.parametrize("part", range(_PARTS))
def test_mutated_messages_do_no_harm(
    new_client: Callable[..., Client], target: Client, part: int
) -> None:
    """A bounded fuzz, the same in every run; a failing part can be run alone."""
    chance = random.Random(f"{_SEED}-{part}")  # noqa: S311 - reproducible, not secret
    whole = [each.for_domain(target.proxy[0], token()) for each in _CORPUS if each.valid]
    sender = new_client("sender")
    for _ in range(_MUTATIONS // _PARTS):
        sender.send_bytes(mutate(chance.choice(whole), chance))
