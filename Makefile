# kgcv: `make demo` shows it, `make test` proves it, `make help` lists the rest.
SHELL := bash
PYTHON ?= python3
STAMP := .venv/.installed

# Commands below read as they are typed: the environment's programs come first.
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup test check fmt bench demo satellite planet planet-submit rossmann pipeline clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

setup: $(STAMP) ## Make .venv and install kgcv with its development tools

# The stamp makes this a no-op until pyproject.toml changes.
$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "kgcv needs Python 3.11 or newer; say which: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --editable '.[dev]'
	@touch $@

test: setup ## Run all tests on all cores, with branch coverage and its floor
	.venv/bin/python -m pytest --numprocesses auto --cov --cov-report=term-missing:skip-covered

check: setup ## Format, lint, types, architecture: what may not be wrong before a commit
	ruff format --check .
	ruff check .
	mypy
	.venv/bin/python -m pytest -q tests/test_architecture.py

fmt: setup ## Format the code and mend what ruff can mend
	ruff format .
	ruff check --fix .

# --- kgcv beside its peers, in an environment of their own ----------------------------------------------------------
#
# `make bench ROWS="batches-64 tta"` measures some rows, `ROUNDS=9` more often. FFCV is a peer where it builds.

ROWS :=
ROUNDS := 5

.venv-bench/.installed: pyproject.toml tests/benchmarks/peers.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --editable . -r tests/benchmarks/peers.txt
	-.venv-bench/bin/python -m pip install --quiet ffcv
	@touch $@

bench: .venv-bench/.installed ## Time kgcv beside torchvision, timm, fastai and others: a table, and bench.json
	.venv-bench/bin/python -m tests.benchmarks.bench $(ROWS) --rounds $(ROUNDS) --json bench.json

# --- The whole job on the embedded data set, in the folder demo/ -------------------------------------------------

DEMO := demo/fashion/fashion.yaml --set resize.folder=demo/cache

demo: setup ## The whole job, from nothing to a checked submission, in about five minutes
	rm -rf demo
	kgcv sample fashion demo/fashion
	kgcv check demo/fashion/fashion.yaml
	kgcv resize $(DEMO)
	kgcv lr-find $(DEMO) -o demo/lr_find.png
	kgcv train $(DEMO) --run-dir demo/run
	kgcv tta demo/run
	kgcv submit demo/run --check
	kgcv predict-one demo/run demo/fashion/test/2000.png

# --- Several labels an image, from 64 to 256 pixels, in the folder demo-satellite/ ---------------------------------

SATELLITE := demo-satellite/data/satellite.yaml --set resize.folder=demo-satellite/cache

satellite: setup ## The satellite lesson in small: tags, thresholds, a checked submission, in about a quarter of an hour
	rm -rf demo-satellite
	kgcv sample satellite demo-satellite/data
	kgcv check demo-satellite/data/satellite.yaml
	kgcv resize $(SATELLITE)
	kgcv train $(SATELLITE) --run-dir demo-satellite/run
	kgcv tta demo-satellite/run --compare
	kgcv tta demo-satellite/run
	kgcv decide demo-satellite/run
	kgcv submit demo-satellite/run --check

# --- Planet: the lesson itself, from the download to a submission (the README explains each step) --------------------
#
# Needs Kaggle credentials (`kgcv kaggle doctor`), a few GB of disk and, for configs/planet.yaml as it is, a GPU. Each
# step is skipped when its outcome is current; interrupted, `make planet` goes on. A run is never overwritten: after a
# change of the config name another one, `make planet PLANET_RUN=runs/planet-2`.

PLANET := configs/planet.yaml
PLANET_RUN := runs/planet
PLANET_FILES := 'train-jpg*' 'test-jpg*' 'train_v2*' 'sample_submission_v2*'

planet: $(PLANET_RUN)/submission.csv.gz ## The satellite lesson on Kaggle's own files: download to checked submission

planet-submit: planet ## Upload what `make planet` made, and wait for its score: one of the day's five
	kgcv submit $(PLANET_RUN) --wait

data/planet/train_v2.csv: | $(STAMP)
	kgcv download planet-understanding-the-amazon-from-space -o data/planet $(PLANET_FILES:%=--file %)

cache/planet-checked: $(PLANET) data/planet/train_v2.csv
	kgcv check $(PLANET)
	mkdir -p $(@D)
	touch $@

cache/planet-resized: cache/planet-checked
	kgcv resize $(PLANET)
	touch $@

runs/planet-lr.png: cache/planet-resized
	kgcv lr-find $(PLANET) -o $@

$(PLANET_RUN)/scores.json: runs/planet-lr.png
	kgcv train $(PLANET) --run-dir $(PLANET_RUN)

$(PLANET_RUN)/test.npz: $(PLANET_RUN)/scores.json
	kgcv tta $(PLANET_RUN)

$(PLANET_RUN)/thresholds.json: $(PLANET_RUN)/test.npz
	kgcv decide $(PLANET_RUN)

$(PLANET_RUN)/submission.csv.gz: $(PLANET_RUN)/thresholds.json
	kgcv submit $(PLANET_RUN) --check

# --- Rossmann Store Sales: the lesson on tables, with three networks instead of one ---------------------------------
#
# Assumes the competition's files in data/rossmann (see configs/rossmann.yaml). Interrupted, it goes on at the next
# `make rossmann`; `make -j` gains nothing, for one training takes all cores.

ROSSMANN := runs/rossmann
SEEDS := 1 2 3

rossmann: $(ROSSMANN)-blend/submission.csv.gz ## Store sales from tables: a network for each seed, blended, and a checked submission

$(ROSSMANN)-blend/submission.csv.gz: $(SEEDS:%=$(ROSSMANN)-seed%/test.npz)
	rm -rf $(@D)
	kgcv blend $(^D) -o $(@D)
	kgcv submit $(@D) --check

$(ROSSMANN)-seed%/test.npz: $(ROSSMANN)-seed%/scores.json
	kgcv tta $(@D)

$(ROSSMANN)-seed%/scores.json: configs/rossmann.yaml | $(STAMP)
	kgcv train $< --set train.seed=$* --run-dir $(@D)

# Make would delete these as steps on the way.
.SECONDARY:

# --- A pipeline as you would write it: each step is skipped when its output is newer than its inputs -------------
#
# Copy this to your competition's folder, with your own config. `kgcv sample` stands for the download. Interrupted,
# it goes on at the next `make pipeline`. A run is never overwritten: with another config name another one,
# `make pipeline RUN=pipeline/second`.

CONFIG := configs/fashion.yaml
RUN := pipeline/run

pipeline: $(RUN)/submission.csv.gz ## The same job through file targets: each step skipped when its output is current

data/fashion/train.csv: | $(STAMP)
	kgcv sample fashion data/fashion

pipeline/resized: $(CONFIG) data/fashion/train.csv
	kgcv resize $(CONFIG)
	@mkdir -p $(@D) && touch $@

$(RUN)/scores.json: $(CONFIG) pipeline/resized
	kgcv train $(CONFIG) --run-dir $(RUN)

$(RUN)/fold0/test.npz: $(RUN)/scores.json
	kgcv tta $(RUN) --split test

$(RUN)/submission.csv.gz: $(RUN)/fold0/test.npz
	kgcv submit $(RUN) --check

clean: ## Remove what demo, pipeline and the tools made; keep .venv, data and runs
	rm -rf demo demo-satellite pipeline cache .pytest_cache .mypy_cache .ruff_cache .coverage build dist
