"""Runs every check and shows one line for each."""

import sys
import time

import containers
import render
import settings
import values
from common import ci_values


def main() -> int:
    begun = time.monotonic()
    steps = [*settings.steps(), *values.steps(), *render.steps(), *containers.steps()]
    passed = [step.show() for step in steps]
    names = ", ".join(path.name.removesuffix("-values.yaml") for path in ci_values())
    verdict = "passed" if all(passed) else f"{passed.count(False)} of {len(passed)} FAILED"
    print(f"helm/check: {verdict} ({names}; {time.monotonic() - begun:.1f} s)")
    return 0 if all(passed) else 1


sys.exit(main())
