# make demo      run the sample job here, from the queue message to the callback (INPUT=path: another genome)
# make start     run the whole stack on this machine, to work against
# make test      every test            make check    lint, types, import contracts
# make format    tidy the code         make clean    forget everything that can be made again
# make host-recordings   replay on the embedded Functions host what takes too long for make test

SHELL := /bin/bash
BIN := .venv/bin
PYTHON_READY := .venv/.installed
# legacy_weather is not among them: that the app does not have it is what it shows.
EXAMPLES := examples/genome_kmers examples/heat_rod examples/mandelbrot_tiles
NODE_READY := node_modules/.installed

.PHONY: help demo start test host-recordings check install format clean

help:
	@sed -n '/^$$/q; s/^# //p' Makefile

demo: install
	@$(BIN)/batchmgr demo $${INPUT:+"$$INPUT"}

start: install
	@$(BIN)/batchmgr start

test: install
	@$(BIN)/pytest -q -n 2 --dist loadgroup

host-recordings: install
	@$(BIN)/pytest -q -m host_recordings tests/functions_host/recordings

check: $(PYTHON_READY)
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet || { echo "Badly formatted: run make format" >&2; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(PYTHON_READY)
	@$(BIN)/ruff check --quiet --fix
	@$(BIN)/ruff format --quiet

install: $(PYTHON_READY) $(NODE_READY)

# A python3.x on the PATH need not work (a version manager's shim), nor have venv (Debian packages it apart).
$(PYTHON_READY): pyproject.toml $(EXAMPLES:=/pyproject.toml)
	@if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	    for python in python3.13 python3.12 python3.11 python3 none; do \
	        $$python -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	    done; \
	    if [ $$python = none ]; then \
	        echo "batchmgr needs Python 3.11 or newer, with venv, on the PATH" \
	            "(on Debian and Ubuntu: apt install python3 python3-venv)." >&2; \
	        exit 1; \
	    fi; \
	    echo "Making .venv with $$($$python --version) …"; \
	    $$python -m venv --clear .venv; \
	fi
	@echo "Installing Python packages …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' $(EXAMPLES:%=-e %)
	@touch $@

$(NODE_READY): package.json
	@command -v npm >/dev/null || { \
	    echo "Azurite, the storage emulator, needs Node.js 20 or newer, with npm, on the PATH." >&2; exit 1; }
	@echo "Installing Azurite …"
	@npm install --loglevel=error >/dev/null
	@touch $@

clean:
	@rm -rf .venv node_modules demo-output .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
