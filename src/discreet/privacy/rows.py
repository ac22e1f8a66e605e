"""The rows of a declaration, bound to one installation: a function of the value alone for each field.

The rule that keeps it honest: nothing leaves of a field whose level was not agreed to, nor of an event that a closed
world does not know. A sampled event leaves only if it is drawn. A process whose author declared nothing never loads
this module, unless it tracks an object that has rows of its own.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .conversions import Clean, Conversion, Convert, Draw, Pseudonymize
    from .declaration import Declaration, Row
    from .sampling import Lots


class Rows:
    """The filter calls `prepare(event)` once for each event, and every time for those in `sampled`.

    `drop(reason, event, *fields)` is called for what is dropped: `undeclared_event`, `undeclared_value`,
    `undeclared_field`. `fields` are the field and the field within it, if it is about one.
    """

    def __init__(
        self,
        declaration: "Declaration",
        level: str,
        pseudonymize: "Pseudonymize",
        drop: "Callable[..., None]",
        draw: "Draw | None" = None,
    ) -> None:
        self._declaration = declaration
        self._level = level
        self._pseudonymize = pseudonymize
        self._drop = drop
        self._draw = draw
        self._lots: Lots | None = None
        self.sampled: dict[str, dict[str, Convert]] = {}

    def prepare(self, event: str) -> "dict[str, Convert] | None":
        """The functions of an event's fields; None if it may not leave, or is not drawn this time."""
        declaration = self._declaration
        rate = declaration.samples.get(event)
        if rate is not None:
            if not self._drawn(rate):
                return None
            if event in self.sampled:
                return self.sampled[event]
        rows = declaration.rows(event)
        if rows is None:
            if declaration.closed:
                self._drop("undeclared_event", event)
                return None
            rows = declaration.fields
        common = declaration.fields
        prepared = {field: self._bind(event, field, row, common.get(field) is row) for field, row in rows.items()}
        if rate is not None:
            self.sampled[event] = prepared
        return prepared

    def own(
        self, event: str, rows: "Mapping[str, Row]", declared: "Mapping[str, Convert]"
    ) -> "tuple[dict[str, Convert], dict[str, Convert]]":
        """The functions of the rows that an object of an event has of its own; and those that replace `declared` ones,
        since the object lets nothing of the field out, or not all that is within it.
        """
        bound = {field: self._bind(event, field, row, common=False) for field, row in rows.items()}
        less: dict[str, Convert] = {}
        for field, row in rows.items():
            if not isinstance(row, dict):
                if self._withholds(row):
                    less[field] = bound[field]
            elif field in declared and (kept := [name for name, inner in row.items() if self._withholds(inner)]):
                less[field] = _without(kept, declared[field])
        return bound, less

    def _withholds(self, row: "Conversion") -> bool:
        return row.word == "forbid" or (row.level == "enhanced" and self._level != "enhanced")

    def _drawn(self, rate: float) -> bool:
        if self._lots is None:
            from .sampling import Lots

            self._lots = Lots()
        return self._lots.fall_on(rate)

    def _bind(self, event: str, field: str, row: "Row", common: bool) -> "Convert":
        if isinstance(row, dict):
            inner = {name: self._bind(event, f"{field}/{name}", held, common) for name, held in row.items()}
            return lambda value: self._nested(event, field, inner, value)
        if self._withholds(row):
            return lambda _: None
        # A row common to all events is one question: if each event drew an answer, the noise would average out.
        event = "" if common and row.epsilon is not None else event
        return row.bind(event, field, self._pseudonymize, self._draw)

    def _nested(self, event: str, field: str, inner: "dict[str, Convert]", value: object) -> "Clean | None":
        """A declared mapping, one level deep; what is no mapping leaves nothing."""
        if not isinstance(value, dict):
            if value is not None:
                self._drop("undeclared_value", event, field)
            return None
        cleaned: dict[str, Clean] = {}
        for name, convert in inner.items():
            result = convert(dict.get(value, name))
            if result is not None:
                cleaned[name] = result
        for name in dict.keys(value):
            if name not in inner:
                self._drop("undeclared_field", event, field, name)
                break
        return cleaned or None


def _without(names: "list[str]", convert: "Convert") -> "Convert":
    """A conversion that neither sees nor lets out what a mapping holds under these names. Of any other value it lets
    nothing out, since these names cannot be told from the rest there.
    """

    def converted(value: object) -> "Clean | None":
        if not isinstance(value, dict):
            return None
        result = convert({name: held for name, held in dict.items(value) if name not in names})
        if isinstance(result, dict):  # the count of a missing value is 0
            result = {name: held for name, held in result.items() if name not in names}
        return None if result == {} else result

    return converted
