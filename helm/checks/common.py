"""What the checks share: places, the report, and calls of helm."""

import functools
import json
import pathlib
import subprocess
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "kassaflow"
TOOLS = pathlib.Path(sys.argv[1])
HELMS = ["helm3", "helm4"]

# Key of a service's block in the values -> name of the service.
SERVICES = {
    "hubIngest": "hub-ingest",
    "normalizer": "normalizer",
    "receiptWriter": "receipt-writer",
    "productUpserter": "product-upserter",
    "stoplistSyncer": "stoplist-syncer",
}

# libyaml's loader where it is there: much faster.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Step:
    """One line of the report: what was checked, and every problem that was found."""

    def __init__(self, name: str):
        self.name = name
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.checked = 0

    def expect(self, truth: object, problem: str) -> bool:
        self.checked += 1
        if not truth:
            self.problems.append(problem)
        return bool(truth)

    def show(self) -> bool:
        mark = "FAIL" if self.problems else "ok  "
        print(f"{mark} {self.name}: {self.checked} checks")
        for text in self.notes:
            print(f"       {text}")
        for problem in dict.fromkeys(self.problems):
            print(f"     - {problem}")
        return not self.problems


def ci_values() -> list[pathlib.Path]:
    return sorted(CHART.glob("ci/*-values.yaml"))


def load(path: pathlib.Path) -> dict:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER) or {}


@functools.cache
def schema() -> dict:
    return json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))


def run(program: str, *arguments: object, text: str | None = None) -> subprocess.CompletedProcess:
    return subprocess.run(
        [TOOLS / program, *map(str, arguments)], input=text, capture_output=True, text=True, timeout=60, check=False
    )


def said(result: subprocess.CompletedProcess) -> str:
    """What a tool said, without its notes about the link to the catalogue of topics."""
    lines = (result.stdout + result.stderr).splitlines()
    return " / ".join(line.strip() for line in lines if line.strip() and "found symbolic link" not in line)


def merged(base: dict, over: dict) -> dict:
    """As helm merges values: maps by key, everything else is replaced."""
    result = dict(base)
    for key, value in over.items():
        both_maps = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both_maps else value
    return result
