# make run   installs what is missing, trains, builds the index, starts, prints the address
# make test  everything that must hold: lint, types, content, tests (make check: the quick part of it)
.PHONY: run test check install-dev

run:
	@deploy/install
	@exec .venv/bin/lotse run

install-dev:
	@deploy/install --dev

check: install-dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lotse knowledge check

test: check
	.venv/bin/python -m pytest
