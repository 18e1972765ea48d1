# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
DEMO ?= digits-mlp

.PHONY: demo test check bench docs clean

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/user: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[workbench]'
	@touch $@

.venv/developer: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[workbench,dev]'
	@touch $@ .venv/user

demo: .venv/user            ## train four optimizers on real data and write a report
	$(BIN)/steepest compare $(DEMO)

test: .venv/developer       ## the whole suite
	$(BIN)/python -m pytest

check: .venv/developer      ## everything that CI looks at beside the tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	KERAS_BACKEND=torch $(BIN)/python -m pytest -q --doctest-modules src/steepest --doctest-glob='*.md' README.md docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict  # with --quiet it would count no warnings

bench: .venv/developer           ## the table of docs/performance.md on this machine
	$(BIN)/python -m benchmarks

docs: .venv/developer
	$(BIN)/mkdocs serve

clean:
	rm -rf .venv site runs
