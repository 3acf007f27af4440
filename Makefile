# Needs make and Python 3.11 to 3.13; everything else goes into .venv.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
SETUP := .venv/installed
CODE := yuetan.py domain infra projections api workflows tests
.DEFAULT_GOAL := help
.PHONY: help setup run test check demo bench lock chromium screens

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

# The browser that the tests drive and its Chinese letters: Debian's packages, where they are missing.
chromium:
	@(command -v chromium && fc-list :lang=zh | grep .) >/dev/null 2>&1 || { \
	  echo "installing Debian's packages chromium and fonts-noto-cjk for the browser tests ..."; \
	  if [ "$$(id -u)" = 0 ]; then as=; else as="sudo -n"; fi; export DEBIAN_FRONTEND=noninteractive; \
	  get="$$as apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk fontconfig"; \
	  $$get >/dev/null 2>&1 || { $$as apt-get update -qq && $$get; } >/dev/null || { \
	  echo "could not: install chromium and fonts-noto-cjk yourself, then run make test again" >&2; exit 1; }; }

# Every core brings a PostgreSQL and a Temporal of its own; a file's tests stay together.
test: $(SETUP) chromium
	@start=$$(date +%s); $(MAKE) --no-print-directory check && $(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile; status=$$?; \
	echo "make test took $$(( $$(date +%s) - start )) s"; exit $$status

screens: $(SETUP) chromium
	$(BIN)/python -m tests.browser.screenshots

# For every platform and Python 3.11 to 3.13, with hashes and without an index. Versions stay unless the locks are deleted.
lock: $(SETUP)
	@test -x .venv/lock/bin/uv || { $(PYTHON) -m venv .venv/lock && .venv/lock/bin/pip install --quiet uv; }
	@for extra in "" "--extra dev"; do \
	  .venv/lock/bin/uv pip compile pyproject.toml $$extra --universal --python-version 3.11 --generate-hashes --quiet \
	    --custom-compile-command "make lock" -o requirements$${extra:+-dev}.lock || exit 1; \
	done
