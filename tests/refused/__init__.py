"""Bad input: playbooks/site.yml refuses it before anything is changed on any host.

Each test gives one host of the lab's servers other variables, or spoils it, and reads what the
playbook says.
"""
