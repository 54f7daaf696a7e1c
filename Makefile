# Two commands: `make demo` and `make test`. Each makes .venv and installs what it needs; Python 3.11 or newer is all you need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet

.PHONY: demo test lint everyday docs clean

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Footfall needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Say which to use: make PYTHON=python3.12 ...")'
	@echo "[1/2] making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.made pyproject.toml
	@echo "[2/2] installing Footfall and what it needs (about a minute)"
	@$(PIP) install -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.made pyproject.toml
	@echo "[2/2] installing Footfall and what its tests need (about a minute)"
	@$(PIP) install -e '.[dev]'
	@touch $@ $(VENV)/.run

demo: $(VENV)/.run
	@$(BIN)/footfall demo $(if $(filter 0,$(SERVE)),--no-serve,)

lint: $(VENV)/.dev
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports
	@$(BIN)/mypy

everyday: $(VENV)/.dev
	@$(BIN)/pytest -n 2 -q -m "not slow"

test: $(VENV)/.dev lint
	@$(BIN)/pytest -n 2 -q

docs: $(VENV)/.run
	@$(BIN)/python -m footfall.cli.reference docs

clean:
	@rm -rf $(VENV) demo-shop
