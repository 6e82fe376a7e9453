# Everything a reader or a contributor needs; `make` alone lists it.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
OLDEST := .venv-oldest
LIVE_TESTS := $(filter-out %_maths.py,$(wildcard tests/test_live_*.py))
SITE_TESTS := $(addprefix tests/test_,site.py browser.py preview.py) $(LIVE_TESTS)
SLOW_TESTS := $(addprefix tests/test_,examine.py execute.py scale.py set_up.py)
UNIT_TESTS := tests $(SITE_TESTS:%=--ignore %) $(SLOW_TESTS:%=--ignore %)

.PHONY: help book preview profile test check format ready oldest bench lighthouse notebooks stamp links serve clean lock
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

book: $(READY) ## installs, executes the chapters, builds the site with warnings as errors
	@$(PY) -m tools.build

preview: $(READY) ## in under a minute: all pages, with what the notebooks keep, nothing executed
	@$(PY) -m tools.build preview

profile: $(READY) ## the dearest cells of each chapter, in its last execution; first executes what has changed
	@$(PY) -m tools.build profile

test: book check ## the book, then `make check`, the slow tests, every notebook cell by cell, and the site in a browser
	@echo "[test 1/3] right models and slips under vaebook.examine; chapters in kernels of their own; several processes"
	@$(PY) -m pytest $(SLOW_TESTS)
	@echo "[test 2/3] every notebook, cell by cell: what it keeps against what the book has just shown"
	@$(PY) -m pytest --nbval --replay notebooks/ -v
	@echo "[test 3/3] the site, and each of its pages in a browser"
	@$(PY) -m pytest $(SITE_TESTS) -rs

check: $(READY) ## in about two minutes: style, what is generated in step with its source, unit tests
	@echo "[check 1/2] style; listings, notebooks and stamps in step with their source"
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(PY) -m tools.listings --check
	@$(PY) -m tools.listings --format --check
	@$(PY) -m tools.notebooks --check
	@$(PY) -m tools.stamp --check
	@echo "[check 2/2] unit tests"
	@$(PY) -m pytest $(UNIT_TESTS)

format: $(READY) ## brings the code of package, tests, tools and chapters into the house's form
	@$(VENV)/bin/ruff check --fix-only .
	@$(VENV)/bin/ruff format .
	@$(PY) -m tools.listings --format

ready: $(READY) ## only installs, into .venv (a few minutes and 5 GB the first time)

oldest: ## unit tests with the lowest versions that pyproject.toml allows (PYTHON=python3.11, 6 GB)
	@$(PYTHON) -m venv $(OLDEST)
	@$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade uv setuptools
	@$(OLDEST)/bin/python -m uv pip install --quiet --upgrade --resolution lowest-direct --editable '.[book,test]'
	@$(OLDEST)/bin/python -m pytest $(UNIT_TESTS)

notebooks: $(READY) ## rewrites the listings, makes and executes the notebooks, stores what is compared; needs MNIST
	@$(PY) -m tools.listings
	@$(PY) -m tools.notebooks

stamp: $(READY) ## writes the project's address, version and chapters wherever they are repeated
	@$(PY) -m tools.stamp

bench: $(READY) ## what the speed claims rest on: fresh seeds, the usual loop as a rival, peak memory
	@$(PY) -m benchmarks.live
	@$(PY) -m benchmarks.denormals
	@$(PY) -m benchmarks.squares --choose
	@$(PY) -m benchmarks.squares
	@$(PY) -m benchmarks.digits --choose
	@$(PY) -m benchmarks.digits
	@$(PY) -m benchmarks.denoising --choose
	@$(PY) -m benchmarks.denoising
	@$(PY) -m benchmarks.few --choose
	@$(PY) -m benchmarks.few
	@$(PY) -m benchmarks.time_to_loss

serve: book ## serves the built book on this machine, as its host does
	@$(PY) -m tools.serve

lighthouse: book ## Lighthouse's scores of every page; needs Node.js and a Chromium or Chrome
	@$(PY) -m tests.lighthouse

links: book ## asks for every address outside the book; needs a network
	@$(PY) -m tools.build linkcheck

lock: $(READY) ## renews requirements.lock; versions that still fit stay
	@$(PY) -m pip install --quiet uv
	@$(PY) -m uv pip compile --quiet --universal --python-version 3.11 --no-annotate \
	  --extra book --extra test --custom-compile-command "make lock" -o requirements.lock pyproject.toml requirements.in

clean: ## throws the built book and the kept outputs away
	rm -rf _build

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; run make PYTHON=python3.11")'
	@echo "[environment] installing into $(VENV) (a few minutes and 5 GB the first time)"
	@$(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@
