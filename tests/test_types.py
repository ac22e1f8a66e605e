"""What a type checker sees of a decorated function: what it was. The linters read this file; run, it only runs."""

import asyncio
from collections.abc import Callable
from typing import assert_type

from discreet import Telemetry


def test_a_decorated_function_keeps_its_type(make_telemetry: Callable[..., Telemetry]) -> None:
    """Plain or `async`, with a name or without; a scope is entered with or without one, too."""
    telemetry = make_telemetry()

    @telemetry.command
    def bare(number: int) -> str:
        return str(number)

    @telemetry.command("search", kind="named")
    def named(number: int) -> str:
        return str(number)

    @telemetry.command()
    async def awaited(number: int) -> str:
        return str(number)

    with telemetry.command("import") as scope:
        scope.add(n=1)
    assert assert_type(bare(1), str) == assert_type(named(1), str) == assert_type(asyncio.run(awaited(1)), str) == "1"
