# make demo and make test do everything on a fresh machine; `make` alone lists the rest.
# Nothing is ever installed with pip outside .venv.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin

# The newest 64-bit Python of these that runs; asked only when .venv must be made.
PYTHONS := python3.14 python3.13 python3.12 python3.11
FITS := import sys; sys.exit(not (sys.maxsize > 2**32 and (3, 11) <= sys.version_info[:2] < (3, 15)))
PYTHON = $(firstword $(foreach p,$(PYTHONS),$(shell $(p) -c '$(FITS)' >/dev/null 2>&1 && echo $(p))))

# What the tests need beyond Python, by Debian package.
SYSTEM_PACKAGES := mosquitto ffmpeg python3-gi gir1.2-gst-rtsp-server-1.0 \
	gstreamer1.0-plugins-good gstreamer1.0-plugins-bad openssl iproute2 systemd

# pip for .venv: its own, or another's that reaches into it where .venv has none.
PIP = $$($(BIN)/python -c 'import pip' 2>/dev/null && echo $(BIN)/python -m pip \
	|| echo $(or $(PYTHON),python3) -m pip --python $(BIN)/python)
INSTALL = install --quiet --disable-pip-version-check --no-input --only-binary=:all:

help:  ## this list
	@sed -nE 's/^([a-z0-9-]+):.*  ## (.*)/  make \1 \t\2/p' Makefile | expand -t 26

setup: $(VENV)/.setup  ## make .venv with the edge-agent command and what the demo needs
	@echo "ready: $(BIN)/edge-agent"

setup-dev: $(VENV)/.setup-dev  ## the same and the tools of tests and checks

system-deps:  ## install the Debian packages that the tests need
	@.ci/system-deps $(SYSTEM_PACKAGES)

demo: $(VENV)/.setup  ## cameras, broker, agent and a live table; SECONDS=30 ends by itself
	@$(BIN)/edge-agent demo $(if $(DEMO_SECONDS),--seconds $(DEMO_SECONDS))

# bash and make both know a SECONDS; only the one given to make counts.
DEMO_SECONDS = $(if $(filter command line,$(origin SECONDS)),$(SECONDS))

test: $(VENV)/.setup-dev  ## all tests; installs missing Debian packages first
	@.ci/system-deps $(SYSTEM_PACKAGES)
	$(BIN)/python -m pytest $(TESTS)

check: $(VENV)/.setup-dev  ## format, lint, types, house
	@$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_house.py

replay-sites: $(VENV)/.setup  ## every site of configs/sites against the events it expects
	@$(BIN)/edge-agent replay $(or $(SITES),$(wildcard configs/sites/*/))

drawings: $(VENV)/.setup  ## the drawings of docs/rules.md anew, from the example sites
	@docs/rules/draw

bench: $(VENV)/.setup-dev  ## every promised figure of docs/performance.md, in 47 minutes
	@$(BIN)/edge-agent bench table

# What the agent is compared with: each in an environment of its own, never in .venv.
# Mesopic needs Python 3.12; make bench-peers PEER_PYTHON=/path/to/python3.12 names one.
PEERS := supervision mesopic inference trackers
PEER_supervision := supervision==0.30.9 opencv-python-headless onnxruntime
PEER_mesopic := mesopic
PEER_inference := inference-cpu
PEER_trackers := trackers==2.6.1 opencv-python-headless
PEER_PYTHON ?= python3

bench-wakeup: $(VENV)/.setup-dev  ## what decoding on demand finds, misses and saves, in 20 minutes
	@mkdir -p build
	$(BIN)/edge-agent bench-wakeup --json build/bench-wakeup.json --markdown build/bench-wakeup.md

bench-peers: $(VENV)/.setup-dev  ## environments of the programs of bench --peers (8 GB)
	@mkdir -p build/peers
	$(foreach peer,$(PEERS),$(call peer_environment,$(peer)))

define peer_environment
	if (rm -rf build/peers/$(1) && $(BIN)/uv venv --quiet --no-python-downloads \
	    --python $(if $(filter mesopic,$(1)),$(PEER_PYTHON),$(BIN)/python) build/peers/$(1) && \
	    $(BIN)/uv pip install --quiet --python build/peers/$(1)/bin/python $(PEER_$(1))) \
	    2>build/peers/$(1).failed; then
	  rm build/peers/$(1).failed
	  echo "$(1): installed"
	else
	  rm -rf build/peers/$(1)
	  echo "$(1): not installed: $$(tr -s '\n ' ' ' <build/peers/$(1).failed | cut -c -300)"
	fi

endef

LOCK := uv pip compile --quiet --universal --generate-hashes --custom-compile-command "make lock" \
	--annotation-style line pyproject.toml $(UPGRADE)

lock: $(VENV)/.setup-dev  ## resolve the lock files anew; UPGRADE=--upgrade takes newer releases
	@$(BIN)/$(LOCK) --extra demo --group dev -o requirements-dev.lock
	$(BIN)/$(LOCK) --extra demo --group build -c requirements-dev.lock -o requirements-demo.lock
	$(BIN)/$(LOCK) -c requirements-dev.lock -o requirements.lock

check-aarch64: $(VENV)/.setup-dev  ## resolve the lock for 64-bit ARM from wheels alone
	@for version in 3.11 3.12 3.13 3.14; do
	  for lock in requirements.lock requirements-demo.lock; do
	    $(BIN)/uv pip install --quiet --dry-run --only-binary :all: --require-hashes --no-deps \
	      --python-platform aarch64-manylinux_2_28 --python-version $$version \
	      --target "$$PWD/build/aarch64" -r $$lock
	    echo "aarch64, Python $$version, $$lock: every package has a wheel"
	  done
	done

WHEELS := build/service

install-service: $(VENV)/.setup  ## install or upgrade the systemd service in /opt/edge-agent
	@rm -rf $(WHEELS)
	$(PIP) wheel --quiet --no-deps --no-build-isolation --wheel-dir $(WHEELS) .
	.ci/as-root systemd/install $(CURDIR) $(DESTDIR)

uninstall-service:  ## remove the service; PURGE=1 removes its config and state too
	@.ci/as-root systemd/uninstall $(if $(PURGE),--purge) $(DESTDIR)

clean:  ## remove .venv, caches and build output
	@rm -rf $(VENV) build dist .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis out
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@if ! $(or $(PYTHON),false) -c '$(FITS)' 2>/dev/null; then
	  echo "needs a 64-bit Python 3.11 to 3.14 ($(or $(PYTHON),none on PATH) is not one): sudo apt install python3 python3-venv" >&2
	  exit 1
	fi
	if $(PYTHON) -c 'import ensurepip' 2>/dev/null; then
	  $(PYTHON) -m venv $(VENV)
	elif $(PYTHON) -c 'import pip' 2>/dev/null; then
	  $(PYTHON) -m venv --without-pip $(VENV)
	else
	  echo "$(PYTHON) can neither make an environment with pip nor run pip: sudo apt install python3-venv" >&2
	  exit 1
	fi

$(VENV)/.setup: requirements-demo.lock pyproject.toml $(BIN)/python
	@echo "installing the agent into $(VENV) (some 170 MB are fetched the first time)"
	$(PIP) $(INSTALL) --require-hashes -r requirements-demo.lock
	$(PIP) $(INSTALL) --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.setup-dev: requirements-dev.lock $(VENV)/.setup
	@echo "installing the tools of tests and checks into $(VENV)"
	$(PIP) $(INSTALL) --no-deps --require-hashes -r requirements-dev.lock
	touch $@

.PHONY: help setup setup-dev system-deps demo test check replay-sites drawings bench bench-wakeup bench-peers lock check-aarch64 \
	install-service uninstall-service clean
