# Every habit of the project. A newcomer needs two: `make demo` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ACTIONLINT_VERSION := v1.7.7
ACTIONLINT := $(shell command -v actionlint || echo go run github.com/rhysd/actionlint/cmd/actionlint@$(ACTIONLINT_VERSION))
UV_COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate --no-emit-package goldrun --no-emit-package goldrun-local-cloud

.DEFAULT_GOAL := help
.PHONY: help demo test test-node vm-test scaffold mutants check messages docs bench fuzz bench-publish bench-spot bench-build bench-sweep bench-time scripts lock clean

help:  ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

demo: $(VENV)/.run  ## Find both images of the guide on the local cloud, from start to end
	@bash examples/demo.sh "$(abspath $(BIN))"

test: $(VENV)/.dev  ## Run the tests
	$(BIN)/pytest -n auto

test-node: $(VENV)/.dev  ## Run the tests of the Node SDK (needs Node.js 18 or newer)
	npm ci --prefix packages/local-cloud/tests/node --no-audit --no-fund
	GOLDRUN_TEST_NODE=1 $(BIN)/pytest packages/local-cloud/tests/test_node_sdk.py

vm-test: $(VENV)/.dev  ## Build an image in real virtual machines (root; QEMU, mmdebstrap, e2fsprogs)
	GOLDRUN_TEST_VM=1 $(BIN)/pytest -v -n 2 --dist loadfile tests/vm

mutants: $(VENV)/.dev  ## Change the code and see whether a test notices; MODULE=publish: there alone; JOBS=2: two at once
	$(BIN)/python tools/mutants.py $(MODULE)

check: $(VENV)/.dev  ## Lint, type-check, and see that the docs say what the code does
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python tools/messages.py --check
	$(BIN)/python -m tools.schemas --check
	$(BIN)/cog --check -P README.md README.zh-CN.md docs/*.md
	$(BIN)/shellcheck .ci/run examples/*.sh src/goldrun/bake/*.sh recipes/*/scripts/*.sh actions/*.sh \
		src/goldrun/runners/guest/*.sh src/goldrun/garm/*.sh packages/local-cloud/src/local_cloud/github/standin/*.sh packages/local-cloud/src/local_cloud/github/standin/bin/*.sh
	$(BIN)/zizmor --offline --quiet .github actions examples
	$(ACTIONLINT) -shellcheck "$(abspath $(BIN)/shellcheck)" .github/workflows/*.yml examples/*/.github/workflows/*.yml

messages: $(VENV)/.dev  ## Collect the messages to translate, and compile the catalogue
	$(BIN)/python tools/messages.py

docs: $(VENV)/.dev  ## Write the generated parts of the docs anew
	$(BIN)/python -m tools.schemas
	$(BIN)/cog -r -P README.md README.zh-CN.md docs/*.md

bench: $(VENV)/.dev  ## Measure the look-up beside the official SDK and bare Python; calls in a large account
	$(BIN)/python benchmarks/lookup.py
	$(BIN)/python benchmarks/large_account.py

fuzz: $(VENV)/.dev  ## A million malformed requests at the local cloud's four endpoints
	$(BIN)/python -m benchmarks.fuzz

bench-publish: $(VENV)/.dev  ## Look a name up 100,000 times while publishes, roll-backs and prunes run
	$(BIN)/python benchmarks/publish.py

bench-spot: $(VENV)/.dev  ## Launch in 10,000 random markets, the usual way beside it; and 1,000 instances at once
	$(BIN)/python benchmarks/spot_markets.py
	$(BIN)/python benchmarks/thousand.py

bench-build: $(VENV)/.dev  ## Build in virtual time: what it takes beyond the cloud's own times, the usual way beside it
	$(BIN)/python -m benchmarks.build

bench-sweep: $(VENV)/.dev  ## Sweep without pause beside 200 builds, runners and launches: what lives stays, what is dead goes
	$(BIN)/python -m benchmarks.sweep_beside

bench-time: $(VENV)/.dev  ## Ten minutes of everything on a local cloud whose time runs 600 times as fast
	$(BIN)/python -m benchmarks.fast_time

scaffold: $(VENV)/.dev  ## Start an action of the local cloud; ACTION=RebootInstance
	$(BIN)/python tools/scaffold.py $(ACTION) $(if $(IN),--module $(IN))
	$(BIN)/ruff check --quiet --fix --select I packages/local-cloud
	$(BIN)/ruff format --quiet packages/local-cloud

scripts:  ## Build each script as one self-contained file in dist/scripts
	$(PYTHON) tools/build_scripts.py

lock:  ## Resolve the dependencies anew (needs uv)
	$(UV_COMPILE) --upgrade --extra credentials --extra local --group dev pyproject.toml -o requirements/dev.lock
	$(UV_COMPILE) --upgrade --extra local --group build --constraint requirements/dev.lock pyproject.toml -o requirements/run.lock
	$(UV_COMPILE) --upgrade --constraint requirements/run.lock requirements/action.in -o requirements/action.lock

clean:  ## Remove what was built and installed
	rm -rf $(VENV) dist mutants .mypy_cache .ruff_cache .pytest_cache .hypothesis packages/local-cloud/tests/node/node_modules

# The environment: as small as the work needs, every package pinned by hash.
$(VENV)/.run: requirements/run.lock pyproject.toml packages/local-cloud/pyproject.toml
	$(PYTHON) tools/check_python.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . -e packages/local-cloud
	@touch $@

$(VENV)/.dev: requirements/dev.lock $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@touch $@
