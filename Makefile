.DEFAULT_GOAL := help
.PHONY: help setup demo test e2e faults bench bench-history bench-resume bench-spikes lint format mutants requirements clean

help: ## show this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' Makefile | expand -t 14

setup: ## build .venv with the command .venv/bin/replywatch
	@bash tools/setup.sh

demo: setup ## replay two sample days with a live wallboard
	@.venv/bin/replywatch demo

test: setup ## run the tests
	@.venv/bin/pytest -n auto --maxprocesses 4 --dist loadfile

e2e: setup ## from an event to a page, with a real Prometheus and Alertmanager
	@REPLYWATCH_REQUIRE=prometheus,alertmanager .venv/bin/pytest tests/endtoend/test_pages.py

bench: setup ## measure the whole path against an idiomatic dataflow
	@.venv/bin/python tests/benchmarks/bench.py

KILLS ?=
faults: setup ## kill it, starve it, turn its clock, and compare (SIZE=full KILLS=300 SEED=2 FAULTS="replay-kills")
	@PYTHONPATH=tests .venv/bin/python -m faults $(if $(filter full,$(SIZE)),--size full) \
		$(if $(KILLS),--kills $(KILLS)) --seed $(SEED) $(FAULTS)

SIZE ?= 1
bench-history: setup ## measure reports and upkeep on two years of history (SIZE=0.01 of it)
	@PYTHONPATH=tests .venv/bin/python tests/benchmarks/history.py --size $(SIZE)

SIZES ?= 10000 100000 1000000
bench-resume: setup ## measure what open conversations cost: checkpoints, memory, a resume (SIZES=…)
	@.venv/bin/python tests/benchmarks/resume.py $(SIZES)

bench-spikes: setup ## measure how well volume spikes are found
	@.venv/bin/python tests/benchmarks/spikes.py

SAMPLE ?= 5
SEED ?= 1
mutants: setup ## change metrics/ and see the tests fail (SAMPLE=0 all, MODULES="life")
	@PYTHONPATH=tests nice .venv/bin/python tests/mutation/run.py --sample $(SAMPLE) --seed $(SEED) \
		$(MODULES)

lint: setup ## ruff and mypy
	@.venv/bin/ruff check -q --output-format concise .
	@.venv/bin/ruff format --check .
	@bash tools/types.sh

format: setup ## let ruff format and fix
	@.venv/bin/ruff check -q --fix .
	@.venv/bin/ruff format -q .

requirements: ## compile the pins in requirements/ from pyproject.toml
	@bash tools/requirements.sh

clean: ## remove what setup built
	@rm -rf .venv .tools build *.egg-info
