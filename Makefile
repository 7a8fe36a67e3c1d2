# Every target makes its own environment when there is none: plain python3 and pip suffice, and
# for `bench` a C++ compiler.
PYTHON ?= python3
VENV ?= .venv
# Where an environment has its programs. On Windows make needs a POSIX shell, such as that of git.
PROGRAMS := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
BIN := $(VENV)/$(PROGRAMS)
DEMO ?= demo
# One process for each core, with one thread each. A file stays in one process, so that what its
# tests share is made once.
PYTEST := -m pytest --numprocesses auto --dist loadfile
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test slow fuzz oldest bench bench-compare weights notebooks docs lint format dist check-dist clean

help:  ## show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(VENV)/pyvenv.cfg:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.product: pyproject.toml | $(VENV)/pyvenv.cfg
	$(BIN)/pip install --quiet --editable .
	touch $@

# escnn, the reference of the layer tests, goes in without its dependencies: two of them need a
# Fortran compiler or an old numpy, and neither is used for images (docs/escnn.md).
$(VENV)/.tests: pyproject.toml | $(VENV)/pyvenv.cfg
	$(BIN)/pip install --quiet --editable '.[test]'
	$(BIN)/pip install --quiet --no-deps escnn
	touch $(VENV)/.product $@

demo: $(VENV)/.product  ## sort simulated discs into clusters and write the report
	$(BIN)/equiclust demo --output $(DEMO)

# A browser for the tests of the application, where one can be installed; else they are skipped.
$(VENV)/.browser: | $(VENV)/pyvenv.cfg
	@command -v chromium chromium-browser google-chrome > /dev/null \
	  || { test "$$(id -u)" = 0 && command -v apt-get > /dev/null \
	       && apt-get update --quiet=2 \
	       && apt-get install --quiet=2 --yes --no-install-recommends chromium fonts-dejavu-core > /dev/null; } \
	  || echo "no browser: the tests of the application in one are skipped"
	touch $@

test: lint $(VENV)/.browser  ## run the linters, the type checker and the tests
	OMP_NUM_THREADS=1 $(BIN)/python $(PYTEST)

# Old releases warn of each other's newer ones; that is no error here.
DATED := -W default::DeprecationWarning -W default::FutureWarning

# The oldest release of every dependency that pyproject.toml allows, in an environment of its own.
$(VENV)-oldest/.tests: pyproject.toml tests/oldest_versions.py
	$(PYTHON) -m venv $(VENV)-oldest
	$(PYTHON) tests/oldest_versions.py pyproject.toml > $(VENV)-oldest/constraints.txt
	$(VENV)-oldest/$(PROGRAMS)/pip install --quiet --constraint $(VENV)-oldest/constraints.txt --editable '.[test]'
	$(VENV)-oldest/$(PROGRAMS)/pip install --quiet --no-deps escnn
	touch $@

slow: $(VENV)/.tests  ## run the tests that take minutes each, with all seeds
	OMP_NUM_THREADS=1 $(BIN)/python $(PYTEST) -m slow

fuzz: $(VENV)/.tests  ## read 100000 mutants of files and models; none may crash, hang or take all memory
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.field.fuzz --mutants 100000 --random-state 0

oldest: $(VENV)-oldest/.tests  ## run the tests with the oldest dependencies allowed
	OMP_NUM_THREADS=1 $(VENV)-oldest/$(PROGRAMS)/python $(PYTEST) $(DATED)

lint: $(VENV)/.tests  ## check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.tests  ## bring the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/.bench: $(VENV)/.tests
	$(BIN)/pip install --quiet --editable '.[bench]'
	touch $@

bench: $(VENV)/.bench  ## run the benchmarks; tables on screen, JSON in benchmark_results/
	$(BIN)/python -m benchmarks

bench-compare: $(VENV)/.tests  ## compare two folders of results: make bench-compare A=old B=new
	$(BIN)/python -m benchmarks.compare $(A) $(B)

weights: $(VENV)/.product  ## train the weights that networks begin with again (needs EQUICLUST_WEIGHTS)
	$(BIN)/python -m equiclust.autoencoder.make_pretrained

notebooks: $(VENV)/.tests  ## execute the notebooks and strip their outputs
	$(BIN)/python -m notebooks

# Pages on the command line are run by a kernel for bash, which an installation of its own registers.
$(VENV)/.docs: $(VENV)/.tests
	$(BIN)/pip install --quiet --editable '.[docs]'
	$(BIN)/python -m bash_kernel.install --sys-prefix
	touch $@

docs: $(VENV)/.docs  ## build the documentation in docs/_build/html, and run every example on its pages
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --builder html docs docs/_build/html

# What the extra `release` names, without the package: a small environment.
RELEASE := $(VENV)-release/$(PROGRAMS)/python
$(VENV)-release/.release: pyproject.toml release/requirements.py
	$(PYTHON) -m venv $(VENV)-release
	$(RELEASE) -m pip install --quiet $$($(PYTHON) release/requirements.py release)
	touch $@

dist: $(VENV)-release/.release  ## build and check wheel and sdist of the last commit, in dist/
	$(RELEASE) release/make_dist.py

check-dist: dist  ## install the wheel in an empty environment and run the README from it
	$(PYTHON) release/check_dist.py

clean:  ## remove the environments, the archives, the pages and what the demo wrote
	rm -rf $(VENV) $(VENV)-oldest $(VENV)-release $(DEMO) dist docs/_build docs/reference docs/tutorials/notebooks
