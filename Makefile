# Two commands for a newcomer, both from nothing but Python 3.11+ and make:
#   make demo   sets up and cleans the five seed documents into demo-out/
#   make test   sets up and runs every check
# The first that runs and is new enough: a name on the path may be a shim for a version that is not installed.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do $$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready

.PHONY: demo test lint types tests fix rules kill spark mutation bench clean

demo: $(READY)
	$(BIN)/cleaner clean seeds -o demo-out
	@echo
	@echo "See what was done to one of them, each change with its rule:"
	@echo "  $(BIN)/cleaner explain seeds/004_a20ad62ac2dfc7aa.txt"

test: lint types tests

$(READY): pyproject.toml
	@test -n "$(PYTHON)" || { echo "cleaner needs Python 3.11 or newer with venv (Debian: apt-get install python3-venv); name it with PYTHON=…"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

tests: $(READY)
	$(BIN)/pytest --numprocesses auto --quiet

fix: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# What one change to rules/ needs: they prove themselves, none is in vain, docs/rules/ says what they say.
rules: $(READY)
	$(BIN)/cleaner rules test
	$(BIN)/cleaner rules lint
	$(BIN)/cleaner rules docs --check

# A run killed at 30 moments and 40 changes of the disk, 2,000 broken inputs: some minutes.
kill: $(READY)
	CLEANER_SLOW=1 $(BIN)/pytest --quiet tests/test_batch.py tests/test_batch_fuzz.py

# A Spark cluster of two workers on this machine, one killed: needs Java 17; 400 MB are installed.
spark: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,spark]'
	$(BIN)/pytest --quiet tests/test_spark.py

# Slower than a commit should wait for: about 20 minutes on two cores.
mutation: $(READY)
	$(BIN)/mutmut run
	$(BIN)/mutmut results

bench: $(READY)
	$(BIN)/python bench/speed.py

clean:
	rm -rf $(VENV) demo-out mutants .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
