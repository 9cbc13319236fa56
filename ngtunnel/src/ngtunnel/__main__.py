"""``python -m ngtunnel``."""

import sys

from ngtunnel.cli import main

sys.exit(main())
