# Two commands: `make run` sets everything up and starts; `make test` sets everything up and tests.
PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help setup run train test test-engines fuzz lint types bench docs clean lock sbom licences screenshot record
.PHONY: demo-report demo-bundle audit

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/run.stamp ## make the virtual environment and install what running needs

run: setup ## crawl the sample site, score it, and open the desk on http://127.0.0.1:8000 (PORT=… changes it)
	@$(BIN)/kiemtin demo --port $(PORT)

demo-bundle: setup ## make one evidence bundle of the sample site (OUT=b.zip) and the root certificate that verifies it
	@$(BIN)/python -m kiemtin.demo_bundle $(or $(OUT),b.zip)

train: $(VENV)/train.stamp ## install what training and its tests need (torch, CPU build)

test: $(VENV)/dev.stamp ## install what tests need and run them all
	@$(BIN)/python -m pytest -n 2 --dist loadfile

test-engines: $(VENV)/dev.stamp ## run the tests that need PostgreSQL and Elasticsearch; fails where one does not answer
	@KIEMTIN_TEST_REQUIRE_SERVERS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m "postgres or elasticsearch"

fuzz: $(VENV)/dev.stamp ## fuzz every target for SECONDS=60 each (installs atheris; Linux)
	@$(PIP) install --constraint requirements.lock --editable '.[fuzz]'
	@$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),60)

lint: $(VENV)/dev.stamp ## ruff, and the floors of the house
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: $(VENV)/dev.stamp ## mypy, strict
	@$(BIN)/mypy

bench: $(VENV)/dev.stamp ## run every benchmark and render docs/benchmarks.md
	@$(BIN)/python -m bench --table

docs: $(VENV)/dev.stamp ## build the documentation into site/
	@$(BIN)/mkdocs build --strict

screenshot: $(VENV)/dev.stamp ## make the pictures of the documentation from a demo of its own
	@$(BIN)/python docs/screenshot.py

record: $(VENV)/dev.stamp ## record the terminal session of the documentation from a demo of its own
	@$(BIN)/python docs/record.py

demo-report: setup ## write the weekly report of the sample site as .docx, .pdf and .html (OUT=DIR)
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && export KIEMTIN_DATA_DIR="$$folder" \
	&& $(BIN)/kiemtin demo --no-serve >"$$folder/demo.log" && $(BIN)/kiemtin report weekly \
	--week "$$(TZ=Asia/Ho_Chi_Minh date +%G-W%V)" --out "$(or $(OUT),demo-report)"

lock: $(VENV)/dev.stamp ## write the versions that are installed and tested into requirements.lock, and the run path with hashes
	@$(BIN)/python -m pip freeze --exclude-editable --exclude kiemtin --exclude torch > requirements.lock
	@printf 'hatchling\neditables\n' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --constraint requirements.lock --output-file requirements.run.lock pyproject.toml -

sbom: $(VENV)/dev.stamp ## write what the run path is made of as CycloneDX 1.6 (OUT=sbom.json)
	@$(BIN)/python docs/supply.py sbom $(or $(OUT),sbom.json)

licences: $(VENV)/dev.stamp ## write the licences of the run path into docs/licences.md
	@$(BIN)/python docs/supply.py licences

audit: $(VENV)/run.stamp ## look for known weaknesses of what is pinned (ADVISORIES=all.zip: without a network)
	@$(BIN)/python docs/audit.py $(ADVISORIES)

clean: ## remove what was built; var/ with its data stays
	rm -rf $(VENV) build dist site *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 13) else "Python 3.11, 3.12 or 3.13 is needed; give one by PYTHON=…")'
	@echo "Making the virtual environment in $(VENV)…"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --upgrade pip

# The lock files pin what was tested; pyproject.toml says what is needed. What running needs is held to its hashes.
$(VENV)/run.stamp: pyproject.toml requirements.run.lock requirements.lock | $(BIN)/python
	@echo "Installing Kiểm Tin (about a minute)…"
	@$(PIP) install --require-hashes --requirement requirements.run.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp
	@echo "Installing what tests and checks need…"
	@$(PIP) install --constraint requirements.lock --editable '.[dev]'
	@touch $@

$(VENV)/train.stamp: $(VENV)/dev.stamp
	@echo "Installing what training needs (torch is some 200 MB)…"
	@$(PIP) install --constraint requirements.lock --editable '.[train]'
	@touch $@
