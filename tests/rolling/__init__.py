"""A fleet is changed while it has calls: by ``playbooks/upgrade.yml`` and ``rollback.yml``."""
