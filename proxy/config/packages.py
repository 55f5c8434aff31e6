"""The packages of versions: their files, who signed them, and what of it is a mistake of the configuration.

- A package that cannot be used never stops who serves: releases of its version do not begin, and everybody is told why.
- The lineage of a version is its package's; a section `lineage` beside it may add to that, and not contradict it.
"""

from __future__ import annotations

from msgspec.structs import asdict, replace

from proxy import files
from proxy.config.pem import NotPemError
from proxy.config.public_key import PublicKeys
from proxy.config.section import Section, shown
from proxy.contracts.package import Package
from proxy.contracts.settings import Lineage, Settings
from proxy.release.package import MAX_BYTES, PackageError, package_of, read, refusal

MAX_KEY_BYTES = 64 * 1024


def with_packages(root: Section, settings: Settings) -> Settings:
    """The settings with what the files of packages say; mistakes go to the problems of `root`."""
    keys = _keys(root, settings)
    packages = {name: _read(each.path, name, keys) for name, each in settings.packages.items()}
    settings = replace(settings, packages=packages)
    lineage = {name: _joined(root, settings, name, each) for name, each in settings.lineage.items()}
    for name, package in packages.items():
        if package.fault and settings.require_package == "none":
            root.refuse(f"versions.{name}.package", f"{package.path}: {package.fault}", "a package", endless=True)
    _refuse_candidates(root, settings)
    return replace(settings, lineage=lineage)


def _keys(root: Section, settings: Settings) -> PublicKeys | None:
    found = PublicKeys()
    for index, path in enumerate(settings.package_keys):
        try:
            found.add(files.content(path, MAX_KEY_BYTES))
        except NotPemError as error:
            root.refuse(f"package_keys[{index}]", f"{path}: {error.found}", error.allowed)
        except OSError as error:
            root.refuse(f"package_keys[{index}]", f"{path}: {files.denied_to_read(path, error)}", "a public key in PEM")
    return found if settings.package_keys else None


def _read(path: str, version: str, keys: PublicKeys | None) -> Package:
    try:
        statement, signer = read(files.content(path, MAX_BYTES), keys.signer if keys else None)
    except PackageError as error:
        return Package(path, str(error))
    except files.UnusableFileError as error:
        return Package(path, error.found)
    except OSError as error:
        return Package(path, files.denied_to_read(path, error))
    return package_of(path, statement, signer, version)


def _joined(root: Section, settings: Settings, version: str, given: Lineage) -> Lineage:
    """The lineage that the configuration states, and that of the package."""
    package = settings.packages.get(version)
    if package is None:
        return given
    stated, said = asdict(given), {} if package.fault else package.lineage
    for key, value in stated.items():
        if value and said.get(key, value) != value:
            allowed = f"{shown(said[key])}, as its package says, or nothing"
            root.refuse(f"versions.{version}.lineage.{key}", shown(value), allowed)
        elif not (value or said.get(key)) and settings.require_lineage:
            root.refuse(f"versions.{version}.lineage.{key}", "nothing", "require_lineage is true: a text, or a package")
    return Lineage(**{key: value or said.get(key, "") for key, value in stated.items()})


def _refuse_candidates(root: Section, settings: Settings) -> None:
    """Reports each version that a route would give live traffic as a candidate, and may not."""
    for route in settings.routes:
        for version in route.candidates:
            why = refusal(version, settings.packages.get(version), settings.require_package, route.name)
            if why and not root.refused(f"versions.{version}.package"):
                allowed = f"a package for routes.{route.name}, as require_package asks for"
                root.refuse(f"versions.{version}.package", why, allowed, endless=True)
