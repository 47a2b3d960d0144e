"""The settings of the services (docs/settings.md, made from the code) and the chart agree."""

import functools
import json
import os
import re

from common import CHART, ROOT, SERVICES, Step, schema

PAGE = ROOT / "docs" / "settings.md"
ROW = re.compile(r"^\| `[^`]+` \| `(KASSAFLOW_[A-Z0-9_]+)` \| (.+?) \| .* \|$")
VARIABLE = re.compile(r"KASSAFLOW_[A-Z0-9_]+")


@functools.cache
def documented() -> dict[str, dict[str, str]] | None:
    """Service -> variable -> default as it is shown; nothing where the page does not exist."""
    if not PAGE.exists():
        return None
    page: dict[str, dict[str, str]] = {}
    service = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            service = line[3:].strip()
            page[service] = {}
        elif row := ROW.match(line):
            page.setdefault(service, {})[row[1]] = row[2]
    return page


def named_in_templates() -> set[str]:
    texts = (path.read_text(encoding="utf-8") for path in CHART.glob("templates/*"))
    # The prefix alone stands in a comment.
    return {name for text in texts for name in VARIABLE.findall(text) if name != "KASSAFLOW_"}


def type_of(default: str) -> dict:
    """What a value for a setting with this default must be."""
    value = default.strip("`")
    if re.fullmatch(r"[0-9]+", value):
        return {"type": ["integer", "string"], "pattern": "^[0-9]+$"}
    if value in ("true", "false"):
        return {"enum": [True, False, "true", "false"]}
    return {"type": ["string", "integer", "number", "boolean"]}


def wanted(service: str) -> dict[str, dict]:
    """The properties of a service's `settings`: all of its variables that the templates do not set themselves."""
    rows = (documented() or {}).get(service, {})
    own = named_in_templates()
    return {name: type_of(default) for name, default in sorted(rows.items()) if name not in own}


def update() -> None:
    changed = schema()
    for key, service in SERVICES.items():
        changed["definitions"][f"{key}Settings"]["properties"] = wanted(service)
    (CHART / "values.schema.json").write_text(json.dumps(changed, indent=2) + "\n", encoding="utf-8")


def steps() -> list[Step]:
    step = Step("settings: the chart knows exactly the variables of docs/settings.md")
    page = documented()
    if page is None:
        step.notes.append("skipped: docs/settings.md does not exist; `make docs` writes it")
        return [step]
    if os.environ.get("UPDATE"):
        update()
    everywhere = {name for rows in page.values() for name in rows}
    for name in sorted(named_in_templates()):
        step.expect(name in everywhere, f"the templates set {name}, which no service has")
    for key, service in SERVICES.items():
        if not step.expect(service in page, f"docs/settings.md has no section {service}"):
            continue
        known = schema()["definitions"][f"{key}Settings"]["properties"]
        for name in sorted(known.keys() ^ wanted(service).keys()):
            where = "only values.schema.json" if name in known else "only docs/settings.md"
            step.expect(False, f"{key}.settings: {name} is in {where}; run UPDATE=1 helm/check")
        for name in sorted(known.keys() & wanted(service).keys()):
            step.expect(known[name] == wanted(service)[name], f"{key}.settings.{name} has another type now; run UPDATE=1 helm/check")
    return [step]
