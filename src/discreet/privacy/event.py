"""Events as classes: the base of those that an author declares, and what they are called.

The rule that keeps it honest: an instance only holds values. What leaves is for the rows of its class to say.
"""


class Event:
    """The base of declared events: class attributes that are rows are its fields, its docstring is the purpose.

        class Search(Event):
            "A search was made."
            results = Count(purpose="are results found at all?")

    The name is the class name in snake case, or `class Search(Event, name="search.local")`. `Search(results=found)`
    holds the values until `track` converts them; it never raises, and what is not declared never leaves.

    `class Search(Event, sample=0.1)` records one in ten. A subclass does not inherit name, docstring or rate.
    """

    event_name = ""
    _sample: object = None  # not a legal field name, so the author can use all of those

    def __init_subclass__(cls, name: str = "", sample: "float | None" = None, **more: object) -> None:
        super().__init_subclass__(**more)
        cls.event_name = name or snake(cls.__name__)
        cls._sample = sample

    def __init__(self, /, **values: object) -> None:
        self.values = values


def snake(name: str) -> str:
    """The name of an event that is named after a class: `LocalSearch` is `local_search`, `HTTPError` `http_error`."""
    found = name[:1]
    for before, letter, after in zip(name, name[1:], f"{name[2:]}A", strict=False):
        begins = letter.isupper() and (not before.isupper() or after.islower())
        found += f"_{letter}" if begins else letter
    return found.lower()
