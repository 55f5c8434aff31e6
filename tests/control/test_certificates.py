"""Rotation: whatever happens to the files, what is in force can be used, and what can be used comes into force."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from proxy.config.certificates import checked_files, paths_of
from proxy.contracts.address import Address
from proxy.contracts.settings import RouteSettings, Settings
from proxy.contracts.table import Match, Share
from proxy.contracts.tls import ClientTls, ServerTls, TlsMaterial
from proxy.contracts.tls_roles import Tls
from proxy.control.certificates import AGAIN_SECONDS, GRACE_SECONDS, CertificateFiles, Certificates
from tests.support.certificates import DAY, Authority, Issued, written

CA = Authority()
NOW = 1_900_000_000.0
LIFE = {"not_before": NOW - DAY, "not_after": NOW + 90 * DAY}


def issue(name: str = "dns:localhost", **given: float) -> Issued:
    times = {**LIFE, **given}
    return CA.issue(name, not_before=times["not_before"], not_after=times["not_after"])


class House:
    """Settings in force with one section, whose files are in `folder`."""

    def __init__(self, folder: Path, own: Issued, tls: Tls | None = None) -> None:
        self.folder = folder
        written(folder, own, CA)
        self.path = str(folder / "tls.crt")
        section = ServerTls(self.path, str(folder / "tls.key"), material=own.material())
        routes = (
            RouteSettings("r", Match("/"), "json", "v1", shadows=(Share("v2", 100.0),)),
            RouteSettings("q", Match("/q"), "json", "v1"),
        )
        self.settings = Settings((Address("h", 1),), {}, routes, listeners_tls=(section,))
        self.kept: list[Settings] = []
        self.adopted: list[Settings] = []
        files = CertificateFiles(paths_of, checked_files, self.kept.append)
        self.certificates = Certificates(files, lambda: self.settings, self._adopt, lambda: NOW)

    def _adopt(self, settings: Settings) -> None:
        self.adopted.append(settings)
        self.settings = settings

    def look(self, now: float = NOW) -> TlsMaterial:
        """A look to its end; what is in force then."""
        wanted = self.wanted
        self.certificates.settle(wanted, self.certificates.renewed(wanted, now), now)
        return next(iter(self.certificates.in_force.values()))

    @property
    def wanted(self) -> Mapping[str, Tls]:
        from proxy.contracts.tls_roles import sections

        return sections(self.settings)


OLD, NEW = issue(), issue("dns:new")


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path, OLD)
    assert made.look() == OLD.material()
    return made


def test_new_files_come_into_force_and_are_kept_for_the_next_control(house: House) -> None:
    assert (house.adopted, house.kept) == ([], [])
    written(house.folder, NEW, CA)
    assert house.look() == NEW.material()
    assert house.kept == house.adopted == [house.settings]
    house.look()
    assert len(house.adopted) == 1, "files that stand still are not read again"


def test_files_that_hold_what_is_in_force_change_nothing(house: House) -> None:
    written(house.folder, OLD, CA)
    assert house.look() == OLD.material() and house.adopted == []


def kubernetes(folder: Path, own: Issued, generation: int) -> None:
    """What kubelet does: a new folder, and one link that leads to it from now on."""
    written(folder / f"..{generation}", own, CA)
    os.symlink(f"..{generation}", folder / "..data_tmp")
    os.rename(folder / "..data_tmp", folder / "..data")
    for name in ("tls.crt", "tls.key"):
        if not (folder / name).is_symlink():
            os.symlink(f"..data/{name}", folder / name)


def test_a_link_that_leads_elsewhere_is_followed(tmp_path: Path) -> None:
    mount = tmp_path / "mount"
    mount.mkdir()
    house = House(tmp_path / "other", OLD)
    kubernetes(mount, OLD, 1)
    section = ServerTls(str(mount / "tls.crt"), str(mount / "tls.key"), material=OLD.material())
    house.settings = replace(house.settings, listeners_tls=(section,))
    for generation, own in enumerate((OLD, NEW, issue("dns:third"), OLD), 2):
        kubernetes(mount, own, generation)
        assert house.look() == own.material()


Broken = Mapping[str, str | None]
BROKEN: dict[str, Broken] = {
    "half-written": {"tls.crt": NEW.certificate[:300]},
    "empty": {"tls.key": ""},
    "missing": {"tls.key": None},
    "of two rotations": {"tls.crt": NEW.certificate},
    "expired": dict(zip(("tls.crt", "tls.key"), issue(not_after=NOW - 5)[:2], strict=True)),
}


@pytest.mark.parametrize("how", BROKEN)
def test_what_cannot_be_used_leaves_what_is_in_force(house: House, how: str, caplog: pytest.LogCaptureFixture) -> None:
    for name, text in BROKEN[how].items():
        (house.folder / name).unlink() if text is None else (house.folder / name).write_text(text)
    assert house.look() == OLD.material()
    assert not house.certificates.faults, "a moment is no fault"
    assert house.look(NOW + GRACE_SECONDS) == OLD.material()
    assert house.certificates.faults.keys() == {"listen"}
    assert set(house.certificates.by_route) == {"r", "q"}
    assert house.certificates.by_route["r"].startswith("tls: its files cannot be used: ")
    house.look(NOW + GRACE_SECONDS + 1)
    assert len([each for each in caplog.records if each.levelno == logging.ERROR]) == 1, "told once"
    with caplog.at_level(logging.INFO):
        written(house.folder, NEW, CA)
        assert house.look(NOW + GRACE_SECONDS + 2) == NEW.material()
    assert not house.certificates.faults and not house.certificates.by_route
    assert any("can be used again" in each.message for each in caplog.records)
    text = "".join(each.getMessage() for each in caplog.records)
    assert not any(line in text for line in (OLD.key + NEW.key).splitlines()[1:-1] if "-----" not in line)


def test_what_is_not_valid_yet_comes_into_force_by_time_alone(house: House) -> None:
    later = issue("dns:later", not_before=NOW + 100, not_after=NOW + 90 * DAY)
    written(house.folder, later, CA)
    assert house.look() == OLD.material()
    assert house.look(NOW + AGAIN_SECONDS) == OLD.material()
    assert house.look(NOW + 101) == later.material()


def test_an_older_one_that_is_valid_is_taken_and_told(house: House, caplog: pytest.LogCaptureFixture) -> None:
    older = issue("dns:older", not_before=NOW - 2 * DAY)
    written(house.folder, older, CA)
    assert house.look() == older.material()
    told = [each.getMessage() for each in caplog.records]
    assert told == [
        "tls: the new certificate is older than the one before",
        "tls: the new certificate has not the names dns:localhost",
    ]


def test_files_that_move_while_they_are_read_are_read_again(tmp_path: Path) -> None:
    house = House(tmp_path, OLD)
    reads: list[Issued] = [NEW, OLD]

    def read(tls: Tls, now: float) -> object:
        found = checked_files(tls, now)
        if reads:
            written(tmp_path, reads.pop(0), CA)
            os.utime(house.path, ns=(len(reads), len(reads)))
        return found

    house.certificates._files = CertificateFiles(paths_of, read, house.kept.append)  # type: ignore[arg-type]
    assert house.look() == OLD.material() and not reads


def test_files_that_never_stand_still_change_nothing(tmp_path: Path) -> None:
    house, marks = House(tmp_path, OLD), iter(range(100))

    def read(tls: Tls, now: float) -> object:
        os.utime(house.path, ns=(next(marks), next(marks)))
        written_now = checked_files(tls, now)
        return written_now._replace(material=NEW.material())

    house.certificates._files = CertificateFiles(paths_of, read, house.kept.append)  # type: ignore[arg-type]
    assert house.look() == OLD.material()


def test_a_reload_in_the_middle_of_a_look_wins(house: House) -> None:
    wanted = house.wanted
    written(house.folder, NEW, CA)
    found = house.certificates.renewed(wanted, NOW)
    moved = replace(house.settings.listeners_tls[0], certificate="/elsewhere/tls.crt")
    house.settings = replace(house.settings, listeners_tls=(moved,))
    house.certificates.settle(wanted, found, NOW)
    assert house.adopted == []


def test_a_reload_that_read_too_early_is_made_good(house: House) -> None:
    written(house.folder, NEW, CA)
    house.look()
    house.settings = replace(
        house.settings, listeners_tls=(replace(house.settings.listeners_tls[0], material=OLD.material()),)
    )
    assert house.look() == NEW.material()


def test_what_is_about_to_end_is_warned_of_where_it_concerns(tmp_path: Path) -> None:
    house = House(tmp_path, OLD)
    shadow = issue(not_before=NOW - 80 * DAY, not_after=NOW + DAY)
    paths = written(tmp_path / "v2", shadow, CA)
    tls = ClientTls(paths.ca, paths.certificate, paths.key, material=shadow.material(CA))
    house.settings = replace(house.settings, tls={"v2": tls})
    house.look()
    assert set(house.certificates.by_route) == {"r"}, "no other route has that version"
    assert house.certificates.by_route["r"].startswith("versions.v2.tls: the certificate in force expires soon, on 20")
    house.look(NOW + 2 * DAY)
    assert "expired on" in house.certificates.by_route["r"]


def test_no_section_is_no_work(tmp_path: Path) -> None:
    house = House(tmp_path, OLD)
    house.settings = replace(house.settings, listeners_tls=())
    assert house.certificates.renewed(house.wanted, NOW) == {} and house.certificates.in_force == {}
