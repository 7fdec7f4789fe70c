"""Who may read a file, by its mode and the folders above it, and what would help.

Access lists (acl(5)) and security modules are not looked at.
"""

import os
import pwd
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from grp import getgrgid
from pathlib import Path


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who reads files."""

    name: str
    uid: int
    gid: int
    gids: frozenset[int]


def current_user() -> User:
    """Return the user that this process acts as."""
    uid = os.geteuid()
    return User(_user_name(uid), uid, os.getegid(), frozenset([os.getegid(), *os.getgroups()]))


def find_user(name: str) -> User | None:
    """Return the user called `name` with all its groups, None where there is none."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    groups = frozenset(os.getgrouplist(name, entry.pw_gid))
    return User(name, entry.pw_uid, entry.pw_gid, groups)


def reading_fault(path: Path, user: User) -> str | None:
    """Return why `user` cannot read the file `path` and what would help, None where it can.

    A file that is not there gives None: that is another problem's matter.
    """
    for place, needed in _way_to(path):
        try:
            state = place.stat()
        except OSError:
            return None
        if not _grants(state, user, needed):
            if place == path:
                return _file_fault(path, state, user)
            return (
                f"user {user.name} cannot enter the folder {place} ({_owner(state)}); "
                f"run: chmod o+x {place}"
            )
    return None


def writing_fault(folder: Path, user: User) -> str | None:
    """Return why `user` cannot keep files in `folder`, None where it can.

    Where `folder` is absent, the nearest folder above it counts: there it would be made.
    """
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    state = place.stat()
    if stat.S_ISDIR(state.st_mode) and _grants(state, user, stat.S_IWOTH | stat.S_IXOTH):
        return None
    return (
        f"user {user.name} cannot write to {place} ({_owner(state)}); "
        f"run: install -d -o {user.name} -m 0750 {folder}"
    )


def unreadable(path: Path) -> str:
    """Return why this process was refused when it opened `path`, and what would help."""
    user = current_user()
    fault = reading_fault(path, user)
    return fault or f"user {user.name} is not allowed to read it"


def _way_to(path: Path) -> Iterator[tuple[Path, int]]:
    """Give each folder above `path`, outermost first, then `path`, with the bits it needs."""
    absolute = path.absolute()
    for folder in reversed(absolute.parents):
        yield folder, stat.S_IXOTH
    yield path, stat.S_IROTH


def _grants(state: os.stat_result, user: User, needed: int) -> bool:
    """Return whether the mode grants `needed` (given as bits of "others") to `user`."""
    if user.uid == 0:
        return True
    shift = 6 if state.st_uid == user.uid else 3 if state.st_gid in user.gids else 0
    return state.st_mode & (needed << shift) == needed << shift


def _file_fault(path: Path, state: os.stat_result, user: User) -> str:
    group = _group_name(user.gid)
    return (
        f"user {user.name} cannot read it ({_owner(state)}); "
        f"run: chgrp {group} {path} && chmod 0640 {path}"
    )


def _owner(state: os.stat_result) -> str:
    mode = stat.S_IMODE(state.st_mode)
    return f"mode {mode:04o}, owner {_user_name(state.st_uid)}:{_group_name(state.st_gid)}"


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group_name(gid: int) -> str:
    try:
        return getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
