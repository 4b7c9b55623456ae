# Everything a newcomer or a pipeline runs. Needs Python 3.11 or later, make, and the packages that
# requirements.lock names. Pass what a tool should get with ARGS, e.g. `make test ARGS='-k appeal'`.

SHELL := /bin/sh
MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# Where `up` and `demo` keep their data, and the port before the first service's.
export VAR ?= var
export PORT_BASE ?= 8000

VENV := .venv
TOOLS := $(VENV)/bin
PIP := $(TOOLS)/python -m pip --disable-pip-version-check -qq
CODE := $(wildcard services tests bench migrations deploy)
COMPILE := $(TOOLS)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
           --no-emit-index-url --no-header $(if $(UPGRADE),--upgrade)

# The interpreter for a new environment: PYTHON if given, else the first that starts and is new enough.
PYTHON ?=
NEW_ENOUGH := import sys, ensurepip, sqlite3, ssl, venv; sys.exit(sys.version_info < (3, 11))

##@ Running
.PHONY: up demo token
ROLES := make token ROLE=industry_officer, or ROLE=producer BIN=181240006529
up: $(VENV)/.project ## Run the three services here until Ctrl-C (VAR=var, PORT_BASE=8000)
	@exec $(TOOLS)/tizilim up $(ARGS)

demo: $(VENV)/.project ## Tell producers' whole lives, step by step (ARGS=--apart, ARGS='--story clean')
	@exec $(TOOLS)/tizilim demo $(ARGS)

token: $(VENV)/.project ## Print a development token: ROLE=industry_officer, or ROLE=producer BIN=181240006529
	@$(if $(ROLE)$(findstring --role,$(ARGS)),,echo "which ROLE? $(ROLES)" >&2; exit 2;) \
	exec $(TOOLS)/tizilim token $(if $(ROLE),--role $(ROLE)) $(if $(BIN)$(IIN),--producer $(or $(BIN),$(IIN))) $(ARGS)

##@ Judging
.PHONY: test check bench chaos fuzz mutations independent browser
test: $(VENV)/.dev browser ## Run the tests on two cores (ARGS goes to pytest)
	@$(TOOLS)/pytest -n 2 --dist worksteal $(ARGS)

# The one thing that comes from outside .venv. BROWSER=none leaves the machine as it is.
BROWSER_PACKAGES := chromium fonts-dejavu-core
browser: ## Install Debian's chromium for the tests of pages, if there is none (BROWSER=none: leave it)
	@for name in chromium chromium-browser google-chrome-stable google-chrome chrome; do \
	  if command -v $$name >/dev/null 2>&1; then exit 0; fi; \
	done; \
	if [ "$(BROWSER)" = none ]; then \
	  echo "no Chromium here, and BROWSER=none: the tests of pages in a browser are skipped"; exit 0; \
	fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	  echo "no Chromium here: installing the system packages $(BROWSER_PACKAGES) with apt-get," \
	    "for the tests of pages (BROWSER=none leaves them out)"; \
	  export DEBIAN_FRONTEND=noninteractive; apt-get update -qq >/dev/null && \
	  apt-get install -y -qq --no-install-recommends $(BROWSER_PACKAGES) >/dev/null && exit 0; \
	  echo "that failed: the tests of pages in a browser are skipped" >&2; exit 0; \
	fi; \
	echo "no Chromium here: the tests of pages in a browser are skipped. On Debian and Ubuntu they need" \
	  "sudo apt-get install $(BROWSER_PACKAGES)" >&2

check: check-style check-format check-types check-imports check-openapi check-migrations check-files ## Judge style, types, import rules, generated files and links

bench: $(VENV)/.dev ## Measure appends, commands, feed, replay, latency, rounds, log (ARGS=journal)
	@$(TOOLS)/python -m bench $(ARGS)

chaos: $(VENV)/.dev ## Kill the services again and again under load (CHAOS_KILLS=60, CHAOS_SEED=20260302)
	@CHAOS_KILLS=$${CHAOS_KILLS:-60} WEBHOOK_KILLS=$${WEBHOOK_KILLS:-200} \
	  WEBHOOK_EVENTS=$${WEBHOOK_EVENTS:-10000} $(TOOLS)/pytest -q tests/reliability $(ARGS)

fuzz: $(VENV)/.dev ## Send hostile requests to every operation (FUZZ_EXAMPLES=300 each)
	@FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-300} $(TOOLS)/pytest -q -n 2 --dist worksteal tests/contract $(ARGS)

mutations: $(VENV)/.dev ## Alter a stored journal at random; each change must be found (MUTATIONS=10000)
	@MUTATIONS=$${MUTATIONS:-10000} $(TOOLS)/pytest -q tests/kernel/journal/sealing/test_mutations.py $(ARGS)

JUDGES := build/independent
independent: $(VENV)/.dev ## Have verifiers by others judge our proofs (installs them from PyPI and npm)
	@test -d $(JUDGES)/python || $(TOOLS)/python -m venv $(JUDGES)/python
	@$(JUDGES)/python/bin/pip install --quiet -r tests/proof/independent/requirements.txt
	@cp tests/proof/independent/package.json $(JUDGES)/
	@npm install --prefix $(JUDGES) --silent --no-audit --no-fund --no-package-lock
	@INDEPENDENT_VERIFIERS=$(CURDIR)/$(JUDGES) $(TOOLS)/pytest -q tests/proof/test_independent.py $(ARGS)

.PHONY: check-style check-format check-types check-imports check-openapi check-migrations check-files
check-style: $(VENV)/.dev
	@$(TOOLS)/ruff check --quiet .

check-format: $(VENV)/.dev
	@$(TOOLS)/ruff format --check --quiet . || { echo "not formatted; run: make format" >&2; exit 1; }

check-types: $(VENV)/.dev
	@$(TOOLS)/mypy --strict --no-error-summary $(CODE)

check-imports: $(VENV)/.dev
	@$(TOOLS)/lint-imports --no-logo

check-openapi: $(VENV)/.project
	@$(TOOLS)/tizilim openapi --check

check-migrations: $(VENV)/.project
	@$(TOOLS)/tizilim migrate --check

check-files: $(VENV)/.dev
	@$(TOOLS)/pytest -q tests/deployment tests/documentation

##@ Writing
.PHONY: format openapi lock
format: $(VENV)/.dev ## Format the code and fix what can be fixed by itself
	@$(TOOLS)/ruff check --fix --quiet . || true
	@$(TOOLS)/ruff format .

openapi: $(VENV)/.project ## Write openapi/ anew from the code
	@$(TOOLS)/tizilim openapi

lock: $(VENV)/.dev ## Write the lock files anew from pyproject.toml (UPGRADE=1 takes newer versions)
	@$(COMPILE) pyproject.toml --group build --output-file requirements.lock
	@$(COMPILE) pyproject.toml --group dev --constraints requirements.lock --output-file requirements-dev.lock

##@ Housekeeping
.PHONY: help install clean
help: ## Show this
	@awk 'BEGIN { FS = ":.*## "; print "make TARGET, where TARGET is one of" } \
	  /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  %-11s  %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

install: $(VENV)/.dev ## Install everything, tests' and checks' tools too, into .venv

clean: ## Remove the environment and caches; data in VAR stays
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

# Installed again only when the lock, or for the last step the project's own description, changes.
$(TOOLS)/python:
	@for python in $(or $(PYTHON),python3.13 python3.12 python3.11 python3.14 python3 python); do \
	  if "$$python" -c '$(NEW_ENOUGH)' >/dev/null 2>&1; then \
	    echo "making $(VENV) with $$("$$python" --version)" >&2; exec "$$python" -m venv --clear $(VENV); \
	  fi; \
	done; \
	echo "No usable Python 3.11 or later (with venv, ssl and sqlite3)$(if $(PYTHON),: $(PYTHON))." >&2; \
	echo "Install one, or name it: make $(firstword $(MAKECMDGOALS) help) PYTHON=/path/to/python3.11" >&2; exit 1

$(VENV)/.runtime: requirements.lock | $(TOOLS)/python
	@echo "installing requirements.lock" >&2  # not into what `make -s token` prints
	@$(PIP) install --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.project: pyproject.toml $(VENV)/.runtime
	@$(PIP) install --no-deps --no-build-isolation --no-index --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.project
	@echo "installing requirements-dev.lock" >&2
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@
