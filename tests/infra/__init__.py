"""What a careful operator looks at on the hosts, once they are provisioned.

``pytest tests/infra`` looks at the lab, ``pytest tests/infra --inventory inventory/production`` at
any others, over SSH: as root, or as a user who may use sudo without a password. What should be
there is derived from the inventory's variables and the roles' defaults. A host that has more to do
says so in its variable ``also_listening``, a list like ``[{protocol: udp, port: 68}]``.

The tests of crashes kill each service once, last of all; calls under way feel it, and
``-m "not crashes"`` leaves them out. Nothing else disturbs a host that is in use. They are made for
a network that is not impaired.
"""
