# Plazo's verbs. `make help` lists them; only Python 3.11 or newer and make are needed.
#
#   PORT=8123 PLAZO_DATA=/some/folder make run     another port, another data folder
#   make test ARGS="tests/tickets -x"              a part of the suite
#   make bench NAME=sla                            one benchmark: bench/sla.py

SHELL := /bin/sh
PYTHON ?= python3
PORT ?= 8000
PLAZO_DATA ?= $(CURDIR)/data
NAME ?= sla
ARGS ?=
# uv is used when it is there, because it is faster; pip does the same. `make UV= run` forces pip.
UV ?= $(shell command -v uv 2>/dev/null)

export PORT PLAZO_DATA

BIN := .venv/bin
PLAZO := $(BIN)/python -m plazo.config.cli
CATALOGUES := $(shell find src -name '*.po' 2>/dev/null)

# $(call install,venv folder,lock file)
ifeq ($(UV),)
install = $(1)/bin/python -m pip install --disable-pip-version-check --quiet --require-hashes -r $(2)
else
install = $(UV) pip install --quiet --python $(1)/bin/python --compile-bytecode --require-hashes -r $(2)
endif

.DEFAULT_GOAL := help
.PHONY: help install setup run test test-sla check reset bench fmt lint types arch messages golden docs fresh lock

help:  ## list what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'

# ── Setting up: each step leaves a stamp, so that it is done once ─────────────────────────────

.venv/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Plazo needs Python 3.11 or newer: make run PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/run.stamp: requirements/run.lock pyproject.toml tools/hatch_build.py | .venv/made
	@echo "Installing Plazo (once; about a minute) …"
	@$(call install,.venv,requirements/run.lock)
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-build-isolation --no-deps -e .
	@touch $@

.venv/dev.stamp: requirements/dev.lock .venv/run.stamp
	@echo "Installing the tools for tests and checks (once) …"
	@$(call install,.venv,requirements/dev.lock)
	@touch $@

.venv/messages.stamp: $(CATALOGUES) tools/messages.py .venv/run.stamp
	@$(BIN)/python tools/messages.py compile >/dev/null
	@touch $@

.venv-bench/bench.stamp: requirements/bench.lock
	$(PYTHON) -m venv .venv-bench
	@$(call install,.venv-bench,requirements/bench.lock)
	@touch $@

install: .venv/run.stamp .venv/messages.stamp  ## install Plazo alone: .venv/bin/plazo

setup: .venv/dev.stamp .venv/messages.stamp  ## install everything that development needs

# ── The two commands ──────────────────────────────────────────────────────────────────────────

run: .venv/run.stamp .venv/messages.stamp  ## set up from nothing and run Plazo with demo data
	@$(BIN)/python -m compileall -q src
	@exec $(PLAZO) run --demo

# A process of tests for each core and one more, since many tests wait for servers and browsers.
WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN); echo $$((n < 7 ? n + 1 : 8)))
test: setup  ## run the whole suite on a private PostgreSQL, or on DATABASE_URL's
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

# ── Everything else ───────────────────────────────────────────────────────────────────────────

test-sla: setup  ## run the tests of the SLA core only
	@$(BIN)/python -m pytest tests/sla $(ARGS)

check: setup lint types arch  ## what must hold before the tests: lint, types, imports, texts, docs
	@$(BIN)/python tools/messages.py check
	@$(BIN)/python tools/docs.py check
	@$(BIN)/python tools/client_document.py check
	@$(BIN)/deptry src

lint: setup  ## check the format and the style of the code
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

fmt: setup  ## format the code and mend what can be mended by itself
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

types: setup  ## check the types
	@$(BIN)/mypy

arch: setup  ## check which package may import which
	@$(BIN)/lint-imports

messages: setup  ## bring the catalogues of texts up to the code, then list what to translate
	@$(BIN)/python tools/messages.py update
	@$(BIN)/python tools/messages.py check

golden: setup  ## write the golden files anew; read the diff
	@PLAZO_TEST_GOLDEN=write $(BIN)/python -m pytest -q -m golden $(ARGS)

docs: setup  ## write the pages that are made from the code
	@$(BIN)/python tools/docs.py write

# The core is measured beside other packages, which Plazo itself does not want; the rest is not.
BENCH_BIN := $(if $(filter sla,$(NAME)),.venv-bench/bin,$(BIN))
bench: $(if $(filter sla,$(NAME)),.venv-bench/bench.stamp,.venv/run.stamp)  ## run one benchmark, NAME=sla, tickets, live, seed …; its last line is JSON
	@PYTHONPATH=src $(BENCH_BIN)/python bench/$(NAME).py $(ARGS)

# What the lock files are made with. Only whoever adds a dependency needs it, and uv.
LOCK = $(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header
lock:  ## resolve the lock files anew, keeping what they have where it still fits
	$(LOCK) pyproject.toml --group build -o requirements/run.lock
	$(LOCK) pyproject.toml --group build --group test --group check -c requirements/run.lock -o requirements/dev.lock
	$(LOCK) --group bench -c requirements/run.lock -o requirements/bench.lock

reset: .venv/run.stamp  ## remove the data folder's contents and start over
	@$(PLAZO) reset --yes

fresh:  ## prove that a stranger's clone runs: clone, set up, run twice, in an empty home
	@tools/fresh
