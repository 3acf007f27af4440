# Needs make and Python 3.11 to 3.13; everything else goes into .venv.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
SETUP := .venv/installed
CODE := yuetan.py domain infra projections api workflows tests
.DEFAULT_GOAL := help
.PHONY: help setup run test check demo bench lock

help:
	@echo "make run | test | check | demo | bench | setup | lock"

setup: $(SETUP)

$(SETUP): requirements-dev.lock pyproject.toml
	@echo "setting up .venv with the locked packages (half a minute the first time) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

run: $(SETUP)
	$(BIN)/yuetan up --play

demo: $(SETUP)
	$(BIN)/yuetan demo

bench: $(SETUP)
	$(BIN)/python -m tests.benchmarks

check: $(SETUP)
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports

test: $(SETUP)
	@start=$$(date +%s); $(MAKE) --no-print-directory check && $(BIN)/pytest; status=$$?; \
	echo "make test took $$(( $$(date +%s) - start )) s"; exit $$status

# For every platform and Python 3.11 to 3.13, with hashes and without an index. Versions stay unless the locks are deleted.
lock: $(SETUP)
	@test -x .venv/lock/bin/uv || { $(PYTHON) -m venv .venv/lock && .venv/lock/bin/pip install --quiet uv; }
	@for extra in "" "--extra dev"; do \
	  .venv/lock/bin/uv pip compile pyproject.toml $$extra --universal --python-version 3.11 --generate-hashes --quiet \
	    --custom-compile-command "make lock" -o requirements$${extra:+-dev}.lock || exit 1; \
	done
