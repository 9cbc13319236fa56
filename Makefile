# slowbye: `make reproduce` shows the bug and its cure, `make test` tests, `make help` says the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# Parameters; each is also an extra-var or option of the same name further down.
PROXY ?= auto
WAN_DRIVER ?= auto
PROFILES ?= clean,fragment-delay,fragment-drop,lossy,udp-blocked
PATHS ?= direct,socat,ngtunnel
DELAY ?= 4s
RTT ?= 20ms
CALLS ?= 20
# More variables for the playbooks: EXTRA="-e opensips_apt_uri=http://10.0.0.1:8000"
EXTRA ?=
# Answers for make inventory, which it need not ask for then: INVENTORY="-e fleet=berlin -e sip=192.0.2.11 -e media=192.0.2.21"
INVENTORY ?=
# Where the benchmark runs: loopback, or wan, the lab's.
WHERE ?= loopback
# More options for the benchmark: BENCH="--quick --cases one,8x8"
BENCH ?=

one_of = $(if $(filter $($(1)),$(2)),,$(error $(1)=$($(1)) is not known: use one of $(2)))
$(call one_of,PROXY,auto opensips kamailio)
$(call one_of,WAN_DRIVER,auto container uml)
$(call one_of,WHERE,loopback wan)

VENV := .venv/bin
REPRODUCE := $(VENV)/slowbye reproduce --delay $(DELAY) --rtt $(RTT) --calls $(CALLS) --profiles $(PROFILES) --paths $(PATHS)
LAB_VARIABLES := -e sip_proxy_kind=$(PROXY) -e wan_driver=$(WAN_DRIVER) $(EXTRA)

.PHONY: help
help: ## say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16
	@echo
	@echo 'Variables: PROXY=$(PROXY) WAN_DRIVER=$(WAN_DRIVER) PROFILES=$(PROFILES) PATHS=$(PATHS) DELAY=$(DELAY) RTT=$(RTT) CALLS=$(CALLS) WHERE=$(WHERE) EXTRA="$(EXTRA)"'

.PHONY: reproduce
reproduce: setup ## set up what is missing, show the bug and its cure on real calls, write results/
	@$(REPRODUCE) --dry-run >/dev/null  # bad parameters are told before anything is built
	@bin/lab $(LAB_VARIABLES)
	@$(REPRODUCE)

.PHONY: setup
setup:
	@bin/setup

.PHONY: lab
lab: setup ## bring the lab up, or up to date
	@bin/lab --again $(LAB_VARIABLES)

.PHONY: inventory
inventory: setup ## write the inventory of a fleet, out of a few facts that it asks for, or INVENTORY="-e fleet=… -e sip=… -e media=…"
	@$(VENV)/ansible-playbook playbooks/inventory.yml $(INVENTORY)

.PHONY: test
test: ## the same set-up, then linters, unit tests, and over the lab: hosts, calls, the bug
	@bin/setup --dev
	@tests/run $(LAB_VARIABLES)

.PHONY: test-ci
test-ci: ## what CI runs: the same, and the tunnel's faults, netem, and the cure of all that a WAN does
	@bin/setup --dev
	@tests/run --ci $(LAB_VARIABLES)

.PHONY: test-all
test-all: ## the same, and what takes an hour and more: all of molecule's scenarios, SIPp's load, the soak
	@bin/setup --dev
	@tests/run --all $(LAB_VARIABLES)

.PHONY: soak
soak: ## the tunnel's faults at full length, a minute each: about a quarter of an hour
	@bin/setup --dev
	@tests/faults/run --duration=60 --junitxml=results/soak/faults.xml

.PHONY: mesh
mesh: ## two proxies and two media hosts, their tunnels stopped under calls; then the lab as it was
	@bin/setup --dev
	@tests/mesh/run $(LAB_VARIABLES)

.PHONY: lint
lint: ## linters and types
	@bin/setup --dev
	@tests/lint

.PHONY: docs
docs: ## write docs/sip-routing.md and docs/the-bug.md anew, out of what calls over the lab put on the wire
	@bin/setup --dev
	@bin/docs write $(LAB_VARIABLES)

.PHONY: docs-check
docs-check: ## fail, with a diff, where these pages are not what was on the wire
	@bin/setup --dev
	@bin/docs check $(LAB_VARIABLES)

.PHONY: readmes
readmes: ## write the variables into the roles' READMEs anew, out of their specifications
	@bin/setup --dev
	@$(VENV)/python -m slowbye.docs.roles

.PHONY: bench
bench: ## compare the tunnels on this machine, or WHERE=wan, write results/bench-…; BENCH="--quick" or "--help"
	@bin/setup --dev --bench
	@$(VENV)/python -m bench --where $(WHERE) $(BENCH) --dry-run >/dev/null  # as for reproduce
	@if [ $(WHERE) = wan ]; then bin/lab $(LAB_VARIABLES); fi
	@$(VENV)/python -m bench --where $(WHERE) $(BENCH)

.PHONY: scale
scale: ## what fleets of 10, 20 and 40 hosts cost the control node; their hosts are not there, the templates are
	@bin/setup --dev
	@$(VENV)/python -m bench.scale

.PHONY: requirements
requirements: ## pin and hash the requirements anew from pyproject.toml
	@bin/requirements

.PHONY: clean
clean: ## remove every trace of the lab, the image, .venv and .cache; results/ stay
	@if command -v podman >/dev/null; then \
	  { [ -x $(VENV)/ansible-playbook ] || bin/setup; } && \
	  $(VENV)/ansible-playbook playbooks/teardown.yml -e lab_remove_image=true; \
	fi
	@rm -rf .venv .cache
