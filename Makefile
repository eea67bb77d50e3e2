# limpet's tasks. Each does its own set-up and is quick the second time.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

VENV := .venv
READY := $(VENV)/.complete
ARGS ?=
LAB_PACKAGES := tools/apt.sh tools/packages-lab.txt \
	|| echo "Going on without them: what needs them will be skipped or will say so."

# Virtual machines take minutes where the CPU is emulated: the whole of them is a target of its own.
QUICK := not vm or ci

.PHONY: help setup demo demo-vm test vm-test appliance-vm-test check simulate bench clean

help: ## List these targets
	@echo "usage: make TARGET [ARGS='more arguments']"
	@echo
	@sed -nE 's/^([a-z][a-z-]*):.*## (.*)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: $(READY) ## Make .venv with the limpet command
	@true

$(READY): pyproject.toml requirements.lock tools/venv.sh tools/packages-setup.txt
	@tools/venv.sh

demo: setup ## Show a network appliance hand over to its network OS, and what it survives (root)
	@$(LAB_PACKAGES)
	@$(VENV)/bin/limpet lab demo $(ARGS)

demo-vm: setup ## Show a new plain VM that provisions itself, and the agent at work in it (root)
	@$(LAB_PACKAGES)
	@$(VENV)/bin/limpet lab demo-vm $(ARGS)

test: setup ## Run the tests: unit tests first, then system tests (those need root)
	@$(LAB_PACKAGES)
	@$(VENV)/bin/pytest -W error -m "$(QUICK)" $(ARGS)

vm-test: setup ## Run the tests in virtual machines, all of them (root)
	@$(LAB_PACKAGES)
	@$(VENV)/bin/pytest -W error tests/vm $(ARGS)

appliance-vm-test: setup ## Run those of an appliance in a virtual machine, with its times told (root)
	@$(LAB_PACKAGES)
	@$(VENV)/bin/pytest -W error -s tests/vm/test_appliance*.py $(ARGS)

check: setup ## Lint, types and import rules
	@code=0; for tool in "ruff check ." "ruff format --check ." mypy lint-imports; do \
		echo "check: $$tool"; $(VENV)/bin/$$tool || code=1; \
	done; exit $$code

SEEDS ?= 20000
simulate: setup ## Live through an appliance's life with faults, in memory: SEEDS=20000 lives, or SEED=1234 with its story
	@$(VENV)/bin/python -m tests.appliance.simulation.run \
		$(if $(SEED),--seed $(SEED),--points --damages 5000 --seeds $(SEEDS)) $(ARGS)

bench: setup ## Measure ours and its peers side by side: the agent, appliances, boot in namespaces and in VMs (root)
	@$(LAB_PACKAGES)
	@$(VENV)/bin/limpet lab bench --page docs/benchmarks.md $(ARGS)
	@$(VENV)/bin/limpet lab bench-boot-ns --page docs/benchmarks.md $(ARGS)
	@$(VENV)/bin/limpet lab bench-appliance --page docs/benchmarks-appliance.md $(ARGS)
	@$(VENV)/bin/limpet lab bench-boot --page docs/benchmarks-boot.md $(ARGS)

clean: ## Remove everything that the targets above have made in this folder
	rm -rf $(VENV) .cache build dist .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
