# The common commands; the build itself is CMake's (CMakeLists.txt).
#
#   make            library and command, optimised, in build/
#   make demo       a freshly drawn receipt and label, questions, answers beside the truth
#   make test       everything that needs no download; sets the machine up when something is missing
#   make asan       the same tests under AddressSanitizer and UBSan, in build-asan/
#   make soak       fuzzing, full-size checkpoints, long determinism runs (SECONDS=600 per target)
#   make bench      kernels against the roofs of this machine, then the command
#   make pocket-report  every figure of the pocket model (PYTHON with numpy and Pillow; N=2000 documents)
#   make install    PREFIX=/usr/local, DESTDIR=
#   make format     clang-format over all C files
#   make clean

BUILD ?= build
TYPE ?= Release
PREFIX ?= /usr/local
SECONDS ?= 600
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
CMAKE_ARGS ?=
PYTHON ?= python3
N ?= 2000
MAKEFLAGS += --no-print-directory

all: setup
	@cmake -S . -B $(BUILD) -DCMAKE_BUILD_TYPE=$(TYPE) -DCMAKE_INSTALL_PREFIX=$(PREFIX) $(CMAKE_ARGS)
	@cmake --build $(BUILD) -j $(JOBS)

# Installs packages only when some are missing.
setup:
	@scripts/setup --check >/dev/null 2>&1 || scripts/setup

demo: all
	@scripts/demo $(BUILD)

test: all
	@scripts/run-tests $(BUILD)

asan:
	@$(MAKE) test BUILD=build-asan TYPE=Debug \
	  CMAKE_ARGS='$(CMAKE_ARGS) -DVLM_SANITIZE=ON -DCMAKE_C_FLAGS_DEBUG="-O1 -g"'

soak: all
	@scripts/soak $(BUILD) $(SECONDS)

bench: all
	@scripts/bench $(BUILD)

pocket-report: all
	@tools/pocket/build_docgen.sh $(BUILD)/libdocgen.so
	@$(PYTHON) tools/pocket/report.py --vlm $(BUILD)/vlm --library $(BUILD)/libdocgen.so --n $(N) \
	  --out $(BUILD)/pocket-report

install: all
	@DESTDIR=$(DESTDIR) cmake --install $(BUILD)

format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

clean:
	rm -rf build build-*

.PHONY: all setup demo test asan soak bench pocket-report install format clean
