# make demo    three real model servers, Penumbra in front, a canary that breaks and is rolled back
# make test    all tests; ARGS="tests/routing -k sticky" for some of them, and only what those need is installed
# make unit    the tests that need nothing but Python packages; in a minute
# make system-tests  those that need more: real processes, model servers, browsers
# make lint    format, lint and types
# make coverage  the unit tests again, and how much of each room they run
# make check   lint, all tests, and how much of each room they run: what must hold before a commit
# make systems installs what tests with real processes need
# make chaos   ten minutes of faults against the real program, by a seed that is printed; ARGS="--seed 7 --seconds 60"
# make bench   side by side with nginx, HAProxy and Envoy (see loadtests/)
# make wheels  compiled wheels for each CPython from 3.11 to 3.14 that is here, into dist/; ARGS=3.12 for one
# make pythons the unit tests on each of them; ARGS=3.12 for one
# make release-check   what must hold before a version is tagged (docs/releasing.md)
# make docs    writes what in docs/ and deploy/ is made from the code
# make lock    resolves the requirements anew
# make clean   removes everything that was made here
#
# Environments are made once and again only when their lock file changes. PYTHON=python3.12 chooses the interpreter.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test unit lint coverage check systems system-tests chaos bench docs wheels pythons release-check lock clean

VENV := .venv
MODELS := .venv-models
SERVERS := .venv-servers
NODE := .venv-node
PIP := --disable-pip-version-check $(if $(CI),--quiet)
# Of the two environments below, tests import a small part, which is compiled as it is; all of it would take half a minute.
LAZY := --no-compile
ARGS ?=

# What a module compiles to is kept for the next process, whatever the environment says: tests start hundreds of them.
export PYTHONDONTWRITEBYTECODE :=

help:
	@sed -n 's/^# \(make .*\)/  \1/p' Makefile

demo: $(VENV)/.done $(MODELS)/.done
	@$(VENV)/bin/penumbra demo $(ARGS)

# Tests that compute get a process for each core, those with real processes, which wait for half of their time, two.
# Each of them collects its own part only. Files stay whole, the long ones first. What computes yields to what waits,
# whose servers and browsers must answer in time, and whose compiler others wait for.
SPREAD := --dist loadfile --no-loadscope-reorder
COMPUTING := -n $(shell nproc) $(SPREAD)
WAITING := -n $(shell expr $$(nproc) \* 2) $(SPREAD)
MEASURED := -p tests.support.measured
PYTEST := $(VENV)/bin/python -m pytest
YIELDING := nice -n 10
TOGETHER := $(MAKE) --no-print-directory --output-sync=target --jobs=3

test: $(VENV)/.done
ifneq ($(ARGS),)
	@$(call install,$(ARGS))
	$(PYTEST) $(ARGS)
else
	@echo "==> side by side, each shown when it has ended: unit tests, tests with real processes"
	$(TOGETHER) unit system-tests
endif

unit: $(VENV)/.done
	@$(YIELDING) $(PYTEST) $(COMPUTING) $$($(NEEDS) --units)

coverage: $(VENV)/.done
	@rm -f build/coverage-*.json
	$(YIELDING) $(PYTEST) $(MEASURED) $(COMPUTING) $$($(NEEDS) --units)
	$(VENV)/bin/python .ci/coverage_by_room.py build/coverage-*.json

# What waits and what computes fill each other's gaps: for packages, servers and browsers, while types are checked.
check: $(VENV)/.done
	@echo "==> side by side, each shown when it has ended: lint, unit tests with coverage, tests with real processes"
	$(TOGETHER) lint coverage system-tests

system-tests: systems
	@$(PYTEST) $(WAITING) $$($(NEEDS) --systems)

systems: $(VENV)/.done
	@$(call install)

# What the tests of some arguments need, by the table in pyproject.toml.
NEEDS := $(VENV)/bin/python .ci/needs.py
define install
needs=$$($(NEEDS) $(1))
.ci/system-packages $$needs
environments=()
[[ " $$needs " != *" models "* ]] || environments+=($(MODELS)/.done)
[[ " $$needs " != *" servers "* ]] || environments+=($(SERVERS)/.done)
[[ " $$needs " != *" npm "* ]] || ! command -v npm > /dev/null || environments+=($(NODE)/.done)
[ $${#environments[@]} -eq 0 ] || $(MAKE) --no-print-directory -j3 "$${environments[@]}"
endef

lint: $(VENV)/.done
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(YIELDING) $(VENV)/bin/mypy --strict

chaos: $(VENV)/.done
	@$(VENV)/bin/python -m tests.process.chaos $(ARGS)

bench: $(VENV)/.done
	@.ci/system-packages nginx-light haproxy wrk nghttp2-client nghttp2-server gcc libc6-dev python3-dev
	$(VENV)/bin/python -m loadtests.bench $(ARGS)

docs: $(VENV)/.done
	@$(VENV)/bin/python -m docs.generate

wheels:
	@.ci/system-packages gcc libc6-dev python3-dev
	.ci/each-python .ci/wheel $(ARGS)

pythons:
	@.ci/each-python .ci/unit-tests $(ARGS)

release-check: $(VENV)/.done
	@$(VENV)/bin/python .ci/release_check.py

$(VENV)/.done: requirements/dev.txt pyproject.toml
	@python=$$(PYTHON='$(PYTHON)' .ci/python 3.11)
	echo "==> $(VENV): Penumbra and what tests and load tests need ($$(grep -c == $<) packages, once)"
	"$$python" -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install $(PIP) -r $<
	$(VENV)/bin/python -m pip install $(PIP) --no-deps --editable .
	touch $@

$(MODELS)/.done: requirements/models.txt
	@python=$$(PYTHON='$(PYTHON)' .ci/python 3.11 3.12) || { echo "MLServer does not run on Python 3.13 and later; the demo and the end-to-end tests need 3.11 or 3.12 beside it." >&2; exit 1; }
	echo "==> $(MODELS): MLServer and scikit-learn ($$(grep -c == $<) packages, once)"
	"$$python" -m venv --clear $(MODELS)
	$(MODELS)/bin/python -m pip install $(PIP) $(LAZY) -r $<
	touch $@

$(SERVERS)/.done: requirements/servers.txt
	@python=$$(PYTHON='$(PYTHON)' .ci/python 3.11 3.13)
	echo "==> $(SERVERS): KServe, LitServe, FastAPI, and clients of OpenAI's kind ($$(grep -c == $<) packages, once)"
	"$$python" -m venv --clear $(SERVERS)
	$(SERVERS)/bin/python -m pip install $(PIP) $(LAZY) -r $<
	touch $@

# Scripts of packages are not run, and whoever has no registry goes on without it: what needs it is skipped, and says so.
$(NODE)/.done: requirements/node/package-lock.json
	@echo "==> $(NODE): @grpc/grpc-js, another client of gRPC, and axe-core, which reads the status page ($$(grep -c integrity $<) packages, once)"
	rm -rf $(NODE)
	mkdir $(NODE)
	cp requirements/node/*.json $(NODE)
	npm ci --prefix $(NODE) --ignore-scripts --no-audit --no-fund --loglevel error && touch $@ || echo "==> not installed: @grpc/grpc-js, axe-core" >&2

.ONESHELL:

# Pins without index addresses: pip takes the packages from wherever it is configured to.
COMPILE := .venv-lock/bin/pip-compile --quiet --upgrade --strip-extras --no-annotate \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links
lock:
	@export CUSTOM_COMPILE_COMMAND="make lock"
	"$$(.ci/python 3.11 3.11)" -m venv .venv-lock
	.venv-lock/bin/python -m pip install $(PIP) pip-tools
	$(COMPILE) --extra otel --extra fleet -o requirements/runtime.txt pyproject.toml
	$(COMPILE) --allow-unsafe --extra dev --extra bench --extra otel --extra fleet -o requirements/dev.txt pyproject.toml
	$(COMPILE) -o requirements/models.txt requirements/models.in
	$(COMPILE) -o requirements/servers.txt requirements/servers.in
	$(COMPILE) --generate-hashes -o deploy/docker/runtime.txt requirements/runtime.txt
	$(COMPILE) --generate-hashes --allow-unsafe -o deploy/docker/build.txt deploy/docker/build.in

clean:
	@rm -rf .venv .venv-models .venv-servers .venv-node .venv-lock build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
