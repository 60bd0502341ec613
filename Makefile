# From nothing to a live desk: `make run`. From nothing to a verdict: `make test`.
# Everything is built under this folder: .venv/, node_modules/, static/vendor/, static-built/, var/.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
PY := $(BIN)/python
NODE_LEAST := 18
VENDOR := static/vendor
# Each worker has a home, a database and a Redis of its own; a file's tests stay together, the browser's come last.
WORKERS ?= 2
SIDE_BY_SIDE = -n $(WORKERS) --dist loadfile --no-loadscope-reorder
STATIC_FILES := $(shell find static apps/*/static -type f -not -path '$(VENDOR)/*' 2>/dev/null)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export npm_config_update_notifier := false
export npm_config_fetch_retry_mintimeout := 1000
# A Node from a wheel brings certificates of its own; behind a proxy the machine's are needed.
export NODE_USE_SYSTEM_CA := 1

.PHONY: help setup setup-dev run test fast check browser bench chaos replay clean

help: ## show what can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup: .venv/.base $(VENDOR)/.copied static-built/.collected ## environment, assets, database; starts nothing
	@$(PY) manage.py migrate --noinput -v 0

setup-dev: .venv/.dev $(VENDOR)/.copied static-built/.collected ## what the tests and checks need besides

run: .venv/.base $(VENDOR)/.copied static-built/.collected ## a live desk in one process
	@exec $(PY) manage.py desk

test: setup-dev ## every test, on SQLite and on PostgreSQL, Redis and Chromium started privately
	@$(PY) -m tests.services.chromium
	DATABASE=sqlite $(BIN)/pytest -q $(SIDE_BY_SIDE) -m both_databases tests/integration
	$(BIN)/pytest -q $(SIDE_BY_SIDE) -m "not chaos"

fast: setup-dev ## domain, tapes, architecture: seconds
	DATABASE=sqlite $(BIN)/pytest -q $(wildcard tests/domain tests/tapes tests/architecture)

check: setup-dev ## format, lint, types, import contracts, missing migrations
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PY) manage.py makemigrations --check --dry-run

browser: setup-dev ## only the browser tests
	@$(PY) -m tests.services.chromium
	$(BIN)/pytest -q tests/browser

bench: setup-dev ## the benchmarks: a table and var/bench.json
	$(PY) -m benchmarks

chaos: setup-dev ## kill -9 at 100 moments of a streamed hour, and every fault of the simulator
	$(BIN)/pytest -q -m chaos --timeout 7200

replay: setup ## make replay DAY=2026-01-05: a recorded day once more, compared with what was said live
	@test -n "$(DAY)" || { echo "Say which day: make replay DAY=2026-01-05" >&2; exit 2; }
	$(PY) manage.py replay_day $(DAY)

clean: ## take away what was built, but not var/
	rm -rf .venv node_modules $(VENDOR) static-built .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

# --- The environment ---------------------------------------------------------------------------------------

.venv/.made:
	@set -e; for name in "$${PYTHON:-python3}" python3.13 python3.12 python3.11; do \
	    if command -v "$$name" >/dev/null 2>&1 \
	        && "$$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))'; \
	    then found=$$name; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	    echo "tradehub needs Python 3.11, 3.12 or 3.13: install one and run make again." >&2; exit 2; fi; \
	if ! "$$found" -c 'import ensurepip, venv' 2>/dev/null; then \
	    echo "tradehub needs Python's venv: install it (on Debian: apt-get install python3-venv) and run make again." >&2; exit 2; fi; \
	echo "making .venv with $$($$found --version)"; \
	rm -rf .venv; "$$found" -m venv .venv; touch $@

# uv is quick; where it cannot be had, pip does the same more slowly.
.venv/.uv: .venv/.made requirements/setup.txt
	@$(PY) -m pip install -q -r requirements/setup.txt || echo "uv cannot be had; going on with pip" >&2
	@touch $@

define install
	@echo "installing $(1)"
	@if [ -x $(BIN)/uv ] && $(BIN)/uv pip install -q --system-certs --python $(PY) --compile-bytecode -r $(1) 2>.venv/uv.log; then :; \
	else $(PY) -m pip install -q -r $(1) || { \
	    echo "The packages of $(1) cannot be installed: see above; is the network there?" >&2; exit 2; }; fi
	@touch $@
endef

.venv/.base: requirements/base.txt .venv/.uv
	$(call install,requirements/base.txt)

.venv/.dev: requirements/dev.txt .venv/.base
	$(call install,requirements/dev.txt)

# --- What browsers load ------------------------------------------------------------------------------------

node_modules/.installed: package.json package-lock.json .venv/.uv
	@echo "installing package-lock.json"
	@set -e; node_version() { "$$1" -p 'parseInt(process.versions.node)' 2>/dev/null || echo 0; }; \
	if command -v npm >/dev/null 2>&1 && [ "$$(node_version node)" -ge $(NODE_LEAST) ]; then :; \
	else \
	    [ -x $(BIN)/npm ] || { echo "installing requirements/node.txt"; $(PY) -m pip install -q -r requirements/node.txt; }; \
	    PATH="$$PWD/$(BIN):$$PATH"; export PATH; \
	fi; \
	npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null \
	    || { echo "The packages of package-lock.json cannot be installed: see above; is the network there?" >&2; exit 2; }
	@touch $@

$(VENDOR)/.copied: node_modules/.installed
	@mkdir -p $(VENDOR)
	@cp node_modules/lightweight-charts/dist/lightweight-charts.standalone.production.js \
	    node_modules/lightweight-charts/dist/lightweight-charts.standalone.production.mjs \
	    node_modules/uplot/dist/uPlot.iife.min.js node_modules/uplot/dist/uPlot.esm.js \
	    node_modules/uplot/dist/uPlot.min.css $(VENDOR)/
	@touch $@

static-built/.collected: .venv/.base $(VENDOR)/.copied $(STATIC_FILES)
	@$(PY) manage.py collectstatic --noinput --clear -v 0
	@touch $@
