#!/usr/bin/python
"""Takes rtpengine nodes out of the sets of the proxy that runs on this host, or puts them back."""

import contextlib
import json
import os
import re
import select
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: rtpengine_nodes
short_description: Which rtpengine nodes take new calls
description:
  - Asks and tells the running proxy, Kamailio or OpenSIPS, through its own management interface.
  - A restart of the proxy forgets it, so that all nodes are in use again.
author: slowbye
options:
  urls:
    description: The nodes, as the proxy's sets name them. Those that are in no set are left aside.
    type: list
    elements: str
    default: []
  state:
    description: Whether they are to take new calls. Without urls it does not matter.
    type: str
    choices: [enabled, disabled]
    default: enabled
  spare:
    description: Whether, to disable them, each of their sets has to have another node in use.
    type: bool
    default: true
"""

RETURN = """
nodes:
  description: All nodes of the proxy after the change, with the set, and whether each is disabled.
  type: list
  returned: always
  sample: [{set: 0, url: "udp:127.0.0.1:2223", disabled: false}]
"""

_KAMAILIO = Path("/run/kamailio/kamailio_ctl")
_OPENSIPS = Path("/run/opensips/opensips_fifo")
_TIMEOUT_S = 10.0
_ALONE = 1000
"""From this set on, each set is one node by itself, for the dialogs that it has the media of."""

Node = dict[str, Any]


class ProxyError(Exception):
    """The proxy does not do as it is told."""


class Kamailio:
    """Kamailio, by kamcmd."""

    def nodes(self) -> list[Node]:
        """Return all nodes of all sets."""
        said = self._ask("rtpengine.show", "all")
        found = []
        for record in re.findall(r"\{(.*?)\}", said, re.DOTALL):
            fields = dict(re.findall(r"(\w+): (\S+)", record))
            disabled = not fields["disabled"].startswith("0")
            found.append({"set": int(fields["set"]), "url": fields["url"], "disabled": disabled})
        return found

    def switch(self, url: str, *, disabled: bool) -> None:
        """Let a node take new calls, or none."""
        self._ask("rtpengine.enable", url, "0" if disabled else "1")

    def _ask(self, *command: str) -> str:
        try:
            done = subprocess.run(
                ["kamcmd", "-s", f"unix:{_KAMAILIO}", *command],
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_S,
            )
        except (OSError, subprocess.TimeoutExpired) as fault:
            raise ProxyError(f"kamcmd {' '.join(command)}: {fault}") from fault
        if done.returncode != 0 or "error:" in done.stdout + done.stderr:
            raise ProxyError(f"kamcmd {' '.join(command)}: {(done.stderr or done.stdout).strip()}")
        return done.stdout


class Opensips:
    """OpenSIPS, by its FIFO."""

    def nodes(self) -> list[Node]:
        """Return all nodes of all sets."""
        return [
            {
                "set": int(each["Set"]),
                "url": node["url"],
                "disabled": str(node["disabled"]) not in ("0", "false", "False"),
            }
            for each in self._ask("rtpengine_show")
            for node in each["Nodes"]
        ]

    def switch(self, url: str, *, disabled: bool) -> None:
        """Let a node take new calls, or none."""
        self._ask("rtpengine_enable", url=url, enable=0 if disabled else 1)

    def _ask(self, method: str, **params: object) -> Any:
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        # The reply comes through a FIFO beside the other one.
        reply = Path(tempfile.mktemp(prefix="reply-", dir=_OPENSIPS.parent))  # noqa: S306
        os.mkfifo(reply)
        try:
            reply.chmod(0o666)
            reading = os.open(reply, os.O_RDONLY | os.O_NONBLOCK)
            try:
                writing = os.open(_OPENSIPS, os.O_WRONLY | os.O_NONBLOCK)
                with open(writing, "w", encoding="utf-8") as fifo:
                    fifo.write(f":{reply.name}:{json.dumps(request)}")
                answer = json.loads(_read(reading))
            finally:
                os.close(reading)
        except (OSError, ValueError) as fault:
            raise ProxyError(f"OpenSIPS did not answer {method}: {fault}") from fault
        finally:
            with contextlib.suppress(OSError):
                reply.unlink()
        if "error" in answer:
            raise ProxyError(f"OpenSIPS refuses {method}: {answer['error'].get('message')}")
        return answer["result"]


def _read(fifo: int) -> str:
    """Read what the one writer of a FIFO says, to its end.

    Raises:
        OSError: it says nothing, or does not end.
    """
    said = b""
    deadline = time.monotonic() + _TIMEOUT_S
    while select.select([fifo], [], [], max(0.0, deadline - time.monotonic()))[0]:
        part = os.read(fifo, 65536)
        if said and not part:
            return said.decode()
        said += part
        if not part:
            time.sleep(0.01)  # nobody has opened it for writing yet
        if time.monotonic() > deadline:
            break
    raise TimeoutError(f"no reply within {_TIMEOUT_S:g} s")


def _running() -> Kamailio | Opensips:
    # Either leaves its socket behind where it was killed; a FIFO without a reader does not open.
    with contextlib.suppress(OSError):
        os.close(os.open(_OPENSIPS, os.O_WRONLY | os.O_NONBLOCK))
        return Opensips()
    if _KAMAILIO.exists():
        return Kamailio()
    raise ProxyError(f"no proxy is running: neither {_KAMAILIO} nor {_OPENSIPS} is there")


def _left(nodes: list[Node], urls: list[str]) -> list[int]:
    """Return the sets that would have no node for new calls any more."""
    return sorted(
        {
            each["set"]
            for each in nodes
            if each["url"] in urls
            and each["set"] < _ALONE
            and not any(
                other["set"] == each["set"] and other["url"] not in urls and not other["disabled"]
                for other in nodes
            )
        }
    )


def main() -> None:
    """Do what Ansible asks for."""
    module = AnsibleModule(
        {
            "urls": {"type": "list", "elements": "str", "default": []},
            "state": {"choices": ["enabled", "disabled"], "default": "enabled"},
            "spare": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    urls: list[str] = module.params["urls"]
    disabled = module.params["state"] == "disabled"
    try:
        proxy = _running()
        nodes = proxy.nodes()
        if disabled and module.params["spare"] and (empty := _left(nodes, urls)):
            module.fail_json(
                msg=f"without {', '.join(urls)} no node would be left for new calls in the "
                f"rtpengine sets {', '.join(map(str, empty))} of this proxy: no other there is in "
                "use. Add one, mend one, or set drain_spare to false: then calls are refused",
                nodes=nodes,
            )
        wrong = sorted({n["url"] for n in nodes if n["url"] in urls and n["disabled"] != disabled})
        if not module.check_mode:
            for url in wrong:
                proxy.switch(url, disabled=disabled)
            nodes = proxy.nodes() if wrong else nodes
    except ProxyError as fault:
        module.fail_json(msg=str(fault))
    module.exit_json(changed=bool(wrong), nodes=nodes)


if __name__ == "__main__":
    main()
