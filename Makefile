# bin/run and bin/test need no make; this is for people who have it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON := .venv/bin/python
MINUTES := 20
SHIPPED := newsfeed accounts posts follows moderation feeds discovery gunicorn.conf.py

# What the checks need to import the project. Nothing listens on port 1: they use no server.
lint openapi test-k8s: export SECRET_KEY := only-for-checks-that-run-without-a-server
lint openapi test-k8s: export DATABASE_URL := mysql://nobody@127.0.0.1:1/newsfeed
lint openapi test-k8s: export KAFKA_MIN_INSYNC_REPLICAS := 1

.PHONY: help
help:  ## Show this
	@sed -n 's/^\([a-z0-9-]*\):.*  ## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

.PHONY: setup
setup:  ## Install what is missing: system packages, .venv, the Kafka jars
	@bin/setup

.PHONY: run
run:  ## Start everything on this machine (bin/run)
	@bin/run

.PHONY: test
test:  ## Run all tests on servers of their own (bin/test)
	@bin/test

.PHONY: test-faults
test-faults:  ## Break the running service for some minutes, and compare
	@TEST_DEEP=1 bin/test tests/faults

.PHONY: test-deep
test-deep:  ## Run what bin/test runs a tenth of at full depth, and test-faults
	@TEST_DEEP=1 bin/test tests/flows tests/api tests/faults

.PHONY: test-k8s
test-k8s:  ## Render and check k8s/, boot what it configures, ask its dashboards and probes, roll it under load
	@bin/setup k8s
	$(PYTHON) -m pytest tests/k8s
	$(PYTHON) -m dev.stack exec --apps -- $(PYTHON) -m pytest tests/observability tests/pods

.PHONY: test-k8s-live
test-k8s-live:  ## Apply every overlay to a real API server: the one of KUBE_TOOLS (tests/k8s/live.py)
	@bin/setup
	$(PYTHON) -m tests.k8s.live

.PHONY: k8s-rules
k8s-rules: .venv  ## Write the rules of the objectives, and the PrometheusRule of all rules
	$(PYTHON) -m k8s.generate.slo_rules
	$(PYTHON) -m k8s.generate.prometheus_rule

.PHONY: dashboards
dashboards: .venv  ## Write Grafana's dashboards from k8s/generate/dashboards.py
	$(PYTHON) -m k8s.generate.dashboards

.PHONY: test-clients
test-clients:  ## Generate clients of the API in JavaScript and Go, and let them read a feed
	@bin/setup
	$(PYTHON) -m dev.stack exec --apps -- $(PYTHON) -m pytest tests/clients

.PHONY: outages
outages:  ## Take each server away under load for some minutes, and measure
	@bin/setup
	$(PYTHON) -m dev.stack exec --apps -- $(PYTHON) -m tests.faults.outages

.PHONY: soak
soak:  ## Faults for more than an hour: 500 and over a million deliveries, by five seeds
	@bin/setup
	@# In the last, processes live on, so that their memory can be watched.
	failed=; for seed in 1 2 3 4 "5 --spare"; do \
	  $(PYTHON) -m dev.stack exec --apps -- $(PYTHON) -m tests.faults.chaos --seed $$seed \
	    --faults 100 --deliveries 200000 --minutes $(MINUTES) --calm 0.5 || failed+=" $$seed"; \
	done; [ -z "$$failed" ] || { echo "failed: seeds$$failed"; exit 1; }

.PHONY: mutants
mutants:  ## Plant known bugs, one at a time: the tests must see each
	@bin/setup
	$(PYTHON) -m tests.faults.mutants

.PHONY: mutation
mutation:  ## Change MODULE (several, or all) one operator at a time: show what no test sees
	@bin/setup mutation
	$(PYTHON) -m tests.mutation $(MODULE)

.PHONY: lint
lint: .venv  ## Style, types, security, import rules, missing migrations, openapi.yaml, images
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy .
	$(PYTHON) -m bandit --quiet --configfile pyproject.toml --recursive $(SHIPPED)
	$(PYTHON) -c 'from importlinter.cli import lint_imports_command as main; main()'
	@# Without the filter, Django warns that it could not ask the database about old migrations.
	$(PYTHON) -W "ignore:Got an error checking" manage.py makemigrations --check --dry-run
	$(PYTHON) manage.py spectacular --validate --fail-on-warn | diff -u openapi.yaml -
	$(PYTHON) -m dev.images >/dev/null

.PHONY: bench
bench:  ## Measure on servers of their own, each number beside its floor
	@bin/setup
	$(PYTHON) -m dev.stack exec --apps -- $(PYTHON) -m tests.bench

.PHONY: openapi
openapi: .venv  ## Write openapi.yaml from the code
	$(PYTHON) manage.py spectacular --validate --fail-on-warn --file openapi.yaml

.PHONY: requirements
requirements: .venv  ## Pin requirements*.txt from requirements*.in
	$(PYTHON) -m uv pip compile --universal --python-version 3.11 --generate-hashes requirements.in -o requirements.txt
	$(PYTHON) -m uv pip compile --universal --python-version 3.11 --generate-hashes requirements-dev.in -o requirements-dev.txt
	$(PYTHON) -m uv pip compile --universal --python-version 3.11 --generate-hashes requirements-k8s.in -o requirements-k8s.txt
	$(PYTHON) -m uv pip compile --universal --python-version 3.11 --generate-hashes requirements-mutation.in -o requirements-mutation.txt

.venv:
	@bin/setup
