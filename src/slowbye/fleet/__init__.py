"""How a fleet of hosts is, from what its hosts have said to ``playbooks/status.yml``."""
