"""The chart's own rules, asserted on what it renders."""

import re
import typing

import settings
from common import CHART, SERVICES, Step, load, merged

Object = dict[str, typing.Any]

KINDS = {"Deployment", "Service", "ServiceAccount", "PodDisruptionBudget", "Ingress", "Job"}
HOOKS = {"topics": "topics apply", "schemas": "schemas apply", "migrations": "db migrate"}


def check(step: Step, objects: list[Object], values_name: str) -> None:
    values = merged(load(CHART / "values.yaml"), load(CHART / "ci" / values_name))
    by_kind: dict[str, list[Object]] = {kind: [] for kind in KINDS}
    for thing in objects:
        where = f"{values_name}: {thing['kind']}/{thing['metadata']['name']}"
        # No Secret, and no KafkaTopic: with the chart would go the topics and what is in them.
        if not step.expect(thing["kind"] in KINDS, f"{where}: the chart must not create this kind"):
            continue
        by_kind[thing["kind"]].append(thing)
        step.expect(thing["metadata"].get("namespace") == "shops", f"{where}: not in the release's namespace")
        step.expect(len(thing["metadata"]["name"]) <= 63, f"{where}: the name is too long")
        if thing["kind"] in ("Deployment", "Job"):
            pod(step, thing, where)
    services(step, by_kind, values, values_name)
    jobs(step, by_kind["Job"], values, values_name)
    hub(step, by_kind, values, values_name)


def pod(step: Step, thing: Object, where: str) -> None:
    """Every pod: bounded, without rights, reproducible."""
    spec = thing["spec"]["template"]["spec"]
    step.expect(spec.get("automountServiceAccountToken") is False, f"{where}: the account's token is mounted")
    step.expect(spec.get("enableServiceLinks") is False, f"{where}: service links would set KASSAFLOW_* variables")
    security = spec.get("securityContext", {})
    step.expect(security.get("runAsNonRoot") is True and security.get("runAsUser") == 65532, f"{where}: may run as root")
    step.expect(security.get("seccompProfile", {}).get("type") == "RuntimeDefault", f"{where}: no seccomp profile")
    mounted = {volume["name"] for volume in spec.get("volumes", [])}
    for volume in spec.get("volumes", []):
        step.expect(set(volume) == {"name", "secret"}, f"{where}: volume {volume['name']} is local state")
    for container in spec["containers"]:
        security = container.get("securityContext", {})
        step.expect(security.get("allowPrivilegeEscalation") is False, f"{where}: privileges can grow")
        step.expect(security.get("readOnlyRootFilesystem") is True, f"{where}: the root file system can be written")
        step.expect(security.get("capabilities") == {"drop": ["ALL"]}, f"{where}: capabilities are left")
        resources = container.get("resources", {})
        for kind in ("requests", "limits"):
            step.expect(set(resources.get(kind, {})) == {"cpu", "memory"}, f"{where}: no {kind} of processor and memory")
        step.expect(re.search(r":[^:/]+$", container["image"]), f"{where}: the image has no tag")
        step.expect(not container["image"].endswith(":latest"), f"{where}: the image is not fixed")
        names = [mount["name"] for mount in container.get("volumeMounts", [])]
        step.expect(set(names) == mounted, f"{where}: volumes {mounted}, mounts {names}")
        environment(step, thing, container, where)


def environment(step: Step, thing: Object, container: Object, where: str) -> None:
    names = [variable["name"] for variable in container["env"]]
    step.expect(len(names) == len(set(names)), f"{where}: a variable is set twice: {sorted(names)}")
    known = (settings.documented() or {}).get(container["name"])
    if known is not None:
        for name in names:
            step.expect(name in known, f"{where}: {container['name']} has no setting {name}")
    for variable in container["env"]:
        value = variable.get("value")
        if value is None:
            step.expect(set(variable.get("valueFrom", {})) == {"secretKeyRef"}, f"{where}: {variable['name']} has no value")
        else:
            step.expect(isinstance(value, str), f"{where}: {variable['name']} is no text")
            step.expect(not re.fullmatch(r"[0-9.]+e[+-]?[0-9]+", str(value)), f"{where}: {variable['name']} is {value}")
        secret = re.search(r"_(URI|KEYS|PASSWORD|SECRET)$|POSTGRES_URL$", variable["name"])
        step.expect(value is None or not secret, f"{where}: {variable['name']} belongs into a secret")
    if thing["kind"] == "Deployment":
        step.expect("KASSAFLOW_ADMIN_LISTEN" in names, f"{where}: the admin port would listen on the pod's loopback only")


def services(step: Step, by_kind: dict[str, list[Object]], values: Object, where: str) -> None:
    deployments = {thing["metadata"]["labels"]["app.kubernetes.io/component"]: thing for thing in by_kind["Deployment"]}
    wanted = {service for key, service in SERVICES.items() if values[key]["enabled"]}
    step.expect(set(deployments) == wanted, f"{where}: services {sorted(deployments)}, expected {sorted(wanted)}")
    budgets = {thing["metadata"]["name"]: thing for thing in by_kind["PodDisruptionBudget"]}
    for key, service in SERVICES.items():
        if service not in deployments:
            continue
        deployment = deployments[service]
        spec = deployment["spec"]
        name = deployment["metadata"]["name"]
        labels = spec["template"]["metadata"]["labels"]
        selector = spec["selector"]["matchLabels"]
        step.expect(selector.items() <= labels.items(), f"{where}: {name}: the selector does not select its pods")
        step.expect(spec["replicas"] == values[key]["replicas"], f"{where}: {name}: {spec['replicas']} replicas")
        budget = budgets.pop(name, None)
        step.expect((budget is not None) == (values[key]["replicas"] > 1), f"{where}: {name}: a disruption budget exactly with more than one replica")
        if budget:
            step.expect(budget["spec"]["selector"]["matchLabels"] == selector, f"{where}: {name}: the budget is another service's")
        rules = spec["template"]["spec"].get("topologySpreadConstraints", [])
        step.expect(all(rule["labelSelector"]["matchLabels"] == selector for rule in rules), f"{where}: {name}: spread by other pods")
        ending(step, deployment, values, f"{where}: {name}")
        probes(step, deployment, f"{where}: {name}")
    step.expect(not budgets, f"{where}: budgets without a service: {sorted(budgets)}")


def ending(step: Step, deployment: Object, values: Object, where: str) -> None:
    """Kubernetes must not kill a process that still writes."""
    spec = deployment["spec"]["template"]["spec"]
    container = spec["containers"][0]
    hook = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    bound = next(int(v["value"]) for v in container["env"] if v["name"] == "KASSAFLOW_SHUTDOWN_TIMEOUT_SECONDS")
    step.expect(bound == values["shutdown"]["timeoutSeconds"], f"{where}: the process is told another time-out")
    step.expect(spec["terminationGracePeriodSeconds"] > hook + bound, f"{where}: killed before it has ended")


def probes(step: Step, deployment: Object, where: str) -> None:
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    step.expect(ports.get("admin") == 9100, f"{where}: no admin port")
    for probe, path in {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}.items():
        asked = container.get(probe, {}).get("httpGet", {})
        step.expect(asked == {"path": path, "port": "admin"}, f"{where}: {probe} asks {asked}")


def jobs(step: Step, found: list[Object], values: Object, where: str) -> None:
    by_name = {thing["metadata"]["name"].rsplit("-", 1)[1]: thing for thing in found}
    wanted = {name for name in HOOKS if values["jobs"][name]["enabled"]}
    step.expect(set(by_name) == wanted, f"{where}: jobs {sorted(by_name)}, expected {sorted(wanted)}")
    weights = []
    for name, command in HOOKS.items():
        if name not in by_name:
            continue
        job = by_name[name]
        notes = job["metadata"]["annotations"]
        weights.append(int(notes["helm.sh/hook-weight"]))
        step.expect(notes["helm.sh/hook"] == "pre-install,pre-upgrade", f"{where}: job {name} runs at another time")
        step.expect("before-hook-creation" in notes["helm.sh/hook-delete-policy"], f"{where}: job {name} would block the next upgrade")
        for bound in ("backoffLimit", "activeDeadlineSeconds"):
            step.expect(bound in job["spec"], f"{where}: job {name} has no {bound}")
        spec = job["spec"]["template"]["spec"]
        args = " ".join(spec["containers"][0]["args"])
        step.expect(args.startswith(command), f"{where}: job {name} runs {args}")
        # The chart's own account does not exist yet when a hook runs.
        account = "default" if values["serviceAccount"]["create"] else values["serviceAccount"]["name"]
        step.expect(spec.get("serviceAccountName", "default") == account, f"{where}: job {name} runs as another account")
        step.expect(spec["restartPolicy"] == "Never", f"{where}: job {name} would lose its logs")
    step.expect(weights == sorted(set(weights)), f"{where}: the jobs' order is {weights}")


def hub(step: Step, by_kind: dict[str, list[Object]], values: Object, where: str) -> None:
    """Registers reach the work port of hub-ingest, and nothing else is reachable."""
    expected = 1 if values["hubIngest"]["enabled"] else 0
    step.expect(len(by_kind["Service"]) == expected, f"{where}: {len(by_kind['Service'])} services")
    for thing in by_kind["Service"]:
        ports = thing["spec"]["ports"]
        step.expect([port["targetPort"] for port in ports] == ["http"], f"{where}: the service leads to {ports}")
        chosen = [
            deployment["metadata"]["labels"]["app.kubernetes.io/component"]
            for deployment in by_kind["Deployment"]
            if thing["spec"]["selector"].items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
        ]
        step.expect(chosen == ["hub-ingest"], f"{where}: the service selects {chosen}")
        for ingress in by_kind["Ingress"]:
            backends = [path["backend"]["service"] for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]]
            wanted = {"name": thing["metadata"]["name"], "port": {"name": ports[0]["name"]}}
            step.expect(all(backend == wanted for backend in backends), f"{where}: the ingress leads to {backends}")
    step.expect(len(by_kind["Ingress"]) == int(values["ingress"]["enabled"]), f"{where}: {len(by_kind['Ingress'])} ingresses")
