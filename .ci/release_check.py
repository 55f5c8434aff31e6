"""What must hold before a version is tagged: `make release-check`. docs/releasing.md has the whole procedure.

Each step prints a line; the first one that does not hold ends the check with exit code 1. The last steps build the
archives in a copy of what git tracks, install the wheel into a new environment with the pinned packages, and ask it for
its version. Nothing is tagged, uploaded or left behind but `dist/`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from collections.abc import Iterable
from pathlib import Path

import yaml
from packaging.metadata import Metadata

ROOT = Path(__file__).resolve().parents[1]
DECLARATION = re.compile(r'^__version__ = "(\d+\.\d+\.\d+)"$', re.MULTILINE)
SECTION = re.compile(r"^## (\S+)(?: - (\d{4}-\d{2}-\d{2}))?$", re.MULTILINE)
TRUSTED = ("py.typed", "control/api/page/index.html", "control/api/page/page.js")
"""Files of the package that are no Python modules and must be in a wheel."""


class NotReady(Exception):
    """A step does not hold; the message says what to do."""


def version_of(root: Path) -> str:
    """The version as `proxy/__init__.py` declares it, its only declaration in the code."""
    declared = DECLARATION.findall((root / "proxy" / "__init__.py").read_text(encoding="utf-8"))
    if len(declared) != 1:
        raise NotReady('proxy/__init__.py has no single line __version__ = "X.Y.Z"')
    version: str = declared[0]
    return version


def deployed(root: Path) -> dict[str, str]:
    """Place to the version that it deploys: manifests cannot read Python, so they repeat the number."""
    chart = yaml.safe_load((root / "deploy/helm/penumbra/Chart.yaml").read_text(encoding="utf-8"))
    found = {f"deploy/helm/penumbra/Chart.yaml, {key}": str(chart[key]) for key in ("version", "appVersion")}
    for path in sorted((root / "deploy/kubernetes").rglob("kustomization.yaml")):
        for image in yaml.safe_load(path.read_text(encoding="utf-8")).get("images", ()):
            if image["name"] == "penumbra":
                found[str(path.relative_to(root))] = str(image["newTag"])
    return found


def sections(changelog: str) -> dict[str, str]:
    """Heading of each section of the changelog to its date, "" without one; newest first."""
    return dict(SECTION.findall(changelog))


def check_versions(root: Path) -> str:
    """One version everywhere, and a dated section of the changelog for it, with nothing waiting above."""
    version = version_of(root)
    wrong = {place: found for place, found in deployed(root).items() if found != version}
    if wrong:
        raise NotReady(f"the version is {version}, but: {wrong}")
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    dated = sections(changelog)
    if not dated.get(version):
        raise NotReady(f"CHANGELOG.md has no section '## {version} - YYYY-MM-DD'")
    waiting = changelog.partition("\n## Unreleased\n")[2].partition("\n## ")[0].strip()
    if waiting:
        raise NotReady(f"CHANGELOG.md has entries under Unreleased: {waiting.splitlines()[0]}")
    return f"version {version} of {dated[version]}, the same in {len(deployed(root))} manifests"


def check_committed(root: Path) -> str:
    """The archives are those of the commit that gets the tag, without changes that nobody committed."""
    if changed := run(["git", "status", "--porcelain", "--untracked-files=no"], root).splitlines():
        raise NotReady(f"not committed: {', '.join(line[3:] for line in changed)}")
    return f"the commit is {run(['git', 'rev-parse', '--short', 'HEAD'], root).strip()}"


def check_tag(root: Path) -> str:
    """The tag of the version is free."""
    tag = f"v{version_of(root)}"
    if run(["git", "tag", "--list", tag], root).strip():
        raise NotReady(f"the tag {tag} is there already: a released version is never changed, take the next number")
    return f"the tag will be {tag}"


def build(copy: Path, dist: Path) -> list[Path]:
    """An sdist of the copy, and a wheel built from that sdist, as an installer would build it."""
    backend = "import sys; from setuptools import build_meta as b; print(getattr(b, sys.argv[1])(sys.argv[2]))"
    run([sys.executable, "-c", backend, "build_sdist", str(dist)], copy)
    (sdist,) = dist.glob("*.tar.gz")
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(sdist) as archive:
            archive.extractall(folder, filter="data")
        (unpacked,) = Path(folder).iterdir()
        run([sys.executable, "-c", backend, "build_wheel", str(dist)], unpacked)
    (wheel,) = dist.glob("*.whl")
    return [sdist, wheel]


def check_archives(sdist: Path, wheel: Path, version: str) -> str:
    """Names, metadata and contents of both archives; the metadata are validated as an index would."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        raw = archive.read(f"penumbra-{version}.dist-info/METADATA")
    metadata = Metadata.from_email(raw, validate=True)
    if str(metadata.version) != version or metadata.description_content_type != "text/markdown":
        raise NotReady(f"{wheel.name}: version {metadata.version}, description {metadata.description_content_type}")
    missing = [name for name in TRUSTED if f"proxy/{name}" not in names]
    if missing or any(name.startswith(("tests/", "loadtests/", "docs/")) for name in names):
        raise NotReady(f"{wheel.name}: without {missing}, or with what is no part of the package")
    with tarfile.open(sdist) as source:
        given = {name.partition("/")[2] for name in source.getnames()}
    needed = {"pyproject.toml", "setup.py", "README.md", "LICENSE", "CHANGELOG.md", "proxy/py.typed"}
    if needed - given:
        raise NotReady(f"{sdist.name}: without {sorted(needed - given)}")
    return f"{sdist.name} and {wheel.name}: {len(names)} files, metadata {metadata.metadata_version} is valid"


def check_install(wheel: Path, version: str) -> str:
    """The wheel in a new environment, with the pinned packages; the command says its version."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        pip = [f"{folder}/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run([*pip, "--constraint", str(ROOT / "requirements" / "runtime.txt"), str(wheel)], Path(folder))
        said = run([f"{folder}/bin/penumbra", "--version"], Path(folder)).strip()
    if not said.startswith(f"penumbra {version} "):
        raise NotReady(f"the installed command says {said!r}")
    return f"installed in a new environment: {said}"


def tracked(root: Path, into: Path) -> None:
    """Copies what git tracks: nothing else may get into an archive."""
    for name in run(["git", "ls-files"], root).splitlines():
        (into / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, into / name)


def run(argv: Iterable[str], folder: Path) -> str:
    """The output of a command. Raises NotReady with what it wrote if it fails."""
    done = subprocess.run(list(argv), cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotReady(f"{' '.join(argv)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> int:
    """All steps; the exit code."""
    dist = ROOT / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    dist.mkdir()
    try:
        print(check_versions(ROOT))
        print(check_committed(ROOT))
        print(check_tag(ROOT))
        version = version_of(ROOT)
        with tempfile.TemporaryDirectory() as copy:
            tracked(ROOT, Path(copy))
            sdist, wheel = build(Path(copy), dist)
        print(check_archives(sdist, wheel, version))
        print(check_install(wheel, version))
    except NotReady as problem:
        print(f"not ready: {problem}", file=sys.stderr)
        return 1
    print("ready: see docs/releasing.md for the tag and what follows it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
