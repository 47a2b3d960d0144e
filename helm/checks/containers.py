"""The compose file and the Dockerfile."""

import re
import subprocess
import sys

import yaml

from common import LOADER, ROOT, SERVICES, Step

COMPOSE = ROOT / "docker" / "compose.yaml"
DOCKERFILE = ROOT / "docker" / "Dockerfile"
BIN = sys.exec_prefix + "/bin/"
# Programs beside the services that have an image.
OTHER_IMAGES = {"kassactl", "fake-iiko"}


def linter(step: Step, *command: object) -> None:
    result = subprocess.run([str(part) for part in command], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    step.expect(result.returncode == 0, (result.stdout + result.stderr).strip())


def compose() -> Step:
    step = Step("docker/compose.yaml: yamllint (with the values), and bounds on every container")
    chart = ROOT / "helm" / "kassaflow"
    rules = ROOT / "helm" / "checks" / "yamllint.yaml"
    linter(step, BIN + "yamllint", "--strict", "-c", rules, COMPOSE, chart / "values.yaml", chart / "ci")
    file = yaml.load(COMPOSE.read_text(encoding="utf-8"), Loader=LOADER)
    containers = file["services"]
    missing = set(SERVICES.values()) - set(containers)
    step.expect(not missing, f"no container for {sorted(missing)}")
    for name, container in containers.items():
        one(step, name, container, containers)
    used = {mount["source"] for c in containers.values() for mount in c.get("volumes", []) if mount["type"] == "volume"}
    step.expect(used == set(file["volumes"]), f"volumes {sorted(file['volumes'])}, used {sorted(used)}")
    return step


def one(step: Step, name: str, container: dict, containers: dict) -> None:
    for bound in ("mem_limit", "cpus", "pids_limit"):
        step.expect(container.get(bound), f"{name}: no {bound}")
    step.expect(container.get("memswap_limit") == container.get("mem_limit"), f"{name}: may swap")
    step.expect(container.get("read_only") is True, f"{name}: the root file system can be written")
    step.expect(container.get("cap_drop") == ["ALL"], f"{name}: capabilities are left")
    step.expect(container.get("security_opt") == ["no-new-privileges:true"], f"{name}: privileges can grow")
    step.expect(re.fullmatch(r".+:[^:/]+", container["image"]) and not container["image"].endswith(":latest"), f"{name}: the image has no fixed tag")
    for port in container.get("ports", []):
        step.expect(str(port).startswith("127.0.0.1:"), f"{name}: port {port} is open to the network")
    for other, how in container.get("depends_on", {}).items():
        target = containers.get(other, {})
        if how["condition"] == "service_healthy":
            step.expect("healthcheck" in target, f"{name}: waits for the health of {other}, which has no check")
        if how["condition"] == "service_completed_successfully":
            step.expect(target.get("restart") in ("no", "on-failure", "on-failure:5"), f"{name}: waits for the end of {other}, which is restarted")
    for mount in container.get("volumes", []):
        step.expect(isinstance(mount, dict), f"{name}: write volumes in the long form")


def dockerfile() -> Step:
    step = Step("docker/Dockerfile: hadolint, and one image for each program")
    linter(step, BIN + "hadolint", "--no-color", DOCKERFILE)
    text = DOCKERFILE.read_text(encoding="utf-8")
    stages = re.findall(r"^FROM (\S+) AS (\S+)$", text, re.M)
    images = {stage for base, stage in stages if base == "runtime"}
    wanted = set(SERVICES.values()) | OTHER_IMAGES
    step.expect(images == wanted, f"images {sorted(images)}, expected {sorted(wanted)}")
    step.expect("USER 65532:65532" in text, "the images run as root")
    for name in wanted:
        step.expect(f'ENTRYPOINT ["/usr/bin/{name}"]' in text, f"no image starts {name}")
    return step


def steps() -> list[Step]:
    return [compose(), dockerfile()]
