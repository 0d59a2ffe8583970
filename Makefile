# `make help` lists the targets. Nothing needs to be installed but Go and make.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := all

# What the control plane, the operator, its tests and the demo have in common is compiled once, since all are compiled
# in the same way (hack/devcluster/ensure.sh): without C, and without what only a debugger needs.
export CGO_ENABLED := 0
export GOFLAGS     := $(shell go env GOFLAGS) -gcflags=all=-dwarf=false

# Tools are pinned by modules of their own, so that they never weigh on the operator's go.mod. They run outside of any workspace.
tool      := GOWORK=off go tool -modfile=$(CURDIR)/hack/tools/go.mod
lint_tool := GOWORK=off go tool -modfile=$(CURDIR)/hack/tools/golangci-lint/go.mod
kustomize := $(tool) kustomize
release   := GOWORK=off go run -C hack/release .
helm      := GOWORK=off go tool -modfile=$(CURDIR)/hack/chart/go.mod helm
crane     := GOWORK=off go tool -modfile=$(CURDIR)/hack/release/go.mod crane

# A kubectl of your own is used if there is one, else the one that is built for the tests.
KUBECTL ?= $(or $(shell command -v kubectl),$$(hack/devcluster/ensure.sh)/kubectl)

# The image that `make image` builds, `make push` pushes and `make deploy` runs, and the kustomization that it deploys.
IMG    ?= grafana-tenancy-operator:dev
CONFIG ?= config/default

VERSION ?= $(or $(shell git describe --tags --always --dirty 2>/dev/null),dev)
ldflags := -X main.version=$(VERSION)

# What `make image-oci` and `make release` build for, and what they say of the source.
PLATFORMS         ?= linux/amd64,linux/arm64
REVISION          ?= $(shell git describe --always --abbrev=40 --exclude='*' --dirty 2>/dev/null)
SOURCE_DATE_EPOCH ?= $(or $(shell git log -1 --format=%ct 2>/dev/null),0)
release_img        = $(if $(filter file,$(origin IMG)),grafana-tenancy-operator:$(VERSION),$(IMG))
image_flags        = -version '$(VERSION)' -platforms '$(PLATFORMS)' -revision '$(REVISION)' -created '$(SOURCE_DATE_EPOCH)'

# Narrow `make test` down: PKG=./controllers RUN=TestName.
PKG ?= ./...
RUN ?=

# How many random lives `make crash` plays.
CHECKS ?= 200

# For how long things go wrong in `make soak`: at most an hour.
SECONDS ?= 60

# Where `make krew` says that the project and the archives are.
HOMEPAGE ?=
BASE_URL ?=

# Further arguments of `make crash`, `make soak`, `make bench`, `make bench-sets`, `make bench-scale`, `make demo`, `make krew` and `make run`.
ARGS ?=

chart := charts/grafana-tenancy-operator

generated := api/v1alpha1/zz_generated.deepcopy.go config/crd/bases config/rbac/role.yaml docs/reference.md docs/pictures \
	config/argocd/argocd-cm.yaml $(chart)/files

##@ Develop

.PHONY: all
all: generate lint test ## Generate, lint and test.

.PHONY: help
help: ## Show this help.
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: generate
generate: ## Make all that is made: deep copies, CRDs, RBAC rules, docs/reference.md and pictures, Argo CD's health scripts, the chart's files.
	rm -f config/crd/bases/*.yaml
	$(tool) controller-gen object:headerFile=hack/boilerplate.go.txt paths=./api/...
	$(tool) controller-gen crd paths=./api/... output:crd:dir=config/crd/bases
	mkdir -p docs
	$(tool) crd-ref-docs --log-level=WARN --source-path=api --config=hack/reference/config.yaml --renderer=markdown --templates-dir=hack/reference/templates --output-path=docs/reference.md
	$(tool) controller-gen rbac:roleName=manager-role paths=./controllers/... output:rbac:dir=config/rbac
	rm -rf $(chart)/files
	mkdir -p $(addprefix $(chart)/files/,crds grafana persona_roles prometheus)
	cp config/crd/bases/*.yaml $(chart)/files/crds
	cp config/rbac/*_roles.yaml $(chart)/files/persona_roles
	cp config/rbac/role.yaml config/rbac/leader_election.yaml $(chart)/files
	cp config/prometheus/pod_monitor.yaml config/prometheus/rules.yaml $(chart)/files/prometheus
	cp config/grafana/operator.json $(chart)/files/grafana
	hack/argocd-cm.sh >config/argocd/argocd-cm.yaml
	$(MAKE) pictures

.PHONY: pictures
pictures: ## Draw docs/pictures.
	go run ./hack/pictures

.PHONY: check-generate
check-generate: ## Fail if the generated files are not what `make generate` makes.
	hack/check-generated.sh $(generated)

.PHONY: fmt
fmt: ## Format the code.
	$(lint_tool) golangci-lint fmt ./...
	cd hack/release && $(lint_tool) golangci-lint fmt ./...

.PHONY: lint
lint: ## Run the linters, and check that go.mod is tidy and the manifests render.
	go mod tidy -diff
	cd hack/release && GOWORK=off go mod tidy -diff
	$(lint_tool) golangci-lint config verify
	$(lint_tool) golangci-lint run ./...
	cd hack/release && $(lint_tool) golangci-lint run ./...
	@unformatted=$$(gofmt -l hack/devcluster hack/chart hack/gitops hack/alerts); [ -z "$$unformatted" ] || { echo "not formatted by gofmt: $$unformatted" >&2; exit 1; }
	hack/devcluster/same-versions.sh
	@for dir in config/default config/namespaced config/prometheus config/grafana config/samples; do \
		echo "kustomize build $$dir" && $(kustomize) build $$dir >/dev/null; \
	done

.PHONY: test
test: ## Run all tests on a real kube-apiserver (PKG=./controllers RUN=TestName to run some).
	assets=$$(hack/devcluster/ensure.sh); \
	KUBEBUILDER_ASSETS=$$assets go test -timeout 30m $(if $(RUN),-run '$(RUN)') $(PKG)

.PHONY: chart-test
chart-test: ## Lint the chart, hold it against config, and install, upgrade, roll back and uninstall it by Helm on a real kube-apiserver.
	assets=$$(hack/devcluster/ensure.sh); \
	KUBEBUILDER_ASSETS=$$assets GOWORK=off go test -C hack/chart -vet=off -timeout 15m $(if $(RUN),-run '$(RUN)') ./...

.PHONY: gitops-test
gitops-test: ## Check that Argo CD's interpreter and Flux's kstatus understand every kind in every state.
	cd hack/gitops && GOWORK=off go test -count=1 ./... # what they read is in another module, so no result is kept

.PHONY: alerts-test
alerts-test: ## Check with Prometheus' own code when each alert fires, and the expressions of the operator's dashboard.
	cd hack/alerts && GOWORK=off go test -count=1 ./...

.PHONY: crash
crash: ## Run the crash matrix in full, every request and write of every scenario failing in every way, and CHECKS=200 random lives.
	@summary=$$(mktemp); trap 'rm -f "$$summary"' EXIT; failed=0; \
	CRASH=all CRASH_CHECKS=$(CHECKS) CRASH_SUMMARY=$$summary go test ./controllers ./internal/testing/crash -run '^TestCrash(Random|Matrix)$$' -count=1 -v -timeout 48h $(ARGS) || failed=$$?; \
	cat "$$summary"; exit $$failed

.PHONY: hostile
hostile: ## Speak as a hostile tenant on a real kube-apiserver, and count which attempts on others succeed.
	@assets=$$(hack/devcluster/ensure.sh); \
	KUBEBUILDER_ASSETS=$$assets go test ./controllers -run '^TestHostile' -count=1 -v | awk '/^hostile: / {line = $$0; next} {print} END {if (line) print line}'

.PHONY: real
real: ## Run all that needs nothing but a Grafana against the one at GRAFANA_URL=… (GRAFANA_USER, GRAFANA_PASSWORD), which is left as it was.
	@assets=$$(hack/devcluster/ensure.sh); \
	KUBEBUILDER_ASSETS=$$assets GRAFANA_URL='$(GRAFANA_URL)' go run ./hack/real $(ARGS)

.PHONY: record
record: ## Record the operator's own traffic with the empty Grafana at GRAFANA_URL=…, for the tests of the stand-in.
	@assets=$$(hack/devcluster/ensure.sh); \
	KUBEBUILDER_ASSETS=$$assets GRAFANA_URL='$(GRAFANA_URL)' go run ./hack/record

.PHONY: soak
soak: ## Run the operator through SECONDS=60 of outages, resets, kills and edits, with 50 tenants (ARGS='-tenants=10 -seed=1'), and count what is lost, leaked or wedged.
	@assets=$$(hack/devcluster/ensure.sh); \
	KUBEBUILDER_ASSETS=$$assets go run ./hack/soak -seconds $(SECONDS) $(ARGS)

.PHONY: bench
bench: ## Measure what the operator costs, against the goals in docs/performance.md (ARGS='-only memory -dashboards 100').
	@assets=$$(hack/devcluster/ensure.sh); \
	KUBEBUILDER_ASSETS=$$assets go run ./hack/bench $(ARGS)

.PHONY: bench-sets
bench-sets: ## Measure 20 sets over 500 organizations (ARGS='-orgs 50 -dashboards 1000').
	@assets=$$(hack/devcluster/ensure.sh); \
	KUBEBUILDER_ASSETS=$$assets go run ./hack/bench -sets -profile fast -orgs 500 -dashboards 10000 $(ARGS)

.PHONY: bench-scale
bench-scale: ## Measure 1000 organizations with 20 dashboards each, in at most 30 minutes (ARGS='-orgs 50 -dashboards 1000').
	@assets=$$(hack/devcluster/ensure.sh); \
	KUBEBUILDER_ASSETS=$$assets go run ./hack/bench -scale -profile fast -orgs 1000 -dashboards 20000 $(ARGS)

.PHONY: mutants
mutants: ## Put known bugs into the operator one by one; each must be caught by a test.
	go run ./hack/mutants

.PHONY: build
build: ## Build bin/manager.
	go build -ldflags '$(ldflags)' -o bin/manager .

.PHONY: plugin
plugin: ## Build bin/kubectl-grafana, the kubectl plugin.
	go build -ldflags '$(ldflags)' -o bin/kubectl-grafana ./cmd/kubectl-grafana

.PHONY: krew
krew: ## Build the plugin for all platforms, and its krew manifest, into bin/krew (VERSION=v1.2.3 HOMEPAGE=https://… BASE_URL=https://…).
	go run ./hack/krew -version '$(VERSION)' -homepage '$(HOMEPAGE)' -base-url '$(BASE_URL)' $(ARGS)

.PHONY: clean
clean: ## Remove what was built here (the control plane for tests stays in your cache directory).
	rm -rf bin dist

##@ Run

.PHONY: demo
demo: ## Start a control plane, a Grafana and the operator, and apply config/samples (ARGS=--once to stop after the proof).
	assets=$$(hack/devcluster/ensure.sh); \
	echo "demo: compiling the operator and the demo, for half a minute the first time" >&2; \
	KUBEBUILDER_ASSETS=$$assets go run ./hack/demo $(ARGS)

.PHONY: cluster
cluster: ## Run an empty control plane here until Ctrl-C, for `make install`, `make run` and the chart.
	@assets=$$(hack/devcluster/ensure.sh); \
	KUBEBUILDER_ASSETS=$$assets go run ./hack/cluster

.PHONY: run
run: ## Run the operator here, against the cluster of your current kubeconfig (ARGS='--watch-namespaces=…').
	go run -ldflags '$(ldflags)' . --leader-elect=false $(ARGS)

##@ Deploy

.PHONY: image
image: ## Build the image (IMG=registry/name:tag).
	docker build --build-arg VERSION=$(VERSION) -t $(IMG) .

.PHONY: image-oci
image-oci: ## Build the image without Docker, as an OCI layout in bin/image (PLATFORMS=linux/amd64,linux/arm64).
	rm -rf bin/image
	$(release) image $(image_flags) $(CURDIR)/bin/image

.PHONY: image-demo
image-demo: image-oci ## The demo, with the binary out of the image of `make image-oci` (Linux only).
	$(release) unpack $(CURDIR)/bin/image $(CURDIR)/bin/manager-of-image
	$(MAKE) demo ARGS='--once --binary bin/manager-of-image $(ARGS)'

.PHONY: push
push: ## Push the image that `make image-oci` built (IMG=registry/name:tag), with the logins of docker or podman.
	$(crane) push bin/image '$(IMG)'

.PHONY: release
release: ## Write all that a release has into dist (VERSION=v1.2.3, and IMG=registry/name:tag for the manifests).
	rm -rf bin/release
	$(release) artifacts $(image_flags) $(CURDIR)/bin/release
	$(MAKE) render CONFIG=config/default IMG='$(release_img)' >bin/release/install.yaml
	$(MAKE) render CONFIG=config/namespaced IMG='$(release_img)' >bin/release/namespaced.yaml
	$(helm) package $(chart) --version $(VERSION:v%=%) --app-version $(VERSION) --destination bin/release
	$(release) checksums $(CURDIR)/bin/release
	rm -rf dist
	mv bin/release dist

.PHONY: release-test
release-test: ## Test the images and releases that hack/release makes, with a small program in the operator's place.
	GOWORK=off go test -C hack/release ./...

.PHONY: install
install: ## Install the CRDs.
	$(kustomize) build config/crd | $(KUBECTL) apply --server-side -f -

.PHONY: uninstall
uninstall: ## Remove the CRDs. Refuses while there are objects that the operator still has to clean up after.
	@KUBECTL="$(KUBECTL)" hack/refuse-in-use.sh
	$(kustomize) build config/crd | $(KUBECTL) delete --ignore-not-found -f -

.PHONY: render
render: ## Print the manifests of CONFIG=config/default with IMG=registry/name:tag.
	@mkdir -p bin/render
	@printf 'resources: [../../%s]\n' '$(CONFIG)' >bin/render/kustomization.yaml
	@cd bin/render && $(kustomize) edit set image grafana-tenancy-operator='$(IMG)'
	@$(kustomize) build bin/render

.PHONY: deploy
deploy: ## Install CRDs and operator (IMG=registry/name:tag, CONFIG=config/default or config/namespaced).
	$(MAKE) render | $(KUBECTL) apply --server-side -f -

.PHONY: undeploy
undeploy: ## Remove operator and CRDs (with the CONFIG it was deployed with). Refuses while there are objects that the operator still has to clean up after.
	@KUBECTL="$(KUBECTL)" hack/refuse-in-use.sh
	$(MAKE) render | $(KUBECTL) delete --ignore-not-found -f -
