# Each target makes the virtual environment first, with python3 and the package registry alone.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
REQUIREMENTS ?= --editable '.[all]'

.PHONY: demo test test-lowest lint bench stress clean

$(VENV)/.installed: pyproject.toml tests/requirements-lowest.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet $(REQUIREMENTS)
	@touch $@

demo: $(VENV)/.installed  ## a workflow into a file and back
	@$(BIN)/python examples/workflow.py

test: $(VENV)/.installed  ## the tests, in a few minutes
	@$(BIN)/python -m pytest --numprocesses auto

test-lowest:  ## the tests on the lowest versions of all dependencies; some of the command line still fail
	@$(MAKE) test VENV=.venv-lowest REQUIREMENTS="--requirement tests/requirements-lowest.txt --editable ."

lint: $(VENV)/.installed  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.installed  ## times, sizes and memory beside pickle, joblib and h5io, in five minutes
	@$(BIN)/python -m benchmarks

stress: $(VENV)/.installed  ## the long tests
	@HYPOTHESIS_PROFILE=exploring $(BIN)/python -m pytest -m stress

clean:
	rm -rf $(VENV) $(VENV)-* build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
