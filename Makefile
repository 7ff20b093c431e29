# Everything a developer runs. `make` alone lists the targets.
#
# Set-up needs Python 3.11 or newer with its venv module, pip, and make; nothing is installed outside this folder.
# Every package comes from a lock with hashes, build tools included, so set-up fetches nothing un-pinned. Stamp files
# inside each environment make repeat runs instant; a changed lock or pyproject.toml installs again.

PYTHON ?= python3
FOCUS_PYTHON ?= python3.12
PYTHON_focus = $(FOCUS_PYTHON)
UV_VERSION := 0.13.9

VENV := .venv
UV_VENV := .venv-uv
BIN := $(VENV)/bin

PIP_FLAGS := --quiet --disable-pip-version-check --no-input
# Source distributions (and billstream itself) are built with the pinned setuptools of the environment, not with
# whatever an isolated build would download.
LOCKED := $(PIP_FLAGS) --require-hashes --no-build-isolation

# Each worker starts servers of its own, at most once: PostgreSQL and MiniStack in under a second, LocalStack in one to
# three. That is cheaper than sharing them would be intricate, and lets a test stop its server. `worksteal` keeps
# neighbouring tests together and still lets no worker idle while another has tests left.
# One worker more than two cores: many tests wait for a server or a clock.
PYTEST_FLAGS ?= -n 3 --dist worksteal

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: help setup setup-dev setup-localstack setup-engines setup-dbt setup-dagster setup-bench setup-focus \
	demo test lint docs lock bench insight-score clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-18s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/setup.stamp ## Make .venv with billstream and its demo
setup-dev: $(VENV)/dev.stamp ## ... and with what tests and linters need
setup-localstack: .venv-localstack/setup.stamp ## Make .venv-localstack, for the tests against LocalStack

setup-engines: .venv-engines/setup.stamp ## Make .venv-engines, with other engines that read Iceberg
setup-bench: .venv-bench/setup.stamp ## Make .venv-bench, with what the benchmarks compare billstream to
setup-dagster: .venv-dagster/setup.stamp ## Make .venv-dagster, for the example of that name
setup-focus: .venv-focus/setup.stamp ## Make .venv-focus, with the FOCUS validator: FOCUS_PYTHON is 3.12 or newer
setup-dbt: .venv-dbt/setup.stamp ## Make .venv-dbt, with dbt for examples/dbt

demo: setup ## Show billstream at work: no AWS account, no containers
	@$(BIN)/billstream demo

test: setup-dev setup-localstack setup-engines setup-dbt lint docs ## Run linters and all tests, and build the documentation
	@echo "==> tests"
	@$(BIN)/python -m pytest $(PYTEST_FLAGS)

lint: setup-dev ## Check style, formatting, layers and types
	@echo "==> ruff, import-linter, mypy"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/mypy

docs: setup-dev ## Build the documentation into build/docs; a broken link is an error
	@echo "==> docs"
	@$(BIN)/python -m sphinx -b html -W --keep-going -n -q docs build/docs

bench: setup-dev setup-bench ## Run the benchmarks; BENCH_FLAGS="large focus" chooses sections
	@$(BIN)/python -m tests.benchmarks $(BENCH_FLAGS)

insight-score: setup-dev ## Score anomalies and forecasts: DATA=folder of labelled series [OUT=folder]
	@test -n "$(DATA)" || { echo "insight-score: name a folder with series.csv, vintages.csv and months.csv: DATA=folder"; exit 2; }
	@$(BIN)/python -m tests.benchmarks.insight_score "$(DATA)" $(if $(OUT),"$(OUT)")

lock: $(UV_VENV)/setup.stamp ## Resolve requirements/*.txt again; UV_FLAGS=--upgrade moves every pin
	@echo "==> locks"
	@$(COMPILE) requirements/build.in -o requirements/build.txt
	@$(COMPILE) pyproject.toml --extra demo --extra serve -o requirements/demo.txt
	@$(COMPILE) pyproject.toml --extra serve -c requirements/demo.txt -o requirements/runtime.txt
	@$(COMPILE) pyproject.toml --extra demo --extra serve --extra notify --extra iceberg --extra openlineage \
		--group dev -c requirements/demo.txt -c requirements/build.txt -o requirements/dev.txt
	@$(COMPILE) --exclude-newer 2025-10-20 requirements/localstack.in -o requirements/localstack.txt
	@$(COMPILE) requirements/bench.in -c requirements/dev.txt -o requirements/bench.txt
	@$(COMPILE) requirements/engines.in -o requirements/engines.txt
	@$(subst 3.11,3.12,$(COMPILE)) requirements/focus.in -o requirements/focus.txt
	@$(COMPILE) requirements/dagster.in -o requirements/dagster.txt
	@$(COMPILE) --no-strip-extras requirements/dbt.in -o requirements/dbt.txt

clean: ## Remove the environments, caches and build results (not var/)
	rm -rf $(VENV) .venv-* build dist *.egg-info
	rm -rf .import_linter_cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One set of pins for all platforms and Python versions. The extra `demo` pins botocore exactly (through ministack), so
# it is resolved first and the other locks follow it.
COMPILE = $(UV_VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(UV_FLAGS)

$(VENV)/setup.stamp: requirements/build.txt requirements/demo.txt pyproject.toml
	@echo "==> $(VENV): billstream and its demo"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "billstream needs Python 3.11 or newer; set PYTHON")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install $(LOCKED) -r requirements/build.txt
	@$(BIN)/python -m pip install $(LOCKED) -r requirements/demo.txt
	@$(BIN)/python -m pip install $(PIP_FLAGS) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/setup.stamp requirements/dev.txt
	@echo "==> $(VENV): tests and linters"
	@$(BIN)/python -m pip install $(LOCKED) -r requirements/dev.txt
	@touch $@

# An environment beside .venv, for what must not share its packages: requirements/NAME.txt makes .venv-NAME.
.venv-%/setup.stamp: requirements/build.txt requirements/%.txt
	@echo "==> .venv-$*"
	@test -x $(@D)/bin/python || $(or $(PYTHON_$*),$(PYTHON)) -m venv $(@D)
	@$(@D)/bin/python -m pip install $(LOCKED) -r requirements/build.txt
	@$(@D)/bin/python -m pip install $(LOCKED) -r requirements/$*.txt
	@touch $@

$(UV_VENV)/setup.stamp: Makefile
	@echo "==> $(UV_VENV): uv, which resolves the locks"
	@test -x $(UV_VENV)/bin/python || $(PYTHON) -m venv $(UV_VENV)
	@$(UV_VENV)/bin/python -m pip install $(PIP_FLAGS) uv==$(UV_VERSION)
	@touch $@
