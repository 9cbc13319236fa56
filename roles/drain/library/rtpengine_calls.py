#!/usr/bin/python
"""Says how many calls the rtpengine of this host has, or waits until it has none."""

import re
import socket
import time

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: rtpengine_calls
short_description: How many calls an rtpengine has
description: Asks its command line interface. A deleted call counts for as long as it lingers.
author: slowbye
options:
  cli:
    description: Where that listens, as address:port.
    type: str
    required: true
  wait:
    description: For how many seconds to wait until there are none.
    type: int
    default: 0
"""

RETURN = """
calls:
  description: How many, after the wait.
  type: int
  returned: success
"""

_TIMEOUT_S = 10.0
_LOOK_S = 1.0


class CliError(Exception):
    """rtpengine's command line does not say it."""


def _calls(cli: str) -> int:
    address, _, port = cli.rpartition(":")
    said = ""
    try:
        with socket.create_connection((address.strip("[]"), int(port)), _TIMEOUT_S) as asking:
            asking.sendall(b"list numsessions\n")
            while part := asking.recv(4096):
                said += part.decode(errors="replace")
    except (OSError, ValueError) as fault:
        raise CliError(f"rtpengine's command line {cli} (rtpengine_listen_cli): {fault}") from fault
    found = re.search(r"^Current sessions own: *(\d+)", said, re.MULTILINE)
    if found is None:
        raise CliError(f"rtpengine's command line {cli} says {said!r}, which is no number of calls")
    return int(found[1])


def main() -> None:
    """Do what Ansible asks for."""
    module = AnsibleModule(
        {"cli": {"required": True}, "wait": {"type": "int", "default": 0}},
        supports_check_mode=True,
    )
    deadline = time.monotonic() + (0 if module.check_mode else module.params["wait"])
    try:
        while (calls := _calls(module.params["cli"])) and time.monotonic() < deadline:
            time.sleep(_LOOK_S)
    except CliError as fault:
        module.fail_json(msg=str(fault))
    module.exit_json(changed=False, calls=calls)


if __name__ == "__main__":
    main()
