# swift-dinov2. Every target does the set-up that is missing and then its job.
export PKG_CONFIG_PATH := $(CURDIR)/.deps:$(PKG_CONFIG_PATH)

# One configuration for everything, so that nothing is built twice.
build_flags := -c release
program := .build/release/dinov2

.PHONY: setup build demo test bench lint format docs clean

setup:
	scripts/setup

# The program: .build/release/dinov2
build: setup
	swift build $(build_flags) --product dinov2

# The two-minute tour: pictures in demo/. Photographs are taken if they lie beside the project.
photos := $(wildcard ../shared/data/demo-photos)
demo: build
	$(program) demo --output demo $(addprefix --photos ,$(photos)) $(DEMO_FLAGS)

test: setup
	swift build $(build_flags) --build-tests
	scripts/run-tests $(build_flags) --skip-build $(TEST_FLAGS)

# Side by side with PyTorch, ONNX Runtime and OpenVINO; writes docs/benchmarks.md
bench: build
	Benchmarks/inference/run

lint:
	scripts/check

format:
	scripts/format

# HTML reference in .build/docs
docs: build
	scripts/docs

clean:
	rm -rf .build demo
