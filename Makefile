# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
DEMO ?= digits-mlp

.PHONY: demo test test-torch check bench docs clean

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

# With another version of torch, in an environment of its own: a build for CUDA may take 6 GB of the disk.
OTHER := .venv-torch-$(TORCH)

$(OTHER)/ready: pyproject.toml constraints.txt
	@test -n "$(TORCH)" || { echo "Say which torch: make test-torch TORCH=2.14.1"; exit 2; }
	$(PYTHON) -m venv $(OTHER)
	grep -v '^torch==' constraints.txt > $(OTHER)/constraints.txt
	$(OTHER)/bin/pip install --quiet --no-cache-dir --constraint $(OTHER)/constraints.txt torch==$(TORCH) \
	  --editable . pytest pytest-timeout hypothesis expecttest
	@touch $@

test-torch: $(OTHER)/ready       ## what depends on torch, with another version: make test-torch TORCH=2.14.1
	$(OTHER)/bin/python -m pytest tests/torch tests/lr_scheduler tests/schedules tests/kernels

check: .venv/developer      ## everything that CI looks at beside the tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/pyright --pythonversion 3.14
	$(BIN)/lint-imports
	KERAS_BACKEND=torch $(BIN)/python -m pytest -q --doctest-modules src/steepest --doctest-glob='*.md' README.md docs
	$(BIN)/mkdocs build --quiet --strict

bench: .venv/developer           ## the table of docs/performance.md on this machine
	$(BIN)/python -m benchmarks

docs: .venv/developer
	$(BIN)/mkdocs serve

clean:
	rm -rf .venv .venv-torch-* site runs
