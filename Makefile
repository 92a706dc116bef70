# make demo      run the sample job on this machine, from the queue message to the callback
#                (INPUT=genome.fa: on another genome)
# make start     run the whole stack on this machine, for development
# make test      run the tests of every change; CONTRIBUTING.md says which others there are
# make check     check lint rules, formatting, types, import contracts and, with a Bicep compiler, infra/
# make format    format the code
# make clean     remove all files that can be created again
#
# make chaos     run a storm over the whole stack, and check that every job ends all the same;
#                then the tests that wait for real limits, and all cases of kills and races
#                (SEED=7: the storm of that seed; JOBS=60: how many jobs; many minutes)
# make snapshots write anew what infra/ would make, after a change there (needs the Bicep compiler)
# make identity          run the integration tests on a stack without keys, as in Azure (many minutes)
# make host-recordings   replay the recordings of Microsoft's Functions host, but for those in make emulators
#                        (about six minutes)
# make smoke     the end-to-end tests that may be pointed at a deployment: BATCHMGR_URL=https://… and
#                BATCHMGR_FUNCTION_KEY or BATCHMGR_AUDIENCE; without BATCHMGR_URL, on the local stack
# make emulators         the tests of the emulators alone: of Azure Batch, Microsoft Entra and the Functions host
# make browser   more of what the dashboard does, in Chromium
# make clients   the whole ways of users: a new workload in a fresh environment up to its job, the wheels of
#                a deployed app, pipelines of Data Factory in every case, other clients of Azure Batch,
#                and the commands of the documents, as they are written
# make bench             measure what batchmgr costs at scale, beside other ways to do the same work
# make package-index     the tests that install libraries from the package index
# make reference         write docs/reference, which is made of the code
# make screenshots       write docs/images/dashboard-*.png, in Chromium, from sample jobs
# make behaviours        write docs/embedded-host-behaviours.md, which lists what those recordings show

SHELL := /bin/bash
BIN := .venv/bin
PYTHON_READY := .venv/.installed
# legacy_weather is not installed: it shows a workload that the app cannot import.
EXAMPLES := examples/genome_kmers examples/heat_rod examples/mandelbrot_tiles
EMULATORS := tests/fakebatch tests/fakeidentity tests/functions_host
NODE_READY := node_modules/.installed

.PHONY: help demo start test chaos host-recordings identity snapshots smoke emulators browser clients bench package-index behaviours reference screenshots check install format clean

help:
	@sed -n '/^$$/q; s/^# //p' Makefile

demo: install
	@$(BIN)/batchmgr demo $${INPUT:+"$$INPUT"}

start: install
	@$(BIN)/batchmgr start --node-python $(BIN)/python

test: install
	@$(BIN)/pytest -q -n 2 $(EMULATORS:%=--ignore=%)

emulators: install
	@$(BIN)/pytest -q -n 2 $(EMULATORS)

chaos: install
	@$(BIN)/python -m tests.storm $${SEED:+--seed "$$SEED"} $${JOBS:+--jobs "$$JOBS"}
	@$(BIN)/pytest -q -m real_limits tests/integration tests/devstack
	@$(BIN)/pytest -q -n 2 --hypothesis-profile thorough -m 'hypothesis or thorough'

identity: install
	@STACK_IDENTITY=signatures $(BIN)/pytest -q -n 2 -m 'not real_limits' tests/integration tests/identity
	@STACK_IDENTITY=nodes $(BIN)/pytest -q -n 2 -m 'not real_limits' tests/integration
	@$(BIN)/pytest -q -n 2 -m without_keys tests/devstack tests/doctor

host-recordings: install
	@$(BIN)/pytest -q -n 3 -m host_recordings tests/functions_host

snapshots: $(PYTHON_READY)
	@$(BIN)/python -m tests.infra.bicep snapshots

smoke: $(PYTHON_READY)
	@$(BIN)/pytest -q -m smoke tests/integration

browser: install
	@$(BIN)/pytest -q -n 2 -m browser tests/dashboard

clients: install
	@$(BIN)/pytest -q -n 2 -m clients

bench: install
	@$(BIN)/python -m benchmarks.scale $${PLOTS:+--plots "$$PLOTS"}
	@$(BIN)/python benchmarks/functions_host/start.py --starts 3

package-index: install
	@$(BIN)/pytest -q -m package_index tests/packaging

behaviours: $(PYTHON_READY)
	@PYTHONPATH=emulators $(BIN)/python -m tests.functions_host.behaviours

reference: $(PYTHON_READY)
	@PYTHONPATH=emulators $(BIN)/python -m tests.docs.reference

screenshots: install
	@$(BIN)/python -m tests.dashboard.screenshots

check: $(PYTHON_READY)
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet || { echo "The code is not formatted. Run: make format" >&2; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m tests.infra.bicep check

format: $(PYTHON_READY)
	@$(BIN)/ruff check --quiet --fix
	@$(BIN)/ruff format --quiet

install: $(PYTHON_READY) $(NODE_READY)

# A python3.x on the PATH may not run (a version manager's shim) or may lack venv (Debian packages it separately).
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
	    echo "Creating .venv with $$($$python --version) …"; \
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
