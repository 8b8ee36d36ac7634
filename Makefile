# The commands of the project. Start with `make demo` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ACTIONLINT_VERSION := v1.7.7
ACTIONLINT := $(shell command -v actionlint || echo go run github.com/rhysd/actionlint/cmd/actionlint@$(ACTIONLINT_VERSION))
# Tests wait for processes half of their time: two for each processor.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(2 * (os.cpu_count() or 1))')
PAGES = README.md README.zh-CN.md CONTRIBUTING.md CONTRIBUTING.zh-CN.md docs/*.md
UV_COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate --no-emit-package goldrun --no-emit-package goldrun-local-cloud

# Tests start hundreds of processes, which would compile every module again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test test-node test-go test-java vm-test scaffold simulate simulate-coverage field mutants check messages docs bench fuzz bench-publish bench-spot bench-build bench-sweep bench-time bench-start bench-local-cloud bench-serve site screenshots dist scripts lock clean

help:  ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

demo: $(VENV)/.run  ## Show goldrun on the local cloud, from start to end
	@bash examples/demo.sh "$(abspath $(BIN))"

test: $(VENV)/.dev  ## Run the tests
	$(BIN)/pytest -n $(WORKERS) --dist worksteal

test-node: $(VENV)/.dev  ## Run the tests of the Node SDK (needs Node.js 18 or newer)
	npm ci --prefix packages/local-cloud/tests/node --no-audit --no-fund
	GOLDRUN_TEST_NODE=1 $(BIN)/pytest packages/local-cloud/tests/test_node_sdk.py

test-go: $(VENV)/.dev  ## Run the tests of the Go SDKs (needs Go)
	GOLDRUN_TEST_GO=1 $(BIN)/pytest packages/local-cloud/tests/test_go_sdks.py

test-java: $(VENV)/.dev  ## Run the tests of the Java SDKs (needs a JDK and Maven)
	GOLDRUN_TEST_JAVA=1 $(BIN)/pytest packages/local-cloud/tests/test_java_sdks.py

vm-test: $(VENV)/.dev  ## Run the tests in virtual machines (needs root, QEMU, mmdebstrap, e2fsprogs)
	GOLDRUN_TEST_VM=1 $(BIN)/pytest -v -n 2 --dist loadfile tests/vm

simulate: $(VENV)/.dev  ## Play stories in virtual time, with trouble (RUNS=1000 SEED=1: which; ONLY=2,5 CROWD=names BUG=name: see docs/testing.md)
	$(BIN)/python -m tests.simulation.stories $(if $(RUNS),--runs $(RUNS)) $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only $(ONLY)) $(if $(CROWD),--crowd $(CROWD)) $(if $(BUG),--bug $(BUG))

simulate-coverage: $(VENV)/.dev  ## Count which lines of code stories run, and which troubles they meet (RUNS=300)
	$(BIN)/python -m tests.simulation.stories.covering --json docs/stories.json $(if $(RUNS),--runs $(RUNS))

field: $(VENV)/.dev  ## Play the same stories with the field's protocols, and count what goes wrong (RUNS=300)
	$(BIN)/python -m tests.simulation.stories.field --json docs/field.json $(if $(RUNS),--runs $(RUNS))

mutants: $(VENV)/.dev  ## Change the code and check that a test fails (MODULE=publish: one module; JOBS=2: two in parallel)
	$(BIN)/python tools/mutants.py $(MODULE)

check: $(VENV)/.dev  ## Lint, type-check, and check that the generated docs are current
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python tools/messages.py --check
	$(BIN)/python -m tools.schemas --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --site-dir "$(abspath dist/site)"
	$(BIN)/cog --check -P $(PAGES)
	$(BIN)/shellcheck -x -P SCRIPTDIR .ci/run examples/*.sh src/goldrun/bake/*.sh recipes/*/scripts/*.sh recipes/*/files/*.sh actions/*.sh \
		src/goldrun/runners/guest/*.sh src/goldrun/garm/*.sh packages/local-cloud/src/local_cloud/github/standin/*.sh packages/local-cloud/src/local_cloud/github/standin/bin/*.sh packages/local-cloud/src/local_cloud/machines/*.sh
	$(BIN)/zizmor --offline --quiet .github actions src/goldrun/setup/workflows/*.yml
	$(ACTIONLINT) -shellcheck "$(abspath $(BIN)/shellcheck)" .github/workflows/*.yml src/goldrun/setup/workflows/*.yml

messages: $(VENV)/.dev  ## Collect the messages to translate and compile the catalogue
	$(BIN)/python tools/messages.py

docs: $(VENV)/.dev  ## Regenerate the generated parts of the docs
	$(BIN)/python -m tools.schemas
	$(BIN)/cog -r -P $(PAGES)

bench: $(VENV)/.dev  ## Run the benchmarks, and compare with the last release's (NAMES="lookup build"; KEEP=1 keeps the figures for the docs)
	$(BIN)/python -m benchmarks $(if $(KEEP),--keep) $(NAMES)

fuzz: $(VENV)/.dev  ## Send a million malformed requests to the local cloud
	$(BIN)/python -m benchmarks.fuzz

bench-publish: $(VENV)/.dev  ## Look up a name 100,000 times during publishes, roll-backs and prunes
	$(BIN)/python -m benchmarks.publish

bench-spot: $(VENV)/.dev  ## Launch in 10,000 random markets, compared with the usual approach; launch 1,000 instances at once
	$(BIN)/python -m benchmarks.spot_markets
	$(BIN)/python -m benchmarks.thousand

bench-build: $(VENV)/.dev  ## Build in virtual time: overhead beyond the cloud's own times, compared with the usual approach
	$(BIN)/python -m benchmarks.build

bench-sweep: $(VENV)/.dev  ## Sweep continuously beside 200 builds, runners and launches
	$(BIN)/python -m benchmarks.sweep_beside

bench-serve: $(VENV)/.dev  ## Serve labels under load, and from pools, in virtual time: waits, calls, processor time, money
	$(BIN)/python -m benchmarks.pools
	$(BIN)/python -m benchmarks.serving

bench-time: $(VENV)/.dev  ## Run everything for ten minutes on a local cloud at 600 times the speed
	$(BIN)/python -m benchmarks.fast_time

scaffold: $(VENV)/.dev  ## Start an action of the local cloud; ACTION=RebootInstance
	$(BIN)/python tools/scaffold.py $(ACTION) $(if $(IN),--module $(IN))
	$(BIN)/ruff check --quiet --fix --select I packages/local-cloud
	$(BIN)/ruff format --quiet packages/local-cloud

bench-local-cloud: $(VENV)/.dev  ## Requests a second of the local cloud, beside moto's server where there is one (MOTO_SERVER=FILE)
	$(BIN)/python -m benchmarks.local_cloud

bench-start: $(VENV)/.dev  ## How long each noun takes to start, beside bare Python and an earlier commit
	$(BIN)/python -m benchmarks.start

site: $(VENV)/.dev  ## Build the documentation as a site in dist/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

screenshots: $(VENV)/.dev  ## Take pictures of terminals for the docs
	$(BIN)/python -m tools.screenshots

dist: $(VENV)/.dev  ## Build wheels, source archives and bills of materials (CycloneDX) in dist/
	rm -rf dist
	GOLDRUN_LANG=en $(BIN)/python -m tools.man_pages dist/man/man1
	GOLDRUN_LANG=zh_CN $(BIN)/python -m tools.man_pages dist/man/zh_CN/man1
	GOLDRUN_MAN_PAGES="$(abspath dist)/man" $(BIN)/python -m hatchling build -d "$(abspath dist)"
	cd packages/local-cloud && "$(abspath $(BIN))/python" -m hatchling build -d "$(abspath dist)"
	PYTHONWARNINGS=ignore $(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible -o dist/goldrun-serve.cdx.json requirements/serve.lock
	PYTHONWARNINGS=ignore $(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible -o dist/goldrun-local.cdx.json requirements/run.lock

scripts:  ## Build each script as one self-contained file in dist/scripts
	$(PYTHON) tools/build_scripts.py

lock:  ## Update the lock files (needs uv)
	$(UV_COMPILE) --upgrade --extra credentials --extra local --extra migrate --extra github-app --extra setup --extra metrics --extra otel --extra scan --extra update --group dev pyproject.toml -o requirements/dev.lock
	$(UV_COMPILE) --upgrade --extra local --group build --constraint requirements/dev.lock pyproject.toml -o requirements/run.lock
	$(UV_COMPILE) --upgrade --extra github-app --extra metrics --extra otel --extra credentials --group build --constraint requirements/dev.lock pyproject.toml -o requirements/serve.lock
	$(UV_COMPILE) --upgrade --constraint requirements/dev.lock requirements/action.in -o requirements/action.lock
	$(UV_COMPILE) --upgrade --constraint requirements/dev.lock requirements/build.in -o requirements/build.lock

clean:  ## Remove everything that was built and installed
	rm -rf $(VENV) dist mutants .mypy_cache .ruff_cache .pytest_cache .hypothesis packages/local-cloud/tests/node/node_modules

# The environment: as small as possible, every package pinned by hash.
$(VENV)/.run: requirements/run.lock pyproject.toml packages/local-cloud/pyproject.toml
	$(PYTHON) tools/check_python.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . -e packages/local-cloud
	@touch $@

$(VENV)/.dev: requirements/dev.lock $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@touch $@
