# Everything a reader or a contributor needs; `make book` and `make test` are all of it.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready

.PHONY: book test ready bench lighthouse notebooks stamp links serve clean lock
.DELETE_ON_ERROR:

book: $(READY)
	@$(PY) -m tools.build

test: book
	@echo "[test 1/4] style, listings and notebooks in step with their source"
	@$(VENV)/bin/ruff check .
	@$(PY) -m tools.listings --check
	@$(PY) -m tools.notebooks --check
	@$(PY) -m tools.stamp --check
	@echo "[test 2/4] unit tests"
	@$(PY) -m pytest tests --ignore tests/test_site.py --ignore tests/test_browser.py
	@echo "[test 3/4] every notebook, cell by cell, against its stored output (some minutes)"
	@$(PY) -m pytest --nbval notebooks/ -v
	@echo "[test 4/4] the site, and each of its pages in a browser"
	@$(PY) -m pytest tests/test_site.py tests/test_browser.py -rs

ready: $(READY)

bench: $(READY)
	@$(PY) -m benchmarks.squares --rival
	@$(PY) -m benchmarks.time_to_loss

lighthouse: book
	@$(PY) -m benchmarks.lighthouse

notebooks: $(READY)
	@$(PY) -m tools.listings
	@$(PY) -m tools.notebooks

stamp: $(READY)
	@$(PY) -m tools.stamp

links: book
	@$(PY) -m tools.build linkcheck

serve: book
	@$(PY) -m tools.serve

clean:
	rm -rf _build

lock: $(READY)
	@$(PY) -m pip install --quiet uv
	@$(PY) -m uv pip compile --quiet --universal --python-version 3.11 --no-annotate \
	  --extra book --extra test --custom-compile-command "make lock" -o requirements.lock pyproject.toml requirements.in

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; run make PYTHON=python3.11")'
	@echo "[environment] installing into $(VENV) (a few minutes and 5 GB the first time)"
	@$(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@
