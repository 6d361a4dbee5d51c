# `make` lists what can be made. Each of them sets up first whatever it needs.

.DEFAULT_GOAL := help
.PHONY: help demo test test-cluster sanitizers certification bench setup lint clean

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

demo: ## Measure a real file and an NBD device, compare them, write a report
	@scripts/setup.sh run
	@.venv/bin/storbench demo

test: ## Run all checks: style, layers, types, tests
	@scripts/setup.sh test
	@rm -rf build # setuptools would pack modules that are no longer there
	@.venv/bin/tox run

test-cluster: ## Break members of GlusterFS and Ceph clusters, as root; installs both
	@scripts/setup.sh cluster
	@rm -rf build
	@.venv/bin/tox run -e cluster

sanitizers: ## Run the tests of the emulator's C under sanitizers
	@scripts/setup.sh test
	@rm -rf build
	@.venv/bin/tox run -e sanitizers

certification: ## Certify sound and defective emulated drives, killed and resumed runs
	@scripts/setup.sh test
	@rm -rf build
	@.venv/bin/tox run -e certification

bench: ## Run the benchmarks
	@scripts/setup.sh test
	@rm -rf build
	@.venv/bin/tox run -e bench

setup: ## Install what is missing, for work on storbench as well
	@scripts/setup.sh test

lint: setup ## Correct the style where that can be done, show the rest
	@.venv/bin/ruff check --fix --exit-zero --quiet >/dev/null
	@.venv/bin/ruff format --quiet
	@.venv/bin/ruff check

clean: ## Remove environments, caches and builds; runs/ stays
	@rm -rf .venv .tox build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
