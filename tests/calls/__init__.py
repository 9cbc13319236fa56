"""SIP behaviour: calls through the lab, and what was on the wire.

    pytest tests/calls                 # against inventory/lab; --inventory names another
    pytest tests/calls -n 3            # in parallel, with pytest-xdist

The SIP logic runs here; only a client's sockets live on a host (:mod:`calls.sockets`). A test is a
sentence, takes what it needs as fixtures, does what its users do, and then looks at the wire::

    def test_the_callee_ends_the_call(caller, callee, rtpengine, wire):
        calling, called = talk(caller, callee)          # INVITE, 180, 200, ACK: calls.talking
        hang_up(called, caller)                         # BYE, 200
        assert rtpengine.forgets(calling.call_id)
        (bye,) = wire.requests("BYE", wire.proxy)       # those that the proxy sent
        assert bye.destination == caller.address

Fixtures
    ``caller``, ``callee``: registered users over UDP, with names of their own in each test.
    ``phone``: another one, behind NAT; without such a host in the inventory the test is skipped.
    ``new_client(role, host=…, transport="udp"|"tcp", address=…)``: any other, on any host of the
    inventory (``lab.first("natted")``), not registered yet.
    ``wire``: :meth:`~calls.wire.Wire.sip`, ``requests(method, source)``, ``responses(code, method,
    source)`` are this test's messages, in order, over UDP and TCP, each with ``source``,
    ``destination``, ``transport``, ``at``, ``message``; ``ng()`` its ng commands with their times.
    A message belongs to the test by its Call-ID: clients make them (``client.new_call_id()``);
    for any other say ``wire.watch(call_id)``. Everything is saved in results/calls/TEST.pcap.
    ``rtpengine``: ``holds(call_id)``, ``forgets(call_id)`` (waits).
    ``lab`` (the inventory), ``proxy`` (the first proxy host).

What a client sends (:mod:`calls.client`, :mod:`calls.dialog`)
    ``client.register()``, ``client.invite(uri)`` → :class:`~calls.dialog.Dialog`, and
    ``client.reply``. A dialog has ``receive(200)``, ``ack()``, ``cancel()``,
    ``offer("sendonly")`` (a re-INVITE) and ``send(method)``; the callee's is
    ``Dialog.called(callee, invite)`` with ``ring()``, ``answer()`` and ``respond(486)``.
    Whole calls: :mod:`calls.talking`, :mod:`calls.kinds`. RTP: ``client.media``.
    *Different headers*: every one of these takes ``headers={"Contact": "<sip:a@10.0.0.1>",
    "Route": ["<sip:1.2.3.4;lr>", …], "Max-Forwards": None}``: a value, several, or none at all.
    *Everything different*: ``request = client.build("INVITE", uri)`` or ``dialog.build("BYE")``,
    change it (it is a ``sipmessage.Request``), ``client.send(request)``. Bytes: ``send_bytes``.
    *A client with other habits*: set ``client.contact``, ``client.sent_by``, ``client.route``;
    ``dialog.route_set``, ``dialog.remote_target``, ``dialog.remote``.

What it gets
    ``client.receive_request("BYE")`` and ``client.receive_response(200, "INVITE")`` wait (five
    seconds at most) and say what came instead; ``client.received`` is everything, repetitions
    included. Header values as they came: ``messages.values(message, "Record-Route")``.

Markers
    ``@pytest.mark.alone``: the test changes what others see (the WAN, a daemon, all workers): it
    runs by itself, after the others.
    ``@pytest.mark.ladder("title")``: the documentation shows it.
"""
