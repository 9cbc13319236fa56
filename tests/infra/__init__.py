"""What a careful operator looks at on the hosts, once they are provisioned."""
