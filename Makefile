# Everything runs in .venv, which any target creates when it is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
OUT ?= demo-out

.PHONY: demo test test-slow bench lint docs clean

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	    --constraint constraints.txt --editable '.[io,docs,dev,cluster]'
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/cardiotwin demo --out $(OUT)

test: $(STAMP)
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m "not slow"

test-slow: $(STAMP)
	$(BIN)/python -m pytest -q -m slow

# Without the run-time checks of types that the tests switch on: they cost milliseconds a call.
bench: $(STAMP)
	$(BIN)/python -m pytest -q -o addopts="" benchmarks -p no:xdist --benchmark-only \
	    --benchmark-columns=min,median,rounds --benchmark-group-by=group

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

docs: $(STAMP)
	$(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) site demo-out build dist
