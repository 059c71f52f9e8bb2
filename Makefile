# `make help` lists what there is. Everything is installed into .venv beside this file, nothing anywhere else.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory
# What is installed comes from the requirement files alone, whatever the caller's shell has activated.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

VENV := .venv
PYTHON := $(VENV)/bin/python
UV := $(VENV)/bin/uv
RUNTIME := $(VENV)/.runtime-installed
DEVELOPMENT := $(VENV)/.development-installed

.PHONY: help
help: ## Show this list
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

.PHONY: install
install: $(RUNTIME) ## Install what TMS needs to run

.PHONY: run
run: $(RUNTIME) ## Run TMS: database, API and worker, until Ctrl-C
	@exec $(VENV)/bin/tms up

.PHONY: test
test: $(DEVELOPMENT) ## Run every test
	@$(PYTHON) -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

.PHONY: keycloak
keycloak: $(DEVELOPMENT) ## Run a genuine Keycloak to try TMS with, prepared for it, until Ctrl-C
	@exec $(PYTHON) -m tests.keycloak

.PHONY: crash
crash: $(DEVELOPMENT) ## Kill API, worker and PostgreSQL at every fail point; nothing may be lost or doubled
	@$(PYTHON) -m pytest -q tests/crash -m "processes or long" $(ARGS)

.PHONY: keycloak-faults
keycloak-faults: $(DEVELOPMENT) ## Enrol while a genuine Keycloak fails in every way and processes are killed at every call to it
	@$(PYTHON) -m pytest -q tests/keycloak tests/crash/test_kills_keycloak.py -m "keycloak and (long or not long)" $(ARGS)

.PHONY: fuzz
fuzz: $(DEVELOPMENT) ## Random and hostile requests of each role against the API's own description
	@$(PYTHON) -m pytest -q tests/fuzz -m "long or not long" $(ARGS)

.PHONY: corpus
corpus: $(DEVELOPMENT) ## Read hundreds of hostile files, and all well-formed ones of known content, as uploads are read
	@$(PYTHON) -m pytest -q -n 2 tests/corpus -m long $(ARGS)

.PHONY: bench-documents
bench-documents: $(DEVELOPMENT) ## Measure how fast documents become lessons, beside the library beneath alone, and what others notice
	@$(PYTHON) -m benchmarks.documents $(ARGS)

.PHONY: check
check: $(DEVELOPMENT) ## Check style, types, the order of the rooms, sizes, and that migrations match the models
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(PYTHON) -m pytest -q tests/house
	$(PYTHON) .ci/check_migrations.py

.PHONY: format
format: $(DEVELOPMENT) ## Put the sources into the house's format
	$(VENV)/bin/ruff check --fix-only --quiet .
	$(VENV)/bin/ruff format .

.PHONY: bench
bench: $(DEVELOPMENT) ## Measure TMS beside the specification's style and pgbench; writes benchmarks/results
	@$(PYTHON) -m benchmarks $(ARGS)

.PHONY: storage
storage: $(DEVELOPMENT) ## Large files to a folder and to S3, the same file by many at once, callers while documents are read
	@$(PYTHON) -m pytest -q tests/content -m long $(ARGS)

.PHONY: races
races: $(DEVELOPMENT) ## Every race twenty times through two processes, critical pairs in every order, a hunt for deadlocks
	@$(PYTHON) -m pytest -q tests/races -m long $(ARGS)

.PHONY: stories
stories: $(DEVELOPMENT) ## Two hundred random stories of edits, marks and moves, each answer against a naive recount
	@$(PYTHON) -m pytest -q tests/students/test_progress_property.py -m long $(ARGS)

.PHONY: docs
docs: $(RUNTIME) ## Write docs/authorisation.md, who may do what, out of the policy table
	@$(VENV)/bin/tms authorisation > docs/authorisation.md

.PHONY: fields
fields: $(DEVELOPMENT) ## Write tests/access/fields.json, which fields each role is given; review what changes
	REWRITE_FIELDS=1 $(PYTHON) -m pytest -q tests/access/test_answer_fields.py

.PHONY: lock
lock: $(RUNTIME) ## Choose the newest versions that fit and pin them, with hashes
	$(UV) pip compile $(LOCK) requirements/bootstrap.in --output-file requirements/bootstrap.txt
	$(UV) pip compile $(LOCK) pyproject.toml --output-file requirements/runtime.txt
	$(UV) pip compile $(LOCK) pyproject.toml --extra dev --output-file requirements/dev.txt

LOCK := --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock"

.PHONY: clean
clean: ## Remove .venv and every cache; the data under TMS_HOME stay
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps are renewed only when a requirement file, or the project's own list of commands, has changed.
$(VENV)/.bootstrapped: requirements/bootstrap.txt
	@.ci/make-venv $(VENV)
	@$(PYTHON) -m pip --disable-pip-version-check --quiet install --require-hashes --requirement requirements/bootstrap.txt
	@touch $@

$(RUNTIME): $(VENV)/.bootstrapped requirements/runtime.txt pyproject.toml
	@echo "Installing TMS into $(VENV)"
	@$(UV) pip install --quiet --python $(PYTHON) --require-hashes --requirement requirements/runtime.txt
	@$(UV) pip install --quiet --python $(PYTHON) --no-build-isolation --no-deps --editable .
	@touch $@

$(DEVELOPMENT): $(RUNTIME) requirements/dev.txt
	@echo "Installing the tools of development into $(VENV)"
	@$(UV) pip install --quiet --python $(PYTHON) --require-hashes --requirement requirements/dev.txt
	@touch $@
