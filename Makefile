# make run   installs what is missing, trains, builds the index, starts, prints the address
# make test  everything that must hold: lint, types, content, tests (make check: the quick part of it)
# make test-heavy  the tests that need PyTorch, in an environment of their own
.PHONY: run test test-heavy check install-dev

run:
	@deploy/install
	@exec .venv/bin/lotse run

install-dev:
	@deploy/install --dev

check: install-dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	@# A fixed day: the code is not broken because a date in the content has passed. Editors check with today's.
	.venv/bin/lotse knowledge check --today 2026-11-28

test: check
	.venv/bin/python -m pytest

test-heavy:
	@deploy/install --hub
	HF_HUB_OFFLINE=1 .venv-hub/bin/python -m pytest tests/heavy
