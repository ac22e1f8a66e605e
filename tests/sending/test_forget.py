"""What the receipts say was sent, and the requests that ask for its deletion."""

from pathlib import Path

import pytest

from discreet import names
from discreet.destination import Destination
from discreet.sending import forget, receipts

UUIDS = [f"00000000-0000-4000-8000-{number:012x}" for number in range(1001)]


@pytest.fixture
def paths(tmp_path: Path) -> names.Paths:
    """A data directory of this test's own."""
    return names.Paths("mytool", {}, str(tmp_path))


def test_the_exact_request(paths: names.Paths) -> None:
    """A request has these bytes, uncompressed whatever their length, and the headers of its destination."""
    destination = Destination("https://u:p@example.org/t?k=v", headers={"X-Key": "x"})
    ((number, request),) = forget.requests(UUIDS[:100], destination, "mytool", "1.4.0")
    ids = ",".join(f'"{one}"' for one in UUIDS[:100])
    assert (number, request.method, request.url) == (100, "POST", "https://example.org/t?k=v")
    assert request.sent == request.body == f'{{"forget":[{ids}]}}'.encode()
    assert request.headers == {"Authorization": "Basic dTpw", "X-Key": "x", "User-Agent": "mytool/1.4.0",
                               "Content-Type": "application/json"}  # fmt: skip


@pytest.mark.parametrize(("number", "sizes"), [(0, []), (1, [1]), (500, [500]), (501, [500, 1]), (1001, [500, 500, 1])])
def test_the_bounds_of_a_request(number: int, sizes: list[int]) -> None:
    """No request names more than 500 ids or is larger than the body of a delivery, and together they name all."""
    found = list(forget.requests(UUIDS[:number], Destination("https://example.org/"), "mytool", ""))
    assert [size for size, _ in found] == sizes
    assert all(len(request.body) < 20_000 for _, request in found)


def test_what_is_kept_is_read_back(paths: names.Paths) -> None:
    """Ids that were kept are those that are found again, in the old order, and nothing else is in the file."""
    receipts.write(paths, {"destination": "https://a/", "format": "json", "ids": [UUIDS[0]], "sha256": "gone"})
    left = {("https://a/", "json"): UUIDS, ("https://b/", "otlp"): UUIDS[:2]}
    forget.keep(paths, left)
    assert forget.sent(paths) == left
    assert "gone" not in Path(paths["receipts"]).read_text()
    assert Path(paths["receipts"]).stat().st_mode & 0o777 == 0o600


def test_receipts_of_all_kinds_are_added_up(paths: names.Paths) -> None:
    """Each address and format has its ids once; skipped requests were sent as well; no ids, nothing."""
    for where, form, ids, verdict in (
        ("https://a/", "json", UUIDS[:2], "delivered"),
        ("https://a/", "json", UUIDS[1:3], "skip"),
        ("https://a/", "otlp", UUIDS[:1], "delivered"),
        ("https://b/", "json", [], "delivered"),
    ):
        receipts.write(paths, {"destination": where, "format": form, "ids": ids, "verdict": verdict})
    assert forget.sent(paths) == {("https://a/", "json"): UUIDS[:3], ("https://a/", "otlp"): UUIDS[:1]}


def test_no_receipts(paths: names.Paths) -> None:
    """Where nothing was sent there is nothing to ask for."""
    assert forget.sent(paths) == {}
