# make demo       a voice line in, a talking character out, in out/        (AUDIO=path for your own recording)
# make test       the whole test suite; what needs a GPU, a window or a microphone is skipped by name
# make test-all   the long fits, parity with smplx, the extension in four Blenders and two sessions in Blender's window as well
# make docs       the documentation site, in out/site, every warning an error
# Each sets up all it needs, in .venv and .venvs, and then does its one job.

# Blender 4.2 to 5.0 are built for Python 3.11, and the module bpy needs exactly that.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
IN_PARALLEL := --numprocesses 2 --dist loadfile
export AUDIO

.PHONY: help demo test test-all lint docs clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

demo: .venv/.demo
	@$(BIN)/python examples/talking_character.py

# two workers share two cores: libraries that would take both for each are slower
test test-all: export OMP_NUM_THREADS := 1

test: lint
	$(BIN)/python -m pytest $(IN_PARALLEL) --ignore tests/blender
	$(BIN)/python tools/test_blender.py 4.5 5.0 --pytest='$(IN_PARALLEL)'

test-all: .venv/.test-all lint docs
	$(BIN)/python -m pytest $(IN_PARALLEL) --ignore tests/blender -m 'long or not long'
	$(BIN)/python tools/test_blender.py 4.2 4.5 5.0 5.2 --pytest='$(IN_PARALLEL)'
	$(BIN)/python tools/window_session.py
	$(BIN)/python tools/zip_session.py

lint: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy

docs: export NO_MKDOCS_2_WARNING := 1
docs: .venv/.docs
	@$(BIN)/python -m mkdocs build --strict
	@echo "The site lies in out/site/index.html."

.venv/bin/python:
	@"$(PYTHON)" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || { \
	  echo "Animcore's demo and tests need Python 3.11 with venv, which Blender 4.5 is built for: install it with" \
	    "'apt install python3.11 python3.11-venv', 'pyenv install 3.11' or from python.org, then run this again" \
	    "with PYTHON=/path/to/python3.11."; exit 1; }
	@echo "Setting up .venv ..."
	@"$(PYTHON)" -m venv .venv

.venv/.demo: pyproject.toml | .venv/bin/python
	@echo "Installing Animcore and Blender 4.5 as a Python module (about 400 MB, once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[demo]'
	@touch $@

.venv/.docs: pyproject.toml | .venv/bin/python
	@echo "Installing what the documentation site is made with (about 60 MB, once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $@

.venv/.test: pyproject.toml | .venv/bin/python
	@echo "Installing what the tests need, PyTorch, Warp, MediaPipe and Blender 4.5 among it (about 2 GB, once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@ .venv/.demo .venv/.docs

.venv/.test-all: .venv/.test
	@echo "Installing the models that ours are compared with (1 MB, once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test-all]'
	@touch $@

clean:
	rm -rf .venv .venvs .cache out dist build
