"""However a call ends, rtpengine holds nothing of it afterwards."""

import pytest

from calls.client import Client
from calls.kinds import KINDS, Kind
from calls.rtpengine import Rtpengine
from calls.wire import Wire


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_rtpengine_holds_no_call(
    caller: Client, callee: Client, rtpengine: Rtpengine, wire: Wire, kind: Kind
) -> None:
    call_id = kind(caller, callee, None)
    assert rtpengine.forgets(call_id)
    commands = [each.command for each in wire.ng()]
    assert commands.count("offer") >= 1
    assert commands.count("delete") == 1
    assert all(each.ms is not None for each in wire.ng())
