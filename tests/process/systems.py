"""Programs that find themselves on another system: what a Python has not there is taken away from this one.

It is no Windows, no macOS and no PyPy: paths, permissions and the kernel stay those of this machine. What it shows is
that no line asks for a name that is not there, and that the ways taken in its place work. The lists are those of the
standard library's documentation ("Availability") and of typeshed, and what PyPy 7.3.19 was seen to lack on Linux,
without families that no telemetry would ask for.
"""

import ast
import functools
import textwrap
from pathlib import Path

import discreet

SOURCE = Path(discreet.__file__).parent
POSIX_ONLY = ("_posixsubprocess", "fcntl", "grp", "posix", "pwd", "resource", "termios", "tty")
FRAMEWORKS = ("_pytest", "asyncclick", "click", "msvcrt", "plotext", "pytest", "typer")
LACKS = {
    "darwin": {
        "os": """
            O_DIRECT O_LARGEFILE O_NOATIME O_PATH O_RSYNC O_TMPFILE copy_file_range eventfd eventfd_read eventfd_write
            fdatasync getrandom getresgid getresuid getxattr listxattr memfd_create pidfd_open pipe2 posix_fadvise
            posix_fallocate removexattr setresgid setresuid setxattr splice waitid
        """,
        "signal": """
            SIGCLD SIGPOLL SIGPWR SIGRTMAX SIGRTMIN SIGSTKFLT pidfd_send_signal sigtimedwait sigwaitinfo struct_siginfo
        """,
        "socket": "SOCK_CLOEXEC SOCK_NONBLOCK SO_DOMAIN SO_PROTOCOL TCP_KEEPIDLE TCP_USER_TIMEOUT",
        "select": "epoll",
        "time": "CLOCK_BOOTTIME CLOCK_TAI pthread_getcpuclockid",
    },
    "win32": {
        "os": """
            F_LOCK F_TEST F_TLOCK F_ULOCK O_ACCMODE O_ASYNC O_CLOEXEC O_DIRECT O_DIRECTORY O_DSYNC O_NDELAY O_NOATIME
            O_NOCTTY O_NOFOLLOW O_NONBLOCK O_PATH O_SYNC O_TMPFILE POSIX_SPAWN_CLOSE POSIX_SPAWN_DUP2 POSIX_SPAWN_OPEN
            WNOHANG chown chroot copy_file_range ctermid environb eventfd fchdir fchmod fchown fdatasync fork forkpty
            get_blocking getegid getenvb geteuid getgid getgroups getloadavg getpgid getpgrp getpriority getrandom
            getresgid getresuid getsid getuid initgroups killpg lchown lockf memfd_create mkfifo mknod nice openpty
            pidfd_open pipe2 posix_fadvise posix_fallocate posix_spawn posix_spawnp pread preadv pwrite pwritev readv
            register_at_fork sendfile set_blocking setegid seteuid setgid setgroups setpgid setpgrp setpriority setregid
            setresgid setresuid setreuid setsid setuid spawnlp spawnvp statvfs sync sysconf tcgetpgrp tcsetpgrp ttyname
            uname wait wait3 wait4 waitid writev
        """,
        "signal": """
            SIGALRM SIGBUS SIGCHLD SIGCONT SIGHUP SIGIO SIGKILL SIGPIPE SIGPROF SIGQUIT SIGSTOP SIGSYS SIGTRAP SIGTSTP
            SIGTTIN SIGTTOU SIGURG SIGUSR1 SIGUSR2 SIGVTALRM SIGWINCH SIGXCPU SIGXFSZ SIG_BLOCK SIG_SETMASK SIG_UNBLOCK
            alarm getitimer pause pthread_kill pthread_sigmask setitimer siginterrupt sigpending sigtimedwait sigwait
            sigwaitinfo struct_siginfo
        """,
        "socket": "CMSG_LEN MSG_DONTWAIT MSG_NOSIGNAL SOCK_CLOEXEC SOCK_NONBLOCK SO_REUSEPORT TCP_USER_TIMEOUT",
        "select": "epoll poll",
        "time": "CLOCK_MONOTONIC CLOCK_REALTIME clock_getres clock_gettime clock_gettime_ns tzset",
    },
    "pypy": {
        "os": """
            O_ACCMODE O_PATH O_TMPFILE POSIX_SPAWN_CLOSE POSIX_SPAWN_DUP2 POSIX_SPAWN_OPEN copy_file_range eventfd
            getrandom pidfd_open posix_spawn posix_spawnp preadv pwritev readv sched_getaffinity splice waitid writev
        """,
        "signal": "SIGSTKFLT pidfd_send_signal sigtimedwait sigwaitinfo struct_siginfo",
        "socket": "MSG_CMSG_CLOEXEC MSG_MORE MSG_NOSIGNAL SO_PEERCRED TCP_FASTOPEN",
        "select": "EPOLLRDHUP POLLRDHUP",
        "time": "CLOCK_TAI pthread_getcpuclockid",
        "fcntl": "F_ADD_SEALS F_DUPFD_CLOEXEC F_GETPIPE_SZ F_OFD_SETLK F_SETPIPE_SZ",
        "gc": "callbacks freeze get_count get_threshold is_tracked set_threshold unfreeze",
        "sys": "getallocatedblocks getrefcount",
    },
}
PLATFORMS = {"darwin": "darwin", "win32": "win32", "pypy": "linux"}  # as `sys.platform` has them
# Not taken away before the standard library has what it wants of it: it is built for this system.
BECOME = """
import gc, importlib, os, subprocess, sys, types

for name in {needed!r}:
    importlib.import_module(name)
for module, names in {lacks!r}.items():
    for name in names.split():
        for one in (module, "_" + module, "posix" if module == "os" else module):
            vars(sys.modules.get(one, types)).pop(name, None)
sys.platform = {platform!r}
subprocess._USE_POSIX_SPAWN = hasattr(os, "posix_spawn")
{more}
"""
# A console without keys, a lock that is one, and a way to start programs that knows the flags.
WINDOWS = """
import fcntl

def locking(descriptor, how, number, flock=fcntl.flock, how_flock=fcntl.LOCK_EX | fcntl.LOCK_NB):
    try:
        flock(descriptor, how_flock)
    except BlockingIOError:
        raise PermissionError(13, "Permission denied") from None

class Popen(subprocess.Popen):
    def __init__(self, *arguments, creationflags=0, **options):
        assert creationflags in (0, 1 | 2)
        super().__init__(*arguments, **options)

subprocess.Popen = Popen
subprocess.CREATE_NO_WINDOW, subprocess.CREATE_NEW_PROCESS_GROUP = 1, 2
console = {{"kbhit": lambda: False, "getwch": lambda: "", "locking": locking, "LK_NBLCK": 2, "LK_UNLCK": 0}}
sys.modules["msvcrt"] = types.ModuleType("msvcrt")
vars(sys.modules["msvcrt"]).update(console)
for name in {posix_only!r}:
    sys.modules[name] = None
os.O_BINARY = os.O_NOINHERIT = 0
os.environ["USERPROFILE"] = os.environ.pop("HOME", "")
os.name = "nt"
"""


@functools.cache
def needed() -> list[str]:
    """What the package imports of the standard library, but for what not every system has."""
    found = {"asyncio", "encodings.idna"}
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            found |= {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
            found |= {node.module or ""} if isinstance(node, ast.ImportFrom) and not node.level else set()
    return sorted(name for name in found if name.partition(".")[0] not in (*POSIX_ONLY, *FRAMEWORKS))


def become(system: str) -> str:
    """The text that makes a program find itself on that system, one of `PLATFORMS`."""
    more = textwrap.dedent(WINDOWS).format(posix_only=POSIX_ONLY) if system == "win32" else ""
    return BECOME.format(needed=needed(), lacks=LACKS[system], platform=PLATFORMS[system], more=more)
