"""Queries: what nobody reads is refused by name, on every endpoint, before anything is done."""

from __future__ import annotations

import pytest

from proxy.contracts.operation import Admin, Token
from proxy.control.api.endpoints import ENDPOINTS, Endpoint
from proxy.control.api.openapi import describe
from proxy.control.api.page.static import FILES
from proxy.control.api.parameters import PARAMETERS, check, name_of, of_query
from proxy.control.api.problems import ApiError
from tests.control.api.test_handlers import Client, play, problem
from tests.control.houses import House, section, settings

ALLOWED = {"from": False, "to": False, "name[]": True}


@pytest.fixture
def house() -> House:
    return House(settings(section()))


@pytest.mark.parametrize(
    ("query", "field", "why"),
    [
        ("frm=1", "frm", "unknown parameter"),
        ("from=1&Frm=2", "Frm", "unknown parameter"),
        ("From=1", "From", "unknown parameter"),
        ("from=1&from=1", "from", "more than once"),
        ("from=1&fr%6fm=2", "from", "more than once"),
        ("from", "from", "cannot be read"),
        ("=1", "=1", "cannot be read"),
        ("from=%zz", "from=%zz", "cannot be read"),
        ("from=%", "from=%", "cannot be read"),
        ("from=%ff", "from=%ff", "cannot be read"),
        ("from=\udcff", "from=\udcff", "cannot be read"),
        ("%ED%A0%80=1", "%ED%A0%80=1", "cannot be read"),
        ("x" * 4000 + "=1", "x" * 60 + "…", "unknown parameter"),
    ],
)
def test_a_query_that_is_refused(query: str, field: str, why: str) -> None:
    with pytest.raises(ApiError) as refused:
        check(query, ALLOWED)
    assert (refused.value.kind, refused.value.field) == ("malformed", field)
    assert why in str(refused.value) and str(refused.value).endswith("allowed: from, to, name[]")


@pytest.mark.parametrize("query", ["", "&", "from=1&to=2", "from=", "to=a+b%20c&&from=%C3%BC", "name[]=a&name%5B%5D=b"])
def test_a_query_that_is_taken(query: str) -> None:
    check(query, ALLOWED)


def test_a_name_that_is_written_otherwise_is_the_same_name() -> None:
    assert name_of("%6eame%5B%5D=x") == "name[]" and name_of("a+b=1") == "a b"


def test_the_rule_and_the_document_are_of_one_table() -> None:
    for endpoint in ENDPOINTS:
        described = describe()["paths"][endpoint.path][endpoint.method.lower()]["parameters"]
        assert [each["name"] for each in described if each["in"] == "query"] == list(of_query(endpoint))
    assert {key for endpoint in ENDPOINTS for key in endpoint.parameters} <= PARAMETERS.keys()


def path_of(path: str) -> str:
    return path.format(route="cancer", release="cancer", id="cancer@1")


@pytest.mark.parametrize("row", ENDPOINTS, ids=lambda each: f"{each.method} {each.path}")
def test_every_endpoint_refuses_what_it_does_not_read(house: House, row: Endpoint) -> None:
    async def story(client: Client) -> None:
        entries = house.engine.keeper.head.count
        for query in ("penumbra=1", *(f"{name}=1&{name}=1" for name, many in of_query(row).items() if not many)):
            response = await client.request(row.method, f"{path_of(row.path)}?{query}", json={"reason": "r"})
            if row.open:
                assert response.status in (200, 503)
                continue
            said = await problem(response, 400, query.partition("=")[0])
            names = ", ".join(of_query(row)) or "none"
            assert f"allowed: {names}" in said["detail"]
            assert ("in its body" in said["detail"]) is (bool(row.body) and not of_query(row))
        assert house.engine.keeper.head.count == entries, "what was refused was done"

    play(house, story)


def test_who_may_not_look_learns_of_no_parameters() -> None:
    house = House(settings(admin=Admin(tokens=(Token("eyes", "secret", "read"),))))

    async def story(client: Client) -> None:
        await problem(await client.get("/v1/routes?x=1"), 401)

    play(house, story)


def test_other_methods_files_and_unknown_paths_are_answered_as_without_a_query(house: House) -> None:
    async def story(client: Client) -> None:
        for method in ("HEAD", "OPTIONS", "DELETE"):
            response = await client.request(method, "/v1/routes?x=1")
            assert response.status == 405 and "GET" in response.headers["Allow"]
        assert (await client.get("/v1/nothing?x=1")).status == 404
        for name in ("", *(f"page/{each}" for each in FILES)):
            assert (await client.get(f"/{name}?x=1")).status == 200

    play(house, story)


def test_some_metrics_alone(house: House) -> None:
    async def story(client: Client) -> None:
        names = "name[]=penumbra_split_percent&name[]=penumbra_build_info"
        told = await (await client.get(f"/metrics?{names}")).text()
        samples = {line.partition("{")[0] for line in told.splitlines() if not line.startswith("#")}
        assert samples == {"penumbra_split_percent", "penumbra_build_info"}
        media = {"Accept": "application/openmetrics-text; version=1.0.0"}
        assert await (await client.get("/metrics?name[]=nothing", headers=media)).text() == "# EOF\n"
        await problem(await client.get("/metrics?collect[]=x"), 400, "collect[]")

    play(house, story)
