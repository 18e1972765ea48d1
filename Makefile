# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
DEMO ?= digits-mlp
# A worker takes about 1 GB, with torch, JAX and TensorFlow in it.  The tests of one file share what they have made, and
# tests/conftest.py says which files come first.
ON_EVERY_CORE := --numprocesses=auto --maxprocesses=8 --dist=loadfile --no-loadscope-reorder

.PHONY: help demo test test-all test-interpreted test-torch test-frameworks check bench docs clean

help:                       ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS="	" read -r target says; do printf '  make %-15s %s\n' "$$target" "$$says"; done

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/user: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[workbench]'
	@touch $@

.venv/developer: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[workbench,dev]'
	@touch $@ .venv/user

demo: .venv/user            ## train four optimizers on real data and write a report
	$(BIN)/steepest compare $(DEMO) --workers 2  # 43 s on two cores, 77 s with --serial

test: .venv/developer       ## the tests, on every core
	$(BIN)/python -m pytest $(ON_EVERY_CORE)

test-all: .venv/developer   ## every law on every configuration, and the long runs: an hour
	$(BIN)/python -m pytest $(ON_EVERY_CORE) --exhaustive

# Each rule's results through the kernels for GPUs, on the processor.
INTERPRETED := tests/torch/test_optim_db.py tests/torch/test_layout.py tests/torch/test_state.py \
  tests/torch/test_checkpoint.py tests/torch/test_plan.py tests/torch/test_sparse.py tests/torch/test_complex.py \
  tests/torch/test_same_tensors.py tests/torch/test_scheduled.py tests/torch/test_dtensors.py tests/test_testing.py

test-interpreted: .venv/developer  ## the kernels for GPUs in Triton's interpreter: an hour of one core
	STEEPEST_KERNELS=triton TRITON_INTERPRET=1 $(BIN)/python -m pytest $(ON_EVERY_CORE) --timeout 1200 $(INTERPRETED) \
	  -k "not many_parameters"  # 600 of them take it minutes

# With another version of torch, in an environment of its own: a build for CUDA may take 6 GB of the disk.
OTHER := .venv-torch-$(TORCH)

$(OTHER)/ready: pyproject.toml constraints.txt
	@test -n "$(TORCH)" || { echo "Say which torch: make test-torch TORCH=2.14.1"; exit 2; }
	$(PYTHON) -m venv $(OTHER)
	grep -v '^torch==' constraints.txt > $(OTHER)/constraints.txt
	$(OTHER)/bin/pip install --quiet --no-cache-dir --constraint $(OTHER)/constraints.txt torch==$(TORCH) \
	  --editable . pytest pytest-timeout pytest-xdist hypothesis expecttest
	@touch $@

test-torch: $(OTHER)/ready       ## what depends on torch, with another version: make test-torch TORCH=2.14.1
	$(OTHER)/bin/python -m pytest $(ON_EVERY_CORE) tests/torch tests/lr_scheduler tests/schedules tests/kernels

# Frameworks that people train in, in an environment of their own: 2 GB.
FRAMEWORKS := .venv-frameworks

$(FRAMEWORKS)/ready: pyproject.toml constraints.txt constraints-frameworks.txt
	$(PYTHON) -m venv $(FRAMEWORKS)
	$(FRAMEWORKS)/bin/pip install --quiet --no-cache-dir --constraint constraints.txt --requirement constraints-frameworks.txt \
	  torch --editable '.[workbench]' pytest pytest-timeout pytest-xdist
	@touch $@

test-frameworks: $(FRAMEWORKS)/ready  ## small runs in Lightning, Trainer, accelerate, ...; loggers read back; Ray on two nodes
	$(FRAMEWORKS)/bin/python -m pytest $(ON_EVERY_CORE) tests/frameworks

check: .venv/developer      ## everything that CI looks at beside the tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/pyright --pythonversion 3.14
	$(BIN)/lint-imports
	KERAS_BACKEND=torch $(BIN)/python -m pytest -q --doctest-modules src/steepest --ignore src/steepest/pyinstaller --ignore src/steepest/workbench/scripts/from_outside --ignore-glob '*/loggers/to_*' --doctest-glob='*.md' README.md docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict  # with --quiet it would count no warnings

bench: .venv/developer      ## the table of docs/performance.md on this machine
	$(BIN)/python -m benchmarks

docs: .venv/developer       ## the documentation in a browser, as it is written
	$(BIN)/mkdocs serve

clean:                      ## remove the environment, the built documentation and runs/
	rm -rf .venv .venv-torch-* .venv-frameworks site runs
