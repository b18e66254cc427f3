# Spillway. `make` builds and tests; `make help` lists the targets.

GO      ?= go
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
# The binary runs inside containers of one file, so it must be static.
BUILD   := CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)'
BIN     := bin/spillway
# With the binary's flags, so that what both need is compiled once.
VET     := CGO_ENABLED=0 $(GO) vet -trimpath
# The race detector needs a C compiler. Without one the tests run all the same, and say so.
CC_FOUND := $(firstword $(shell command -v cc gcc clang 2>/dev/null))
RACE    := $(if $(CC_FOUND),-race)
# Without debug symbols a test links faster.
SMALL   := -ldflags='-s -w'
# These tests start hundreds of processes against the clock, on machines that others use too.
# A test that fails and passes when it is run once more is named as such at the end; one that fails twice fails the
# target, and so do more than three that fail. So it is with the sample of trials.
TEST    := $(if $(CC_FOUND),CGO_ENABLED=1) $(GO) run gotest.tools/gotestsum@v1.13.0 --format pkgname --rerun-fails=1 --rerun-fails-max-failures=3
twice   = { $(1) || { echo "== $$package failed: once more"; $(1); }; }
SEED    ?= 1
ARGS    ?=

.DEFAULT_GOAL := all
.PHONY: all build demo test unit e2e control matrix trials tally replays fuzz hostile mutants gremlins sabotage faults watch-cost lint fmt generate cross run clean help

all: build test ## build and test

build: ## build bin/spillway
	$(BUILD) -o $(BIN) ./cmd/spillway

demo: build ## run the whole catalogue on containers (the main job)
	$(BIN) run --seed $(SEED) $(ARGS)

run: build ## run scenarios: make run ARGS='connection-leak --out out'
	$(BIN) run --seed $(SEED) $(ARGS)

control: build ## run the controls: each outage must stay without a remedy
	$(BIN) run --control --seed $(SEED) $(ARGS)

SERVERS ?= redis:6 redis:7 redis:8 valkey/valkey:8 valkey/valkey:9 redict:7
matrix: build ## run the catalogue on six servers, one after the other
	@failed=; for server in $(SERVERS); do \
		echo "== $$server"; $(BIN) run --quiet --image $$server --seed $(SEED) $(ARGS) || failed="$$failed $$server"; \
	done; test -z "$$failed" || { echo "not green:$$failed"; exit 1; }

N        ?= 500
HEALTHY  ?= 200
PARALLEL ?= 5
OUT      ?=
trials: build ## random outages and healthy fleets: make trials N=500 HEALTHY=200 SEED=7 OUT=out
	OUT=$(OUT) .ci/trials -n $(N) --healthy $(HEALTHY) --seed $(SEED) --parallel $(PARALLEL) $(if $(OUT),--out /out) $(ARGS)

tally: build ## add up trials that were kept: make tally FROM='out/39 out/40' ARGS='-o md'
	$(BIN) trials tally $(ARGS) $(FROM)

replays: build ## each scenario, captured and replayed, and kept captures: make replays ARGS=-test.run=Replays/denied; OUT=DIR keeps the captures
	OUT=$(OUT) SPILLWAY_REPLAYS=fresh .ci/in-redis harness -test.run '^TestProcessReplay' -test.parallel 2 -test.timeout 30m $(ARGS)

test: unit e2e ## every test, with the race detector, real Redis included

unit: ## the tests that need neither Docker nor Redis
	@$(if $(CC_FOUND),,echo 'no C compiler found: the tests run without the race detector')
	$(VET) ./...
	$(TEST) --packages=./... -- $(RACE) $(SMALL)

e2e: build ## the tests on real Redis in containers; without Docker they fail
	SPILLWAY_BINARY=$(CURDIR)/$(BIN) $(TEST) --packages='. ./images ./rig ./harness' -- $(RACE) $(SMALL) -count=1 -p 1 -parallel 3 -tags e2e -timeout 20m -skip '^TestProcess'
	@for package in observe remedy fleet; do $(call twice,.ci/in-redis $$package) || exit 1; done
	@package=cmd/spillway; $(call twice,.ci/in-redis $$package -test.parallel 6 -test.skip '^TestWatchCost$$')
	@for package in rig harness; do $(call twice,.ci/in-redis $$package -test.run '^TestProcess') || exit 1; done
	@package=trials; $(call twice,.ci/trials -n 30 --healthy 12 --seed 30 --parallel 6 --sample -q)

FUZZTIME ?= 30s
fuzz: ## fuzz what parses Redis's replies and files, FUZZTIME each: make fuzz FUZZTIME=2m ARGS=Parse
	@GO='$(GO)' .ci/fuzz $(FUZZTIME) '$(ARGS)'

# By name: what docs/quality.md lists under "Hostile input", without Redis.
hostile: ## hostile names, lying servers, files without an end: what docs/quality.md lists
	$(GO) test -count=1 -run 'Hostile|Harmless|Clean|LineFor|Fault|Liar|Lie|AnotherCommand|TooLong|TooMany|BadCertificates|Forged|WithoutAnEnd|Distrusts|TestScripts/lies|^Fuzz' \
		./outage ./observe ./remedy ./report ./fleet ./scenarios ./rig ./cmd/spillway

MUTANTS  ?= remedy assert diagnose
JUDGE     = $(GO) run ./quality judge docs/survivors.txt $(MUTANTS:%=out/mutants/%.json)
mutants: ## mutation testing of diagnose, remedy and assert (some minutes): make mutants MUTANTS=remedy
	mkdir -p out/mutants
	@for package in $(MUTANTS); do \
		echo "== $$package"; $(GO) run ./quality mutate $$package out/mutants/$$package.json || exit 1; \
	done
	@$(JUDGE)

GREMLINS ?= $(GO) run github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0
# No vet, no debug symbols, nothing from the cache: a mutant costs little more than its tests, and none is taken for another.
MUTATED   = GOFLAGS='-count=1 -vet=off "-ldflags=-s -w"'
gremlins: ## the same mutants, tried by gremlins, which builds each by itself (hours): make gremlins MUTANTS=remedy
	mkdir -p out/mutants
	@for package in $(MUTANTS); do \
		echo "== $$package"; $(MUTATED) $(GREMLINS) unleash ./$$package --output out/mutants/$$package.json || exit 1; \
	done
	@$(JUDGE)

sabotage: build ## break runs on purpose, and list which check caught what
	@.ci/table SABOTAGE '| what was done | to which history | it came to | caught by |' $(GO) test -count=1 -v -run Sabotage ./assert
	@SPILLWAY_BINARY=$(CURDIR)/$(BIN) .ci/table SABOTAGE '| what was done in a real run | it came to | caught by |' \
		$(GO) test -count=1 -tags e2e -timeout 20m -v -run 'Caught$$' ./harness

faults: build ## break the machinery under runs, and list what each came to
	@SPILLWAY_BINARY=$(CURDIR)/$(BIN) SPILLWAY_FAULTS=all .ci/table FAULT '| what broke | when | the run said | after |' \
		$(GO) test -count=1 -tags e2e -timeout 30m -v -run '^TestFault' . ./harness ./cmd/spillway

watch-cost: build ## measure what `spillway watch` takes of the time of a Redis with 5,000 clients
	@.ci/in-redis cmd/spillway -test.run '^TestWatchCost$$' -test.v

lint: ## gofmt, vet and golangci-lint
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo 'gofmt would change the files above: make fmt'; exit 1; }
	$(GO) vet -tags e2e ./...
	$(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run ./...

fmt: ## format the code
	gofmt -w .

generate: ## write what is made from the code: scenarios.schema.json
	$(GO) generate ./...

cross: ## build for other systems, each with the Linux binary beside it
	@for os in darwin windows; do for arch in amd64 arm64; do \
		ext=; [ $$os = windows ] && ext=.exe; \
		GOOS=$$os GOARCH=$$arch $(BUILD) -o bin/$$os-$$arch/spillway$$ext ./cmd/spillway || exit 1; \
		GOOS=linux GOARCH=$$arch $(BUILD) -o bin/$$os-$$arch/spillway-linux-$$arch ./cmd/spillway || exit 1; \
	done; done

clean: ## remove what was built, and what killed runs left
	-test -x $(BIN) && $(BIN) clean
	rm -rf bin out

help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
