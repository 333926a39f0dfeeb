# `make demo` and `make test` need Python >= 3.10, Node >= 20 and make; the rest they
# install into .venv (and, as root on a Debian-like machine, chromium and postgresql).

PYTHON ?= python3
VENV := .venv
LIBRARIES := .venv-libraries
MLFLOW := .venv-mlflow
PHOENIX := .venv-phoenix
MLFLOW_LIBRARIES := .venv-mlflow-libraries
BIN := $(VENV)/bin
# What is random draws from SEED. `make test` has one, so that it is the same run each
# time; a part alone, pytest and `make fuzz` explore, unless given: make test-unit SEED=5
SEED ?=
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python
NODE_TOOLS := js/node_modules/.package-lock.json
JS_SOURCES := js/build.mjs $(shell find js/src labextension/src labextension/schemas -type f)

.PHONY: demo test format lint types environments build bench test-static test-unit test-js \
  test-notebook test-notebooks test-integrations test-libraries test-waiting test-mlflow \
  record-mlflow test-packaging test-browser test-faults test-speed fuzz notebooks \
  cheatsheet drawing docs test-docs picture clean

ifneq ($(SEED),)
export SPANTREE_SEED := $(SEED)
endif
test: export SPANTREE_SEED := $(or $(SEED),1)
test: export PYTHONHASHSEED := 0

demo: $(VENV)/.demo
	$(BIN)/python -m spantree demo

test: test-static test-unit test-js test-notebook test-notebooks test-integrations \
  test-libraries test-waiting test-faults test-packaging test-docs test-browser

# What waits for downloads or servers goes beside what takes one core and no times.
test-static: $(VENV)/.dev $(NODE_TOOLS)
	$(MAKE) -j 3 lint types environments

test-waiting: $(VENV)/.dev
	$(MAKE) -j 2 test-mlflow test-speed

environments: $(LIBRARIES)/.made $(MLFLOW)/.made $(PHOENIX)/.made

format: $(VENV)/.dev $(NODE_TOOLS)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only --quiet .
	npm --prefix js run --silent format

lint: $(VENV)/.dev $(NODE_TOOLS)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	npm --prefix js run --silent lint

types: $(VENV)/.dev $(NODE_TOOLS)
	$(BIN)/mypy
	npm --prefix js run --silent types

test-unit: $(VENV)/.dev
	sh .ci/system-packages postgresql
	$(BIN)/pytest -q -n 2 tests/unit tests/snippets tests/parity tests/typing

test-js: $(NODE_TOOLS) $(VENV)/.dev
	npm --prefix js test --silent

test-notebook: $(VENV)/.dev
	$(BIN)/pytest -q -n 2 --dist loadfile tests/notebook

# The tutorials run again, and must show what they were saved with.
test-notebooks: $(VENV)/.dev
	$(BIN)/python notebooks/execute.py --check

# Two environments: openai 3 here, and openai 2 with every library that is traced.
test-integrations: $(VENV)/.dev
	SPANTREE_TEST_REQUIRES=openai,anthropic $(BIN)/pytest -q -n 2 --dist loadfile tests/integrations tests/services

test-libraries: $(LIBRARIES)/.made
	SPANTREE_TEST_REQUIRES=all $(LIBRARIES)/bin/pytest -q -n 2 --dist loadfile tests/integrations

# The same programs and searches in a real MLflow, and traces sent to its server and to
# Phoenix, in environments of their own: 620 MB each, four minutes, a minute of CPU.
test-mlflow: $(VENV)/.dev $(MLFLOW)/.made $(PHOENIX)/.made
	SPANTREE_MLFLOW_PYTHON=$(CURDIR)/$(MLFLOW)/bin/python \
	SPANTREE_PHOENIX_PYTHON=$(CURDIR)/$(PHOENIX)/bin/python \
	  $(BIN)/pytest -q -n 2 --dist loadfile tests/parity tests/shipping

record-mlflow: $(MLFLOW)/.made
	$(MLFLOW)/bin/python tests/parity/record.py tests/parity/mlflow.json

# The column of mlflow in docs/autolog.md, with every library: 2 GB on disk, ten minutes.
record-autolog: $(MLFLOW_LIBRARIES)/.made
	LITELLM_LOCAL_MODEL_COST_MAP=True $(MLFLOW_LIBRARIES)/bin/python \
	  tests/parity/autolog.py mlflow tests/parity/autolog_mlflow.json

test-faults: $(VENV)/.dev
	sh .ci/system-packages postgresql
	$(BIN)/pytest -q -n 2 tests/faults tests/faults/fuzz_values.py

# Counts instructions, so that a busy machine is no matter; a minute of CPU.
test-speed: $(VENV)/.dev
	sh .ci/system-packages valgrind
	$(BIN)/python benchmarks/instructions.py --gate --python $(BIN)/python

# The long forms of the random tests: a million values, interrupts and traces, of each
# law a hundred times the examples, a million filters.
fuzz: $(VENV)/.dev
	SPANTREE_FUZZ=1000000 SPANTREE_INTERRUPTS=10000 SPANTREE_SOAK=1000000 \
	SPANTREE_KILL_POINTS=100 SPANTREE_MUTATIONS=100000 SPANTREE_SCHEDULES=20000 \
	  $(BIN)/pytest -q -s tests/faults tests/faults/fuzz_values.py
	SPANTREE_FILTERS=1000000 $(BIN)/pytest -q --hypothesis-profile=fuzz \
	  $$(grep -rlE 'hypothesis|SPANTREE_FILTERS' tests/unit --include='test_*.py')

test-packaging: $(VENV)/.dev
	$(BIN)/pytest -q tests/packaging

# The site builds without a warning, and every block of code on its pages runs.
test-docs: docs
	$(BIN)/pytest -q -n 2 tests/docs

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

test-browser: $(VENV)/.dev $(NODE_TOOLS)
	sh .ci/system-packages chromium
	$(BIN)/pytest -q -n 2 --dist loadfile tests/browser

build: $(VENV)/.dev $(NODE_TOOLS)
	npm --prefix js run --silent build
	$(BIN)/python -m build --outdir dist .

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/run.py $(ONLY)

notebooks: $(VENV)/.dev
	$(BIN)/python notebooks/execute.py

drawing: $(VENV)/.dev
	$(BIN)/python docs/write_architecture.py

cheatsheet: $(VENV)/.dev
	$(BIN)/python docs/write_magics.py

picture: $(VENV)/.dev
	sh .ci/system-packages chromium
	$(BIN)/pytest -q tests/browser/test_first_trace.py -k picture
	cp out/pictures/first_trace.png docs/tree.png

clean:
	rm -rf $(VENV) $(LIBRARIES) $(MLFLOW) $(PHOENIX) js/node_modules python_pkg/spantree/static labextension/dist dist out

$(BIN)/uv:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "spantree needs Python 3.10 or newer: make PYTHON=python3.x")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check uv

# Editable, so that tests run on the sources. The build hook makes the viewer, and the
# lab extension is copied, so both are installed again when their sources change.
$(VENV)/.demo: $(BIN)/uv pyproject.toml hatch_build.py $(NODE_TOOLS) $(JS_SOURCES)
	$(UV) -e '.[demo]'
	touch $@

$(VENV)/.dev: $(VENV)/.demo
	$(UV) --group dev
	touch $@

$(VENV)/.docs: $(VENV)/.dev
	$(UV) --group docs
	touch $@

$(LIBRARIES)/.made: $(BIN)/uv pyproject.toml
	$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(LIBRARIES)
	SPANTREE_SKIP_JS=1 $(BIN)/uv pip install --quiet --python $(LIBRARIES)/bin/python \
	  -e . --group libraries
	touch $@

$(MLFLOW)/.made: $(BIN)/uv tests/parity/requirements.txt
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(MLFLOW)
	$(BIN)/uv pip install --quiet --python $(MLFLOW)/bin/python -r tests/parity/requirements.txt
	touch $@

$(PHOENIX)/.made: $(BIN)/uv tests/shipping/requirements.txt
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(PHOENIX)
	$(BIN)/uv pip install --quiet --python $(PHOENIX)/bin/python -r tests/shipping/requirements.txt
	touch $@

$(MLFLOW_LIBRARIES)/.made: $(BIN)/uv tests/parity/requirements-autolog.txt
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(MLFLOW_LIBRARIES)
	$(BIN)/uv pip install --quiet --python $(MLFLOW_LIBRARIES)/bin/python \
	  -r tests/parity/requirements-autolog.txt
	touch $@

$(NODE_TOOLS): js/package.json js/package-lock.json
	@command -v npm >/dev/null || { echo "Node 20 or newer is needed to build the viewer: install nodejs and npm."; exit 1; }
	npm --prefix js ci --no-audit --no-fund --loglevel=error
