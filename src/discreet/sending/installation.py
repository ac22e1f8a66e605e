"""What is random and kept for this installation: the salt of hashes, answers by lot and flags, and, if the author asks,
the id.

The rule that keeps it honest: both are made only under the consent that stands, at their first use; neither is derived
from anything of the machine or the user; `clear` erases them, and the next use makes new ones. The salt never leaves.
"""

import os
import time
from _blake2 import blake2b

from .. import consent, directories, files, names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .owner import Owner

_SALT_BYTES = 32
_ID_BYTES = 16
_LOT_BYTES = 32
# BLAKE2's personalization, at most 16 bytes: draws, flags and hashes share no function.
_LOT, _FLAG = b"discreet.answer", b"discreet.flag"


class Pseudonyms:
    """Keyed hashes and draws of this installation. The first one reads the salt. If there is none, it makes one, but
    only if the stored consent is still the one of `signed`, or if the gate says yes to what `look` sees then.
    """

    __slots__ = ("_look", "_month", "_paths", "_signed", "_waits", "salt")

    def __init__(self, paths: names.Paths, signed: object, look: "Callable[[], consent.Facts]") -> None:
        self._paths = paths
        self._signed = signed
        self._look = look
        self.salt = b""  # until it is used
        self._waits = True  # for a lock, at the first try; not at each event anew
        self._month = (-1, "")

    def __call__(self, event: str, field: str, raw: bytes) -> str:
        """The pseudonym of `raw` in this event, field and the current UTC month.

        Raises `OSError` if the salt can be neither read nor made: the event is dropped then.
        """
        salt = self.salt or self._found()
        now = time.time()
        day, month = self._month
        if day != now // 86400:
            month = time.strftime("%Y-%m", time.gmtime(now))
            self._month = (int(now // 86400), month)
        return pseudonym(salt, event, field, month, raw)

    def draw(self, event: str, field: str, message: bytes) -> int:
        """The lot of a message in this event and field: for one salt always the same.

        Raises `OSError` as above: the event is dropped then.
        """
        return drawn(self.salt or self._found(), event, field, message)

    def bucket(self, key: str) -> float:
        """Where this installation is, from 0 to below 1, among the shares of a flag. Raises `OSError` as above."""
        return bucket(self.salt or self._found(), key)

    def erased(self, install: str) -> bool:
        """Whether the salt or the id `install`, if in use, is no longer what its file holds. Never raises OSError: what
        cannot be read just now counts as unchanged.
        """
        for key, held in (("salt", self.salt.hex()), ("id", install)):
            try:
                if held and _read(self._paths, key) != held:
                    return True
            except FileNotFoundError:
                return True
            except OSError:
                continue
        return False

    def _found(self) -> bytes:
        if not os.path.lexists(self._paths["salt"]) and self._only_shows():
            self.salt = os.urandom(_SALT_BYTES)  # for this process, in no file
        else:
            patient, self._waits = self._waits, False
            self.salt = bytes.fromhex(_kept(self._paths, "salt", _SALT_BYTES, self._may_make, patient=patient))
        return self.salt

    def _only_shows(self) -> bool:
        """Whether events are shown instead of recorded: then no file is made."""
        facts = self._look()
        return names.shows(facts.tool, facts.environ)

    def _may_make(self) -> bool:
        return consent.stands(self._paths, self._signed) or consent.decide(self._look()).enabled


def install_id(paths: names.Paths, signed: object) -> str:
    """The 32 hex digits of the file `id`, made if it is missing and the stored consent is the one of `signed`. Raises
    `OSError` if it can be neither read nor made.
    """
    return _kept(paths, "id", _ID_BYTES, lambda: consent.stands(paths, signed))


def known_as(owner: "Owner") -> str:
    """The id that an owner's records carry; "" if there can be none, which is counted."""
    try:
        return install_id(owner.paths, owner.signature)
    except OSError:
        owner.lose("install")
        return ""


def pseudonym(salt: bytes, event: str, field: str, month: str, raw: bytes) -> str:
    """16 hex digits of BLAKE2b (RFC 7693), keyed by the salt, of `raw` in this event, field and UTC month (`2026-11`).

    Pure. Names hold no NUL, so no two places share a message.
    """
    digest = blake2b(f"{event}\0{field}\0{month}\0".encode(), key=salt, digest_size=8)
    digest.update(raw)
    return digest.hexdigest()


def drawn(salt: bytes, event: str, field: str, message: bytes) -> int:
    """A whole number below 2^256: BLAKE2b (RFC 7693), keyed by the salt, of a message in this event and field.

    Pure, and without a month: a lot is for good. What it is for: privacy/randomized.py.
    """
    digest = blake2b(f"{event}\0{field}\0".encode(), key=salt, digest_size=_LOT_BYTES, person=_LOT)
    digest.update(message)
    return int.from_bytes(digest.digest(), "big")


def bucket(salt: bytes, key: str) -> float:
    """A multiple of 2^-53 from 0 to below 1: the first bits of BLAKE2b (RFC 7693), keyed by the salt, of a flag's key.

    Pure, and for good. The bucket of one flag says nothing about that of another.
    """
    digest = blake2b(key.encode(), key=salt, digest_size=8, person=_FLAG)
    return (int.from_bytes(digest.digest(), "big") >> 11) / 2**53


def _read(paths: names.Paths, key: str) -> str:
    return names.read_small(paths[key], names.current_user()).decode("ascii", "replace").strip()


def _kept(paths: names.Paths, key: str, length: int, agreed: "Callable[[], bool]", *, patient: bool = True) -> str:
    """The hex digits that the file holds, after making fresh ones if need be; of two processes the first one wins."""
    path = paths[key]
    for _ in range(3):
        try:
            text = _read(paths, key)
        except FileNotFoundError:
            if not agreed():
                raise  # `clear` or `off` came meanwhile, and no file may be there after them
            directories.make_directory(paths.directory, below=paths.below)
        else:
            if len(text) == 2 * length and not text.strip("0123456789abcdef"):
                return text
            if text or not agreed():  # a power cut within half a minute leaves it empty
                raise OSError(22, f"not the {key} that this package writes", path)
        try:
            files.write_private(path, f"{os.urandom(length).hex()}\n".encode(), replace=False, patient=patient)
        except FileExistsError:
            continue
    raise FileNotFoundError(2, "comes and goes", path)
