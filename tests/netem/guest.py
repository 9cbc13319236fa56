"""Inside UML: load the modules, run the tests, leave the exit status for the host."""

import os
import sys
from pathlib import Path

import pytest

from netem.modules import load

_MODULES = (
    "ipv6",
    "veth",
    "ifb",
    "sch_netem",
    "sch_prio",
    "cls_u32",
    "sch_htb",
    "sch_ingress",
    "act_mirred",
    "sch_fq_codel",
    "sch_tbf",
    "sch_cake",
    "sch_codel",
    "sch_fq",
    "sch_drr",
)

if __name__ == "__main__":
    results = Path(sys.argv[1])
    os.chdir(Path(__file__).parents[2])
    for module in _MODULES:
        load(module)
    arguments = (results / "arguments").read_text().splitlines()
    status = pytest.main(arguments)
    sys.stdout.flush()
    (results / "status").write_text(str(int(status)))
    os.sync()
