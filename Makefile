# Two commands for a newcomer, both from nothing but Python 3.11+ and make:
#   make demo   sets up and cleans the five seed documents into demo-out/
#   make test   sets up and runs every check
# The first that runs and is new enough: a name on the path may be a shim for a version that is not installed.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do $$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready

.PHONY: demo test lint types tests fix rules thorough kill cluster spark mutation bench clean

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
	$(BIN)/python -m compileall -q cleaner # pip does not, of what is editable: a third of a small file's second
	@touch $@

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

tests: $(READY)
	$(BIN)/pytest --numprocesses auto --dist worksteal --quiet

fix: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# What one change to rules/ needs: they prove themselves, none is in vain, docs/rules/ says what they say.
rules: $(READY)
	$(BIN)/cleaner rules test
	$(BIN)/cleaner rules lint
	$(BIN)/cleaner rules docs --check

# Every law on a thousand examples instead of sixty: half an hour.
thorough: $(READY)
	$(BIN)/pytest --numprocesses auto --quiet --hypothesis-profile thorough

# A run killed at 30 moments and 40 changes of the disk, 2,000 broken inputs: some minutes.
kill: $(READY)
	CLEANER_SLOW=1 $(BIN)/pytest --quiet tests/test_batch.py tests/test_batch_fuzz.py

# Spark, for nothing but its tests: pip would zip its 430 MB again for minutes, so they are put where pip would put them.
SPARK = $(VENV)/.spark
$(SPARK): $(READY)
	command -v java >/dev/null || { echo "Spark needs Java 17 or newer (Debian: apt-get install openjdk-17-jre-headless)"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pandas>=2.2,<3' py4j
	rm -rf $@.new && mkdir $@.new
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --no-binary pyspark --dest $@.new 'pyspark>=4'
	tar -xzf $@.new/pyspark-*.tar.gz -C $@.new && rm $@.new/*.tar.gz
	cd $@.new/pyspark-* && mv deps/bin deps/jars deps/sbin pyspark/
	site=$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') && rm -rf $$site/pyspark && mv $@.new/pyspark-*/pyspark $$site/
	rm -rf $@.new && touch $@

# A Spark cluster of two workers on this machine, one killed: the same digest.
cluster: $(SPARK)
	$(BIN)/pytest --quiet tests/test_cluster.py

# That, and every operation and plan on Spark.
spark: $(SPARK)
	$(BIN)/pytest --quiet tests/test_cluster.py tests/test_spark.py

# Slower than a commit should wait for: about 20 minutes on two cores.
mutation: $(READY)
	$(BIN)/mutmut run
	$(BIN)/mutmut results

bench: $(READY)
	$(BIN)/python bench/speed.py

clean:
	rm -rf $(VENV) demo-out mutants .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
