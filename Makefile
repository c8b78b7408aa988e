# The two commands of the README are `make run` and `make test`; `make check` is the one gate.
PYTHON ?= python3
VENV ?= .venv
STARTER = smollm2:135m
QUESTION = Why would somebody run a language model on their own computer?
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check -q

.PHONY: run test check format lint types docs docs-fresh bench bench-start bench-quick bench-dialects bench-autocomplete bench-fit bench-smaller bench-documents bench-page soak fuzz workshop page page-dev test-page screenshots lock clean

run: $(VENV)/installed
	@if [ -n "$$PROMPT" ]; then $(BIN)/domov run --max-tokens 300 $(STARTER) "$$PROMPT"; \
	elif [ -t 0 ] && [ -t 1 ]; then $(BIN)/domov run $(STARTER); \
	else $(BIN)/domov run --max-tokens 300 $(STARTER) "$(QUESTION)" </dev/null; fi

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest $(TESTS)

check: lint types docs-fresh test

lint: $(VENV)/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

format: $(VENV)/installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types: $(VENV)/installed-dev
	$(BIN)/mypy

# The documentation site, in site/; its pages that list things are made from the code.
docs: $(VENV)/installed-dev
	$(BIN)/python docs/generate.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

docs-fresh: $(VENV)/installed-dev
	$(BIN)/python docs/generate.py --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# All of benchmarks/engine.py takes about half an hour; `make bench ROWS="idle busy2"` a part of it.
bench: $(VENV)/installed-dev
	$(BIN)/python -m benchmarks.engine $(ROWS)

bench-start: $(VENV)/installed-dev
	$(BIN)/python -m benchmarks.first_light

# One short round of all rows: shows that they work, measures nothing.
bench-quick: $(VENV)/installed-dev
	$(BIN)/python -m benchmarks.engine --quick || test -s .cache/benchmarks/engine.json

# Every dialect's speed and first word beside the worker itself; 100 streams at once.
bench-dialects: $(VENV)/installed-dev
	$(BIN)/python -m benchmarks.dialects

# Time to a suggestion while somebody types; about three minutes.
bench-autocomplete: $(VENV)/installed-dev
	$(BIN)/domov pull $(STARTER)
	$(BIN)/python -m benchmarks.autocomplete

# What making a model smaller costs, on real weights; TYPES="--types Q4_K_M" measures less. About twenty minutes;
# TYPES="--add --types --targets --steps 200" after it adds the pruned and trained rows (make workshop first), hours.
bench-smaller: $(VENV)/installed-dev
	$(BIN)/python -m benchmarks.smaller $(TYPES)

# Mixed requests to one server for so long; fails if they leave anything behind. An hour is a good one.
SECONDS = 3600
soak: $(VENV)/installed-dev
	$(BIN)/domov pull $(STARTER)
	$(BIN)/python -m benchmarks.soak $(SECONDS)

# schemathesis over the whole API, with so many examples for each route.
EXAMPLES = 500
fuzz: $(VENV)/installed-dev
	FUZZ_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest tests/api/test_fuzzing.py

# Predicted against really allocated memory, every row; NAMES="mistral:7b" chooses models, NAMES=--speed compares speed.
bench-fit: $(VENV)/installed-dev
	$(BIN)/python -m benchmarks.fit $(NAMES)

# What an answer of 10,000 words costs the browser at its end beside its start.
bench-page: $(VENV)/installed-dev page
	$(BIN)/python -m benchmarks.page

# How well and how fast documents are found, on Debian's manual pages (apt-get); embedding them takes some minutes once.
bench-documents: $(VENV)/installed-dev
	$(BIN)/domov pull e5-small
	$(BIN)/python -m benchmarks.documents

$(VENV)/created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Domov needs Python 3.11 or newer: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv is missing: apt-get install python3-venv"; rm -rf $(VENV); exit 1; }
	@touch $@

$(VENV)/installed: $(VENV)/created requirements.lock pyproject.toml
	@echo "installing Domov into $(VENV) ..." >&2
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps -e .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements-dev.lock
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

# PyTorch, for pruning and distilling and their tests. From PyPI it comes with NVIDIA's libraries on Linux (gigabytes);
# TORCH_INDEX=https://download.pytorch.org/whl/cpu takes the one for processors alone (200 MB). No hash is pinned: the
# two are different files.
TORCH = torch==2.13.0 safetensors==0.8.0
$(VENV)/installed-workshop: $(VENV)/installed-dev
	@$(PIP) install $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) $(TORCH)
	@touch $@

workshop: $(VENV)/installed-workshop

# The page in a browser, from web/ into src/domov/web/static; needs Node 20 or newer.
NODE_MODULES = web/node_modules/.package-lock.json
page: $(NODE_MODULES)
	cd web && npm run --silent build

$(NODE_MODULES): web/package-lock.json
	cd web && npm ci --silent --no-audit --no-fund

# The page as its source changes, asking the server that runs (DOMOV_URL for another one).
page-dev: $(NODE_MODULES)
	cd web && npm run dev

# Debian's Chromium on a real server; axe on every screen.
test-page: $(VENV)/installed-dev page
	cd web && npm run --silent check && npm test --silent
	$(BIN)/python -m pytest tests/page

# Every screen in both languages and themes, into .cache/screenshots.
screenshots: $(VENV)/installed-dev page
	mkdir -p .cache/screenshots
	DOMOV_SCREENSHOTS=.cache/screenshots $(BIN)/python -m pytest tests/page

# Exact versions with hashes, for every platform; run after a change of pyproject.toml. Needs uv.
lock:
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header pyproject.toml -o requirements.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --group dev --extra mcp pyproject.toml -o requirements-dev.lock

clean:
	rm -rf $(VENV) .cache site dist
