"""Reads what playbooks/status.yml has collected from standard input, and prints the table.

It is a JSON object of host names, each with what that host said.
"""

import json
import re
import sys
from datetime import UTC, datetime
from io import StringIO

from rich.console import Console

from slowbye.fleet.host_status import read
from slowbye.fleet.table import show

_WIDTH = 160
"""Columns: Ansible passes it on line by line, whatever the window is."""

if __name__ == "__main__":
    said = json.load(sys.stdin)
    now = datetime.now(UTC)
    console = Console(width=_WIDTH, record=True, file=StringIO())
    show([read(name, answers, now) for name, answers in said.items()], console)
    # Ansible shows lines as they are only if none ends with a space.
    print(re.sub(r" +$", "", console.export_text(), flags=re.MULTILINE), end="")
