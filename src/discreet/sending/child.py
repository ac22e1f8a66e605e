"""The detached deliverer: a program of its own, started by `handover` with `-I -S` and this file's absolute path.

    stdin   the plan, as `marshal` writes it       (no record in it; nothing of it in arguments or environment)

The rule that keeps it honest: it runs no code of the host: not its `__init__`, nothing from the current directory, PATH
or PYTHONPATH. It enters the package under a neutral name, by its own directory. It keeps no descriptor of the host's,
prints nothing, and is gone after 30 seconds whatever happens.
"""

import os
import sys

LIFETIME_SECONDS = 30
_WORK_SECONDS = 25.0  # the rest is for writing down how the last exchange ended
_NAME = "_discreet_delivery"
_MOST_BYTES = 1 << 20  # of a plan; `handover` hands over no larger one


def main() -> int:
    """Read the plan, deliver, end; 0 in any case, since nobody looks."""
    _leave_the_host()
    content = b""
    while block := os.read(0, 64 * 1024):
        content += block
        if len(content) > _MOST_BYTES:
            return 0
    import marshal
    import time

    package = type(sys)(_NAME)
    package.__path__ = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]
    sys.modules[_NAME] = package
    from importlib import import_module

    try:
        plan = marshal.loads(content)
    except (EOFError, ValueError, TypeError):
        return 0  # the host ended before it had written all
    work = import_module(f"{_NAME}.sending.work")
    work.deliver(plan, until=time.monotonic() + _WORK_SECONDS)
    return 0


def _leave_the_host() -> None:
    """Keep no descriptor, session, directory or priority of the host's; and set an end that nothing can put off."""
    os.closerange(3, 1024)
    if hasattr(os, "setsid"):
        try:
            os.setsid()
        except OSError:
            pass  # it leads a session of its own already
        import _signal  # type: ignore[import-not-found]  # `signal` costs 6 ms

        _signal.signal(_signal.SIGALRM, _signal.SIG_DFL)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ())  # without `posix_spawn` the host's mask is inherited
        _signal.alarm(LIFETIME_SECONDS)
        try:
            os.nice(5)
        except OSError:
            pass  # a sandbox that lets nobody set a priority: `SystemCallFilter=~@resources`, say
    os.chdir(os.path.abspath(os.sep))


if __name__ == "__main__":
    sys.exit(main())
