# Every target does its own set-up; a finished set-up costs a fraction of a second.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# Other settings have no default here: what is not named stays as the environment was made.
VENV ?= .venv
PYTEST_ARGS ?=
# Workers that share the tests: one more than there are cores, since tests wait for deaths, signals
# and disks; at most five, and none beside the first on the only core.
PYTEST_WORKERS ?= $(shell cores=$$(env -u OMP_NUM_THREADS nproc || echo 1); \
	echo $$((cores < 2 ? 1 : cores < 4 ? cores + 1 : 5)))
SHARED = $(if $(filter-out 0 1,$(PYTEST_WORKERS)),-n $(PYTEST_WORKERS))
export VENV

JOB_SCRIPTS := $(wildcard slurm/* jobs/*.qsub jobs/*.cobalt jobs/sites/*.env agebo_hpc/launch/*.sh)
SETUP_SCRIPTS := scripts/setup_environment.sh scripts/build_horovod.sh scripts/fresh_machine.sh \
	scripts/lib/beside.sh
SCRIPTS := $(wildcard scripts/*.sh scripts/lib/*.sh) .ci/run $(JOB_SCRIPTS)
RUN := PATH="$(abspath $(VENV))/bin:$$PATH"

.PHONY: help setup setup-docs demo test test-long test-slurm lint format bench docs clean distclean

help: ## show this list
	@awk -F':.*## ' '/^[a-zA-Z%_-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "Settings: PYTHON=python3.13  HOROVOD=0  SYSTEM_MPI=1  SYSTEM_TENSORFLOW=1  SYSTEM_HOROVOD=1  (docs/install.rst)"

setup: ## make .venv with everything in it; nothing to do the second time
	@scripts/setup_environment.sh

demo: setup ## search a network for 327,346 flights with mpirun, retrain the best, show it
	@$(RUN) scripts/demo.sh

test: setup ## set-up, then lint and all tests side by side
	@$(RUN) scripts/lib/beside.sh "make --no-print-directory lint" \
		python -m pytest $(SHARED) --durations 20 --durations-min 5 $(PYTEST_ARGS)

test-long: setup-docs ## the long proofs: hundreds of kills, damages and random tables; up to two hours
	$(RUN) python -m pytest -m long --timeout 7200 $(PYTEST_ARGS)

test-mpi-%: setup ## smoke test and MPI tests with % ranks, for example test-mpi-4
	$(RUN) scripts/ranks.sh $* python -m agebo_hpc smoke
	$(RUN) python -m pytest tests/mpi --ranks $* $(PYTEST_ARGS)

test-slurm: setup ## real jobs on private Slurm clusters, about an hour; needs root and apt
	$(RUN) python -m pytest tests/slurm -m "slurm or not slurm" $(PYTEST_ARGS)

lint: setup ## ruff (rules and format), mypy, bash -n, shellcheck
	@for script in $(SCRIPTS); do bash -n "$$script" || exit 1; done
	$(RUN) shellcheck -x $(JOB_SCRIPTS) $(SETUP_SCRIPTS)
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy

format: setup ## let ruff format and sort
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

bench: setup ## run the benchmarks in scripts/bench, one table and one JSON line each
	@shopt -s nullglob; for bench in scripts/bench/{bench,simulate,kill}_*.py; do echo "== $$bench"; \
		$(RUN) python "$$bench" || exit 1; done

docs: setup-docs ## build the documentation as HTML in build/docs; a warning is an error
	@$(RUN) python -m sphinx -q -W --keep-going -j auto -d build/doctrees docs build/docs
	@echo "build/docs/index.html"

setup-docs: ## set-up, and what the documentation is built with
	@EXTRAS="docs$${EXTRAS:+,$$EXTRAS}" scripts/setup_environment.sh

clean: ## remove what was built and the demo's data and runs; .venv stays
	rm -rf build dist demo *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

distclean: clean ## clean, and remove .venv
	@[ ! -e "$(VENV)" ] || [ -d "$(VENV)/.agebo" ] || { \
		echo "$(VENV) was not made by this set-up; remove it yourself." >&2; exit 1; }
	rm -rf "$(VENV)"
