"""What the chart renders is valid for every supported Kubernetes, and keeps the chart's own rules."""

import concurrent.futures
import functools
import tomllib
import typing

import kubernetes_validate
import kubernetes_validate.utils
import yaml

import policies
from common import CHART, HELMS, LOADER, ROOT, Step, ci_values, run, said

KUBERNETES = ["1.28", "1.31", "1.34", "1.37"]

# Its schemas are megabytes of JSON that it would read again for each object.
kubernetes_validate.utils.schema_contents = functools.cache(kubernetes_validate.utils.schema_contents)

Objects = list[dict[str, typing.Any]]


def lint() -> Step:
    step = Step("helm lint --strict with helm 3 and helm 4; the notes are shown")
    for helm in HELMS:
        for values in ci_values():
            result = run(helm, "lint", "--strict", CHART, "-f", values)
            step.expect(result.returncode == 0, f"{helm} {values.name}: {said(result)}")
    # `helm template` leaves the notes out, and helm 3 wants a cluster to show them.
    for values in ci_values():
        result = run("helm4", "install", "kassaflow", CHART, "--dry-run=client", "--namespace", "shops", "-f", values)
        shown = result.stdout.partition("\nNOTES:\n")[2]
        step.expect("is installed as kassaflow in shops" in shown and "<no value>" not in shown, f"notes for {values.name}: {shown or said(result)}")
    return step


def versions() -> Step:
    step = Step("Chart.yaml: appVersion is the version of Cargo.toml")
    chart = yaml.load((CHART / "Chart.yaml").read_text(encoding="utf-8"), Loader=LOADER)
    workspace = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["workspace"]
    version = workspace["package"]["version"]
    step.expect(chart["appVersion"] == version, f"appVersion {chart['appVersion']}, Cargo.toml {version}")
    return step


def rendered(helm: str, values: str, kubernetes: str) -> str:
    result = run(
        helm, "template", "kassaflow", CHART, "--namespace", "shops", "--kube-version", f"{kubernetes}.0", "-f", CHART / "ci" / values
    )
    if result.returncode:
        raise RuntimeError(f"{helm} {values} for {kubernetes}: {said(result)}")
    return result.stdout


def objects_of(text: str) -> Objects:
    return [document for document in yaml.load_all(text, Loader=LOADER) if document]


def name_of(thing: dict) -> str:
    return f"{thing.get('kind')}/{thing.get('metadata', {}).get('name')}"


def validate(step: Step, objects: Objects, kubernetes: str, where: str) -> None:
    for thing in objects:
        try:
            kubernetes_validate.validate(thing, kubernetes, strict=True)
            step.expect(True, "")
        except kubernetes_validate.SchemaNotFoundError as error:
            step.expect(False, f"{where}: {error.message}")
        except kubernetes_validate.ValidationError as error:
            path = ".".join(map(str, error.path))
            step.expect(False, f"{where}: {name_of(thing)}: {path}: {error.message}")


def can_fail(step: Step, objects: Objects) -> None:
    """The validator does see mistakes: an unknown kind, a misspelt field, a wrong type."""
    deployment = next(thing for thing in objects if thing["kind"] == "Deployment")
    spoilt = [{**deployment, "kind": "Deploiment"}, {**deployment, "spec": {**deployment["spec"], "replica": 1}}]
    spoilt.append({**deployment, "spec": {**deployment["spec"], "replicas": "two"}})
    for thing in spoilt:
        probe = Step("")
        validate(probe, [thing], KUBERNETES[-1], "")
        step.expect(probe.problems, f"the validator accepts {name_of(thing)} with a mistake")


def kubectl_reads(step: Step, text: str, count: int, where: str) -> None:
    result = run("kubectl", "label", "--local", "--dry-run=client", "-o", "name", "-f", "-", "checked=yes", text=text)
    names = result.stdout.split()
    step.expect(result.returncode == 0 and len(names) == count, f"{where}: kubectl reads {len(names)} of {count} objects: {result.stderr}")


def steps() -> list[Step]:
    valid = Step(f"rendered objects are valid for Kubernetes {', '.join(KUBERNETES)}")
    same = Step("helm 3 and helm 4 render the same")
    rules = Step("rendered objects keep the chart's rules")
    cases = [(values.name, kubernetes) for values in ci_values() for kubernetes in KUBERNETES]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        calls = {(helm, *case): pool.submit(rendered, helm, *case) for case in cases for helm in HELMS}
    for values, kubernetes in cases:
        where = f"{values}, Kubernetes {kubernetes}"
        try:
            three, four = (calls[helm, values, kubernetes].result() for helm in HELMS)
        except RuntimeError as error:
            valid.expect(False, str(error))
            continue
        objects = objects_of(three)
        same.expect(objects == objects_of(four), f"{where}: the objects differ")
        validate(valid, objects, kubernetes, where)
        policies.check(rules, objects, values)
        if kubernetes == KUBERNETES[-1]:
            kubectl_reads(valid, three, len(objects), where)
            can_fail(valid, objects)
    return [versions(), lint(), same, valid, rules]
