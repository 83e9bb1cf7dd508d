# AI-Agent Mesh. `make` alone explains the verbs; people and CI use the same
# ones. Everything a verb builds lies in bin/ and .cache/, and nothing asks a
# question.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

GO ?= go
MODULE := github.com/ai-agent-mesh/mesh
VERSION ?= $(patsubst v%,%,$(shell git describe --tags --match 'v[0-9]*' --dirty 2>/dev/null))
COMMIT := $(shell git rev-parse HEAD 2>/dev/null)
DATE := $(shell git log -1 --format=%cI 2>/dev/null)

# Documents and data that some tests compare with. Where the folder is absent
# those tests skip and say so: the one skip that CI allows.
MESH_SHARED ?= $(wildcard ../shared)
override MESH_SHARED := $(abspath $(MESH_SHARED))
export MESH_SHARED

# Products and tools are static and carry no paths of the machine that built
# them. The linter and the generators use the same settings, so that one build
# of the dependencies serves them all.
STATIC := CGO_ENABLED=0 GOFLAGS='-trimpath -buildvcs=false'
BUILDINFO := $(MODULE)/internal/cli/buildinfo
LDFLAGS := -s -w -X $(BUILDINFO).version=$(VERSION) -X $(BUILDINFO).commit=$(COMMIT) -X $(BUILDINFO).date=$(DATE)

# The race detector needs cgo and a C compiler.
CC := $(shell $(GO) env CC 2>/dev/null)
RACE := $(if $(shell command -v $(firstword $(CC)) 2>/dev/null),-race)

# In CI a test that is skipped for any other reason than MESH_SHARED fails.
REPORT = bin/tools/testreport $(if $(filter true,$(CI)),-strict-skips) -allow-skip MESH_SHARED

FUZZTIME ?= 10s
TIMEOUT ?= 20m
DECISIONS ?= 1000000

##@ Use

.PHONY: help
help: ## explain the verbs
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@ / {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z][a-z0-9-]*:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@printf '\nNeeds Go 1.26, make, git and bash; a C compiler as well for the race detector.\n'

.PHONY: build
build: official ## build bin/mesh and bin/mesh-runtime, with the signed official bundles inside
	@mkdir -p bin
	$(STATIC) $(GO) build -ldflags '$(LDFLAGS)' -o bin/ ./cmd/mesh ./cmd/mesh-runtime

.PHONY: run
run: build ## build, start hub and runtime on embedded defaults, show a demo and stay up
	exec bin/mesh dev --demo

.PHONY: clean
clean: ## remove what the verbs built; the signing key of the official bundles stays
	rm -rf bin
	@mkdir -p .cache && find .cache -mindepth 1 -maxdepth 1 ! -name official -exec rm -rf {} +

##@ Check

.PHONY: test
test: build tools lint check-generated ## everything: lint, drift, unit tests, end-to-end tests with real clients
	@$(if $(RACE),,echo 'test: no C compiler ($(CC)) found: the race detector is off. Install one to have it on.')
	$(REPORT) \
		-- $(GO) -C tools/testreport test -json ./... \
		-- $(GO) -C engine/bench test -json -timeout $(TIMEOUT) ./... \
		-- $(if $(RACE),env CGO_ENABLED=1) $(GO) test -json -vet=off $(RACE) -timeout $(TIMEOUT) $$($(GO) list ./... | grep -v '^$(MODULE)/e2e') \
		-- env MESH_FIDELITY=20000 $(GO) test -json -vet=off -run '^TestFidelity$$' -timeout $(TIMEOUT) ./engine \
		-- $(GO) test -json -vet=off -count=1 -timeout $(TIMEOUT) ./e2e/...
	@$(if $(RACE),,echo 'test: the race detector was off.')

.PHONY: unit
unit: official bin/tools/testreport ## the tests of the packages alone, without the end-to-end tests
	$(REPORT) -- $(if $(RACE),env CGO_ENABLED=1) $(GO) test -json -vet=off $(RACE) -timeout $(TIMEOUT) $$($(GO) list ./... | grep -v '^$(MODULE)/e2e')

.PHONY: e2e
e2e: build tools ## the end-to-end tests alone: the built programs with real oras, cosign and registry; E2E=NAME picks one
	$(REPORT) -- $(GO) test -json -vet=off -count=1 -timeout $(TIMEOUT) $(if $(E2E),-run '$(E2E)') ./e2e/...

.PHONY: soak
soak: build tools ## kill hub and runtime fifty times among 200,000 decisions
	MESH_SOAK=1 $(REPORT) -- $(GO) test -json -vet=off -count=1 -timeout 60m -run TestCrash ./e2e/...

# The module of benchmarks is linted with the flags of its tests, so that one
# build of the peers serves both.
.PHONY: lint
lint: official bin/tools/golangci-lint ## what must stay at zero: golangci-lint with go vet and gofmt
	$(STATIC) GOLANGCI_LINT_CACHE=$(CURDIR)/.cache/golangci-lint bin/tools/golangci-lint run
	cd engine/bench && GOLANGCI_LINT_CACHE=$(CURDIR)/.cache/golangci-lint $(CURDIR)/bin/tools/golangci-lint run

.PHONY: check-generated
check-generated: official ## fail when a committed generated file is not what its generator writes
	@before=$$($(worktree)); $(MAKE) generate; after=$$($(worktree)); \
	if [ "$$before" != "$$after" ]; then \
		echo 'check-generated: generated files were out of date; they are written anew, look at git diff and commit them:' >&2; \
		git status --short >&2; exit 1; \
	fi

# What the work tree holds beyond its last commit, as one line.
worktree = { git diff HEAD; git ls-files --others --exclude-standard -z | xargs -0 -r git hash-object --; } | git hash-object --stdin

.PHONY: fidelity
fidelity: official ## decide a million generated actions in every way there is, and compare; DECISIONS says how many
	MESH_FIDELITY=$(DECISIONS) $(GO) test -v -count=1 -timeout 180m -run '^TestFidelity$$' ./engine

.PHONY: fuzz
fuzz: official ## run every fuzz target for FUZZTIME (10s)
	@grep -rlE '^func Fuzz[A-Za-z0-9_]*\(' --include='*_test.go' --exclude-dir=tools . | sort | while read -r file; do \
		grep -oE '^func Fuzz[A-Za-z0-9_]*' "$$file" | cut -c6- | while read -r target; do \
			echo "fuzz: $$(dirname "$$file") $$target"; \
			$(GO) -C "$$(dirname "$$file")" test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x . </dev/null; \
		done; \
	done

.PHONY: bench
bench: official ## benchmarks of the decision path, the journal and the registry
	$(GO) test -run '^$$' -bench . -benchmem ./engine/... ./runtime/... ./registry/...

# The peers it compares with are its own module's, not the product's. The flags
# are those of its tests, so that one build of the peers serves both.
.PHONY: bench-engine
bench-engine: ## compare decisions with other engines' and write docs/benchmarks/engine.md; BENCH holds further flags
	@mkdir -p bin docs/benchmarks
	$(GO) -C engine/bench build -o $(CURDIR)/bin/enginebench ./cmd/enginebench
	bin/enginebench -out docs/benchmarks/engine.md $(BENCH)

##@ Write

.PHONY: fmt
fmt: bin/tools/golangci-lint ## format the code
	bin/tools/golangci-lint fmt

.PHONY: generate
generate: official ## write generated files anew: OpenAPI document, reference pages
	$(STATIC) $(GO) generate ./...

##@ Parts

.PHONY: official
official: ## make the signing key and the signed official bundles that the programs embed
	@$(STATIC) $(GO) run ./internal/official/generate

TOOLS := cosign golangci-lint oras registry

.PHONY: tools
tools: $(TOOLS:%=bin/tools/%) bin/tools/testreport ## build the pinned tools into bin/tools

# A tool is built again when its pins or the Go version changed: the stamp's
# name is their hash.
GOVERSION := $(shell $(GO) env GOVERSION 2>/dev/null)
stamp = bin/tools/.stamp/$(1)-$(shell cat tools/$(1)/go.mod tools/$(1)/go.sum | git hash-object --stdin)-$(GOVERSION)

define tool
bin/tools/$(1): $(call stamp,$(1))
	@test -x $$@ || { rm -f $$<; $$(MAKE) $$@; }
$(call stamp,$(1)):
	@echo 'tools: building $(1), once'
	@mkdir -p bin/tools/.stamp
	@rm -f bin/tools/.stamp/$(1)-*
	$$(STATIC) GOWORK=off $$(GO) -C tools/$(1) build -ldflags '-s -w' -o $$(CURDIR)/bin/tools/ tool
	@touch $$@
endef
$(foreach name,$(TOOLS),$(eval $(call tool,$(name))))

bin/tools/testreport: $(wildcard tools/testreport/*.go)
	@mkdir -p bin/tools
	$(STATIC) GOWORK=off $(GO) -C tools/testreport build -o $(CURDIR)/$@ .
	@touch $@
