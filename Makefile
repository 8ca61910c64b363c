# `make demo` and `make test` do everything on a fresh machine: environment, install, job.
PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2
bin = $(VENV)/bin
pip = $(bin)/python -m pip --quiet --disable-pip-version-check

export SCIPY_ARRAY_API = 1

.DEFAULT_GOAL := help
.PHONY: help demo test laws test-oldest coverage mutants soak lint doc bench clean

help:
	@echo "make demo         store, damage, retrieve, score and sample real digits; draw digits.png"
	@echo "make test         the whole test suite"
	@echo "make laws         every law on 10 000 new cases, for hours (ARGS='-k attention' narrows it)"
	@echo "make test-oldest  the same on the oldest supported dependencies"
	@echo "make coverage     the tests, every branch of skdam in them: a missing one fails"
	@echo "make soak         a million rows, one by one, into one memory: some minutes"
	@echo "make lint         ruff and mypy"
	@echo "make doc          the documentation, into doc/_build/html"
	@echo "make bench        side-by-side comparisons with other software"
	@echo "make mutants      how many faults put into the source the tests notice; takes an hour"
	@echo "make clean        remove the environments"

demo: $(VENV)/.plot
	$(bin)/python examples/demo.py

test: $(VENV)/.test
	$(bin)/python -m pytest -n $(JOBS) $(ARGS)

laws: $(VENV)/.test
	$(bin)/python -m pytest -n $(JOBS) -m hypothesis --hypothesis-profile=thorough $(ARGS)

test-oldest:
	$(MAKE) test VENV=.venv-oldest PIP_CONSTRAINT=.ci/oldest.txt

# Without the doctests: an example that is moved must not uncover a branch.
coverage: $(VENV)/.test
	$(bin)/python -m pytest -n $(JOBS) --cov --cov-report=term-missing:skip-covered tests $(ARGS)

soak: $(VENV)/.test
	SKDAM_SOAK=1000000 $(bin)/python -m pytest -q tests/test_soak.py

lint: $(VENV)/.lint
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/mypy

doc: $(VENV)/.doc
	$(bin)/python -m sphinx -W --keep-going -q -b html doc doc/_build/html
	$(bin)/python doc/check_links.py doc/_build/html
	@echo "doc/_build/html/index.html"

bench: $(VENV)/.test
	$(bin)/python -W ignore benchmarks/accuracy.py
	$(bin)/python benchmarks/minima.py
	$(bin)/python benchmarks/which_memory.py
	$(bin)/python -W ignore benchmarks/report.py

mutants: $(VENV)/.mutants
	rm -rf mutants
	JOBS=$(JOBS) $(bin)/python benchmarks/mutants.py

clean:
	rm -rf .venv .venv-oldest mutants doc/_build doc/generated doc/examples

# An environment holds one stamp for each thing installed into it.
$(bin)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "skdam needs Python >= 3.11")'
	$(PYTHON) -m venv $(VENV)
	$(pip) install --upgrade "pip>=25.1"

$(VENV)/.plot: pyproject.toml | $(bin)/python
	$(pip) install --editable ".[plot]"
	@touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/.plot
	$(pip) install --group test
	@touch $@

$(VENV)/.doc: pyproject.toml | $(VENV)/.plot
	$(pip) install --group doc
	@touch $@

$(VENV)/.lint: pyproject.toml | $(VENV)/.plot
	$(pip) install --group lint
	@touch $@

$(VENV)/.mutants: pyproject.toml | $(VENV)/.test
	$(pip) install --group mutants
	@touch $@
