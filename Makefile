# Queuecast. `make` or `make help` lists what there is.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
PACKAGES := bus services/gateway services/poller
export PYTHONPATH := $(CURDIR)/deploy/local
# The tests start hundreds of processes of ours, which would compile themselves anew each time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run send test test-repeat unit integration e2e compose manifests faults fuzz bench bench-intake lint format types check audit images release-check docs requirements clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/local ## Run everything here: Redis, an SQS emulator, two gateways, a poller; Ctrl-C stops it
	@exec $(BIN)/python -m queuecast_local

send: $(VENV)/local ## Put items on the queue: N=100, or EVENT=price ROOM=sku:7 DATA='{"eur":3}'
	@$(BIN)/python -m queuecast_local.send

# Workers beside each other, see tests/README.md.
WORKERS ?= auto
TOGETHER = $(BIN)/pytest --numprocesses $(WORKERS) --dist loadscope $(if $(SEED),--randomly-seed=$(SEED))

test: $(VENV)/dev node ## Run all tests; SEED=N repeats an order, WORKERS=N changes how many run at once
	$(TOGETHER) tests/unit tests/integration tests/e2e tests/observability tests/manifests tests/faults

test-repeat: $(VENV)/dev node ## Run all tests N=20 times, each in another order; BUSY=2 keeps two cores busy meanwhile
	@$(BIN)/python -m tests.repeat --runs $(or $(N),20) --busy $(or $(BUSY),0) -- $(MAKE) --no-print-directory test

unit: $(VENV)/dev ## Run the tests without sockets or sleep
	$(TOGETHER) tests/unit

integration: $(VENV)/dev ## Run one service at a time against real Redis and a real SQS emulator
	$(TOGETHER) tests/integration

e2e: $(VENV)/dev node ## Run both services as processes, with the stock JavaScript client and a browser
	$(BIN)/pytest tests/e2e

compose: $(VENV)/dev ## Run docker-compose.yml under load and ask it every query of the dashboards; needs Docker
	$(BIN)/pytest tests/compose

manifests: $(VENV)/dev $(VENV)/checkov/installed ## Render and check deploy/k8s: schemas, policies, hadolint, checkov
	$(BIN)/pytest tests/manifests
	@$(BIN)/python -m tests.manifests

faults: $(VENV)/dev node ## Run load with one fault after the other, close the books; writes docs/guarantees.md
	$(BIN)/python -m tests.faults $(OPTIONS)

fuzz: $(VENV)/dev ## Send the gateway wrong frames and packets for ten minutes, or OPTIONS='--seconds N --seed N'
	$(BIN)/python -m tests.fuzz $(OPTIONS)

bench: $(VENV)/dev bench-node ## Measure the gateway beside the alternatives; writes bench/results.md
	$(BIN)/python -m bench $(OPTIONS)

bench-intake: $(VENV)/dev bench-node ## Measure the poller beside the alternatives; writes bench/results-intake.md
	$(BIN)/python -m bench.intake $(OPTIONS)

check: lint types ## Run the linters and the type checker

lint: $(VENV)/dev ## Check style, imports and the metrics' names
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: $(VENV)/dev ## Check types
	$(BIN)/mypy

audit: $(VENV)/audit/installed ## Ask what is known against the packages in the images; OPTIONS=--offline-ok
	@$(VENV)/audit/bin/python -m requirements.audit $(OPTIONS)

images: $(VENV)/dev ## Pin the images of others by digest, wherever one is named; asks their registries
	$(BIN)/python -m requirements.images

release-check: $(VENV)/dev $(VENV)/audit/installed ## What has to hold before a release: images by digest, no known vulnerability
	$(BIN)/python -m requirements.images --check
	@$(VENV)/audit/bin/python -m requirements.audit

docs: $(VENV)/dev ## Renew the pages that are made from the code and the packages
	$(BIN)/python docs/reference.py
	$(BIN)/python docs/metrics_reference.py
	$(BIN)/python deploy/redis/users.py
	$(BIN)/python deploy/observability/rulebook.py
	$(BIN)/python -m deploy.observability.grafana
	$(BIN)/python -m requirements.licences

format: $(VENV)/dev ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-header --no-emit-index-url --no-emit-find-links --upgrade

requirements: $(VENV)/dev ## Renew requirements/*.txt from *.in
	cd requirements && ../$(COMPILE) dev.in -o dev.txt
	cd requirements && for name in gateway poller traces local build audit sbom; do \
		../$(COMPILE) $$name.in -c dev.txt -o $$name.txt || exit 1; done
	cd requirements && ../$(COMPILE) manifests.in -o manifests.txt
	cd requirements && ../$(COMPILE) --no-deps redis.in -o redis.txt

clean: ## Remove what make has made
	rm -rf $(VENV) tests/e2e/js/node_modules bench/node_modules

# The virtual environment, in two depths: to run, and to test.

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Queuecast needs Python 3.11 or newer, $(PYTHON) is $$($(PYTHON) -V 2>&1): set PYTHON=python3.12 or the like"; exit 2; }
	@echo "making the virtual environment (once)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/local: requirements/local.txt $(PACKAGES:=/pyproject.toml) | $(BIN)/python
	@echo "installing what the services need"
	@$(PIP) install --require-hashes --requirement requirements/local.txt
	@$(PIP) install --no-build-isolation --no-deps $(PACKAGES:%=--editable %)
	@touch $@

$(VENV)/dev: requirements/dev.txt $(VENV)/local
	@echo "installing what the tests need"
	@$(PIP) install --require-hashes --requirement requirements/dev.txt
	@touch $@

# The audit's tools have requirements of their own; nothing that runs or tests the services waits for them.

$(VENV)/audit/installed: requirements/audit.txt | $(BIN)/python
	@echo "installing what the audit needs"
	@$(BIN)/python -m venv --clear $(VENV)/audit
	@$(VENV)/audit/bin/python -m pip --quiet --disable-pip-version-check install \
		--require-hashes --requirement requirements/audit.txt
	@touch $@

# checkov's, too: it is large, and wants other versions than we do.

$(VENV)/checkov/installed: requirements/manifests.txt | $(BIN)/python
	@echo "installing checkov"
	@$(BIN)/python -m venv --clear $(VENV)/checkov
	@$(VENV)/checkov/bin/python -m pip --quiet --disable-pip-version-check install \
		--require-hashes --requirement requirements/manifests.txt
	@touch $@

# The stock JavaScript client, where there is a Node to run it.

.PHONY: node
node:
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory tests/e2e/js/node_modules/installed; \
	else echo "npm is missing: the tests with the JavaScript client are skipped"; fi

.PHONY: bench-node
bench-node:
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory bench/node_modules/installed; fi

%/node_modules/installed: %/package-lock.json
	@cd $* && npm ci --silent --no-audit --no-fund
	@touch $@
