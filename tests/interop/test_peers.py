"""No peer is missing silently where it is required."""

import pytest

from interop import peers


@pytest.mark.parametrize("required", ["1", "true", "TRUE"])
def test_a_missing_peer_is_a_failure_where_it_is_required(required: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named, and so is the way to go without."""
    monkeypatch.setattr(peers, "REQUIRED", required)
    for fail in (peers.missing, peers.needed):
        with pytest.raises(pytest.fail.Exception, match=r"no such_a_peer.*DISCREET_INTEROP_REQUIRED=0"):
            fail("such_a_peer")


@pytest.mark.parametrize("required", ["", "0", "false"])
def test_else_it_skips_by_name(required: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody requires it, the report says which one there is not."""
    monkeypatch.setattr(peers, "REQUIRED", required)
    with pytest.raises(pytest.skip.Exception, match="no such_a_peer"):
        peers.missing("such_a_peer")
