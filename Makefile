# Every target makes its own environment when there is none: plain python3 and pip suffice, and
# for `bench` a C++ compiler.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO ?= demo
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test bench weights notebooks lint format clean

help:  ## show the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST)

$(VENV)/.product: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable .
	touch $@

# escnn, the oracle of the layer tests, goes in without its dependencies: two of them need a Fortran
# compiler or an old numpy, and neither is used for images.
$(VENV)/.tests: $(VENV)/.product
	$(BIN)/pip install --quiet --editable '.[test]'
	$(BIN)/pip install --quiet --no-deps escnn
	touch $@

demo: $(VENV)/.product  ## sort simulated discs into kinds and write the report
	$(BIN)/equiclust demo --output $(DEMO)

test: lint  ## run the linters, the type checker and the tests
	$(BIN)/python -m pytest

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
	$(BIN)/python -m benchmarks --output benchmark_results

weights: $(VENV)/.product  ## train the weights that networks begin with again (needs EQUICLUST_WEIGHTS)
	$(BIN)/python -m equiclust.autoencoder.make_pretrained

notebooks: $(VENV)/.tests  ## execute the notebooks and strip their outputs
	$(BIN)/python -m notebooks

clean:  ## remove the environment and what the demo wrote
	rm -rf $(VENV) $(DEMO)
