"""Pydantic models with `_telemetry_keys`: read by their attributes, as any object, though they are no ordinary ones."""

import json
from collections.abc import Callable
from typing import Any, ClassVar

import discreet
from discreet import Telemetry
from interop.peers import needed

pydantic = needed("pydantic")
SECRET = "S3cret-7f"


class Search(pydantic.BaseModel):  # type: ignore[misc, name-defined]  # it may not be installed
    """A search was made."""

    model_config = pydantic.ConfigDict(frozen=True)
    _telemetry_event: ClassVar[str] = "search.local"
    query: str
    paths: list[str] = pydantic.Field(default_factory=list, alias="found")
    unnamed: str = SECRET

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @property
    def length(self) -> int:
        """A field that is computed."""
        return len(self.query)

    @classmethod
    def _telemetry_keys(cls) -> dict[str, object]:
        return {"query": "text_count", "paths": "count", "length": "number"}


class Private(pydantic.BaseModel):  # type: ignore[misc, name-defined]
    """A model whose event has a private name."""

    _telemetry_event: str = "private.name"  # pydantic takes it away from the class, and gives it to the objects
    n: int = 3

    def _telemetry_keys(self) -> dict[str, object]:
        return {"n": None}


def test_a_model(make_telemetry: Callable[..., Telemetry]) -> None:
    """A model's fields, aliased and computed ones too, leave by their names; the rest is not looked at."""
    telemetry = make_telemetry(events=[Search])
    model = Search(query=SECRET, found=[SECRET])
    telemetry.track(model)
    assert telemetry.flush(5.0)
    with open(telemetry.paths["log"]) as log:
        record: dict[str, Any] = json.loads(log.read())
    wanted = {"query": len(SECRET), "paths": 1, "length": len(SECRET)}
    assert (record["event"], record["properties"]) == ("search.local", wanted)
    assert discreet.serialize(model) == wanted
    assert telemetry.declaration is not None
    assert telemetry.declaration.purposes == {"search.local": "A search was made."}


def test_a_private_name(make_telemetry: Callable[..., Telemetry]) -> None:
    """A name that pydantic keeps as a private attribute is found on the object, and an object may say its fields."""
    telemetry = make_telemetry()
    telemetry.track(Private())
    assert telemetry.flush(5.0)
    with open(telemetry.paths["log"]) as log:
        record: dict[str, Any] = json.loads(log.read())
    assert (record["event"], record["properties"]) == ("private.name", {"n": 3})
