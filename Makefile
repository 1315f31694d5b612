# `make demo` sets everything up and trains; `make check` sets everything up and passes the tests.
# Everything that is downloaded or installed goes below one cache folder: FTC_CACHE.

BACKEND ?= llamafactory
PYTHON ?= python3
export FTC_CACHE := $(or $(FTC_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/ftc)
export PYTHONPATH := $(CURDIR)/compiler
LOCK := requirements/dev.txt
DEV := $(FTC_CACHE)/environments/dev-$(shell sha256sum $(LOCK) | cut -c1-12)
PY := $(DEV)/bin/python
FTC := .venv/bin/ftc
# The generated pages, each by a tool of that name with --write and --check; what others rest on first.
PAGES := make_docs rule_pages semantics_page memory_table oracle observed_cpu estimators card_page \
  models_page speed_page estimate_page
RECIPE := recipes/instagram-scripts.toml
MODEL := models/SmolLM2-135M-Instruct
OFFLINE := $(if $(FTC_ONLINE),,--offline)

.PHONY: help demo check test fuzz lint docs bench bench-data bench-augment augment-table parity oracle reserved estimators corpus dev model backends wheel

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

demo: $(FTC) model  ## set up, build the demo recipe for both tools, train it, compare before and after
	@if [ "$(BACKEND)" != llamafactory ]; then $(PY) tools/python.py && $(FTC) backend install $(BACKEND) --cpu; fi
	$(FTC) build $(RECIPE) --backend axolotl $(OFFLINE)
	$(FTC) build $(RECIPE) --backend llamafactory $(OFFLINE)
	$(FTC) run $(RECIPE) --backend $(BACKEND) $(OFFLINE)
	$(FTC) compare "$$(ls -td runs/instagram-scripts-$(firstword $(subst @, ,$(BACKEND)))-* | head -n 1)"

check: dev model backends lint test wheel  ## set up and run every check

lint: dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(DEV)/bin/lint-imports
	for page in $(PAGES); do $(PY) tools/$$page.py --check || exit 1; done

test: dev  ## run the tests, two files at a time; they fail when a backend is not installed
	OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 --dist loadfile

fuzz: dev  ## the tests of random cases, with other and many more of them than `make test` draws
	FTC_FUZZ=1 OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 $$(grep -l hypothesis tests/test_*.py)

docs: dev  ## make the generated pages of docs/ anew
	for page in $(PAGES); do $(PY) tools/$$page.py --write || exit 1; done

bench: dev  ## measure start-up and build times, and write docs/benchmarks.md
	$(PY) tools/bench.py

bench-data: dev model  ## measure the data steps beside other libraries (an hour), and write docs/data-benchmarks.md
	PYTHONPATH="$(PYTHONPATH):$(CURDIR)/tests" $(PY) tools/bench_data.py

bench-augment: dev model  ## measure `ftc augment` beside Distilabel (a quarter of an hour), and write docs/augment/benchmarks.md
	PYTHONPATH="$(PYTHONPATH):$(CURDIR)/tests" $(PY) tools/bench_augment.py

augment-table: dev model  ## have the small model make rows of the demo's, and write docs/augment/measured.md
	OMP_NUM_THREADS=1 $(PY) tools/augment_table.py

parity: dev  ## prove that both tools train the same run, and write docs/parity.md (FAMILIES="..." for a part)
	PYTHONPATH="$(PYTHONPATH):$(CURDIR)/tests" $(PY) -P tools/parity.py $(FAMILIES)

oracle: dev  ## trace the real modules anew against the memory formula, and write the table into docs/memory.md
	PYTHONPATH="$(PYTHONPATH):$(CURDIR)/tests" $(PY) -P tools/oracle.py --measure --write

reserved: dev  ## replay torch's allocator on traces of whole models (minutes), for the table in docs/memory.md
	PYTHONPATH="$(PYTHONPATH):$(CURDIR)/tests" $(PY) -P tools/reserved.py

estimators: dev  ## ask other memory estimators about the measured runs, and write docs/estimators.md
	$(PY) tools/estimators.py

corpus: dev  ## convert every config below CORPUS=..., ask the real parsers, print figures (FORMAT=json)
	@test -n "$(CORPUS)" || { echo "make corpus CORPUS=folder"; exit 2; }
	@PYTHONPATH="$(PYTHONPATH):$(CURDIR)/tests" $(PY) -P tools/corpus.py "$(CORPUS)" --format $(or $(FORMAT),text)

wheel: dev
	$(PY) tools/check_wheel.py

backends: $(FTC)
	$(FTC) backend install llamafactory --cpu
	$(FTC) backend install axolotl@0.19.0 --cpu
	$(PY) tools/python.py
	$(FTC) backend install axolotl@0.21.0 --cpu
	$(PY) tools/oracle.py --fetch

model: $(MODEL)/config.json

$(MODEL)/config.json: | $(FTC)
	$(FTC) backend install llamafactory --cpu
	$(PY) tools/demo_model.py --python "$$($(FTC) backend path llamafactory)" --out $(MODEL)

dev: $(DEV)/complete

# Built in place, since a virtual environment cannot be moved; `complete` is made last. The folder
# is named by the hash of its lock, so how old the lock is says nothing: order only.
$(DEV)/complete: | $(LOCK)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11))' \
	  || { echo "ftc needs Python 3.11 or later: make PYTHON=/path/to/python3.11"; exit 1; }
	rm -rf $(DEV)
	$(PYTHON) -m venv $(DEV)
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps -r $(LOCK)
	touch $@

# A command of this checkout: the environment is shared between checkouts, the code is not.
$(FTC): $(DEV)/complete
	mkdir -p .venv/bin
	printf '#!/bin/sh\nPYTHONPATH="%s" exec "%s" -m ftc "$$@"\n' "$(CURDIR)/compiler" "$(PY)" > $@
	chmod +x $@
