"""Mistakes in values are refused: unknown names, wrong types, contradictions."""

import concurrent.futures
import copy
import json
import tempfile
import typing

import jsonschema

from common import CHART, HELMS, Step, ci_values, load, merged, run, said, schema

# Maps whose keys are the user's own.
FREE = {"podAnnotations", "nodeSelector", "service.annotations", "ingress.annotations", "serviceAccount.annotations", "global"}

Path = tuple[str | int, ...]

# What the templates refuse: values over ci/minimal-values.yaml, and what the error must name.
CONTRADICTIONS: list[tuple[str, str]] = [
    ("kafka.brokers=", "kafka.brokers is required"),
    ("registry.url=", "registry.url is required"),
    ("tokenKeys.existingSecret=", "tokenKeys.existingSecret is required"),
    ("mongodb.uri.existingSecret=", "mongodb.uri.existingSecret is required"),
    ("postgres.url.existingSecret=", "postgres.url.existingSecret is required"),
    ("iiko.logins.existingSecret=", "stoplistSyncer.enabled=false"),
    ("ingress.enabled=true", "ingress.hosts"),
    ("hubIngest.enabled=false,ingress.enabled=true", "hubIngest.enabled"),
    ("shutdown.graceSeconds=26", "shutdown.graceSeconds (26) must be at least"),
    ("normalizer.replicas=25", "normalizer.replicas (25) is above the 24 partitions of registers.raw.v1"),
    ("receiptWriter.replicas=25", "receiptWriter.replicas (25) is above the 24 partitions"),
    ("productUpserter.replicas=25", "productUpserter.replicas (25) is above the 24 partitions"),
    ("productUpserter.replicas=10", "postgres.connectionBudget (50) is below the 56 connections"),
]


def places(value: object, path: Path = ()) -> typing.Iterator[tuple[Path, object]]:
    """Every place in the values, outer ones first."""
    yield path, value
    items: typing.Iterable = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, inner in items:
        yield from places(inner, (*path, key))


def changed(values: dict, path: Path, new: object) -> dict:
    result = copy.deepcopy(values)
    place: typing.Any = result
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = new
    return result


def wrong(value: object) -> object:
    """Something of another type."""
    if isinstance(value, (dict, list)):
        return "text"
    return ["a list"]


def mutations(values: dict) -> typing.Iterator[tuple[str, dict]]:
    for path, value in places(values):
        name = ".".join(map(str, path))
        if isinstance(value, dict) and name not in FREE:
            yield f"{name}.misspelt".lstrip("."), changed(values, (*path, "misspelt"), "value")
        if path:
            yield f"{name} with a value of another type", changed(values, path, wrong(value))


def everything() -> dict:
    """The defaults with everything that ci/full-values.yaml sets: each place exists."""
    return merged(load(CHART / "values.yaml"), load(CHART / "ci" / "full-values.yaml"))


def by_schema() -> Step:
    step = Step("values.schema.json: unknown names and wrong types are refused")
    validator = jsonschema.Draft7Validator(schema())
    defaults = load(CHART / "values.yaml")
    for path in ci_values():
        for error in validator.iter_errors(merged(defaults, load(path))):
            step.expect(False, f"{path.name}: {error.json_path}: {error.message}")
    for what, values in mutations(everything()):
        step.expect(not validator.is_valid(values), f"accepted: {what}")
    return step


def all_mistakes(values: dict) -> tuple[dict, dict]:
    """Two sets of values: a misspelt name in every closed map, and every value of a wrong type."""
    misspelt = copy.deepcopy(values)
    mistyped = copy.deepcopy(values)
    for path, value in places(values):
        if isinstance(value, dict) and ".".join(map(str, path)) not in FREE:
            misspelt = changed(misspelt, (*path, "misspelt"), "value")
        if path and not (isinstance(value, (dict, list)) and value):
            mistyped = changed(mistyped, path, wrong(value))
    return misspelt, mistyped


def by_helm() -> Step:
    """The same with the real programs, whose schema libraries differ: each mistake must be named."""
    step = Step("helm 3 and helm 4 name every such mistake")
    values = everything()
    misspelt, mistyped = all_mistakes(values)
    for helm in HELMS:
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
            json.dump(misspelt, file)
            file.flush()
            names = said(run(helm, "template", "kassaflow", CHART, "-f", file.name))
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
            json.dump(mistyped, file)
            file.flush()
            types = said(run(helm, "template", "kassaflow", CHART, "-f", file.name))
        for path, value in places(values):
            dotted, slashed = ".".join(map(str, path)), "/".join(str(key).replace("/", "~1") for key in path)
            if isinstance(value, dict) and dotted not in FREE:
                helm3 = f"- {dotted or '(root)'}: Additional property misspelt"
                helm4 = f"at '{'/' + slashed if path else ''}': additional properties 'misspelt'"
                step.expect(helm3 in names or helm4 in names, f"{helm} does not refuse {dotted}.misspelt")
            if path and not (isinstance(value, (dict, list)) and value):
                step.expect(f"- {dotted}: " in types or f"at '/{slashed}': " in types, f"{helm} does not refuse {dotted} of another type")
    return step


def contradictions() -> Step:
    step = Step("contradictions stop the rendering and name the value")

    def answer(helm: str, change: str) -> str:
        result = run(helm, "template", "kassaflow", CHART, "-f", CHART / "ci" / "minimal-values.yaml", "--set", change)
        return said(result) if result.returncode else "(rendered)"

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        calls = [(helm, change, text, pool.submit(answer, helm, change)) for helm in HELMS for change, text in CONTRADICTIONS]
        for helm, change, text, call in calls:
            step.expect(text in call.result(), f"{helm} --set {change}: expected {text!r}, got: {call.result()[:300]}")
    return step


def readme() -> Step:
    step = Step("README.md of the chart names every value")
    text = (CHART / "README.md").read_text(encoding="utf-8") if (CHART / "README.md").exists() else ""
    for path, value in places(load(CHART / "values.yaml")):
        inner = isinstance(value, dict) and value
        if not inner and "resources" not in path:
            name = ".".join(map(str, path))
            step.expect(f"`{name}`" in text, f"missing: {name}")
    return step


def steps() -> list[Step]:
    return [by_schema(), by_helm(), contradictions(), readme()]
