# Everyday commands. Every target sets up .venv by itself; `make help` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
UV := $(shell command -v uv 2>/dev/null)
PLUGINS := pmplab/plugins
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo lab data test test-all test-rust wasm wasm-check lint format types requirements bench lock clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv with pmplab and the tools of its developers

$(STAMP): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit("pmplab needs Python 3.11 or newer; say which: make PYTHON=python3.12 ..." if sys.version_info < (3, 11) else 0)'
	@echo "setting up $(VENV): about a minute, once"
ifneq ($(UV),)
	@uv venv --quiet --allow-existing --python $(PYTHON) $(VENV)
	@uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@uv pip install --quiet --python $(BIN)/python --no-deps -e .
else
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
endif
	@touch $@

demo: $(STAMP) ## run the HTTP scenario, 1000 virtual users, against a target of its own
	@$(BIN)/pmp demo $(ARGS)

lab: $(STAMP) ## open JupyterLab on the quickstart, the other notebooks beside it
	@$(BIN)/jupyter lab $(ARGS) notebooks/01-quickstart.ipynb

data: $(STAMP) ## record the library that the notebooks read anew: about four minutes
	@$(BIN)/python data/make.py $(ARGS)

test: $(STAMP) ## the quick tests: about two minutes
	@$(BIN)/python -m pytest -q -m "not slow and not browser" $(ARGS)

test-all: $(STAMP) ## all tests of the Python side
	@$(BIN)/python -m pytest -q $(ARGS)

test-rust: ## the tests of the components' crates, natively
	@cd $(PLUGINS) && cargo test --quiet --locked $(ARGS)

wasm: $(STAMP) ## build the components from source, rewrite their manifest and the recipes of what is composed of them
	@$(PYTHON) $(PLUGINS)/build.py $(ARGS)
	@$(BIN)/python $(PLUGINS)/recipes.py

wasm-check: ## build the components into a temporary folder and compare
	@$(PYTHON) $(PLUGINS)/build.py --check $(ARGS)

lint: $(STAMP) ## ruff
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: $(STAMP) ## let ruff and cargo write the code
	@$(BIN)/ruff check --quiet --fix . || true
	@$(BIN)/ruff format --quiet .
	@cd $(PLUGINS) && cargo fmt

types: $(STAMP) ## mypy --strict
	@$(BIN)/mypy

requirements: $(STAMP) ## run the tests behind every requirement and say what holds (some minutes)
	@$(BIN)/python -m tests.requirements.report $(ARGS)

bench: $(STAMP) ## the figures, each beside its peer (tests/bench; some need nginx, wrk, tcpdump)
	@$(BIN)/python tests/bench/all.py $(ARGS)

lock: ## write requirements.lock anew from pyproject.toml (needs uv)
	@uv pip compile --quiet --upgrade --universal --python-version 3.11 --group dev --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate -o requirements.lock pyproject.toml

clean: ## remove what the others made
	@rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache $(PLUGINS)/target
	@find pmplab tests -name __pycache__ -type d -prune -exec rm -rf {} +
