"""Backups in folders by date, as ``disk_objectstore.backup_utils`` makes them, each of them a container.

Containers are copied by loosepack: no other program is needed, and it is safe while others work. ``call_rsync`` is for
what else belongs to a backup, such as a database. A backup on another machine is not offered: mount its directory, or
copy a backup, which does not change, with rsync.
"""

from __future__ import annotations

import datetime
import logging
import os
import random
import shutil
import string
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from .. import container as ours
from ..errors import Error

if TYPE_CHECKING:
    from .objects import Objects

__all__ = ("BackupError", "BackupManager", "backup_container", "is_exe_found", "split_remote_and_path")

LOGGER = logging.getLogger(__name__)


class BackupError(Exception):
    """A backup failed."""


def split_remote_and_path(dest: str) -> tuple[Optional[str], Path]:
    """Split ``host:path`` into host and path. The host is ``None`` when there is none.

    :raises ValueError: when there is more than one colon.
    """
    *remote, path = dest.split(":")
    if len(remote) > 1:
        raise ValueError("Invalid destination format: <remote>:<path>")
    return (remote[0] if remote else None), Path(path)


def is_exe_found(exe: str) -> bool:
    """Whether there is such a program."""
    return shutil.which(exe) is not None


class BackupManager:
    """A directory of backups.

    :param dest: the directory; its parent exists.
    :param keep: number of backups to keep besides the last; ``None`` keeps all.
    :param rsync_exe: the program that ``call_rsync`` runs.
    :raises ValueError: when a parameter is out of its range, or the directory cannot be made.
    """

    def __init__(self, dest: str, keep: Optional[int] = None, rsync_exe: Optional[str] = None) -> None:
        self.dest = str(dest)
        self.keep = keep
        self.rsync_exe = rsync_exe or "rsync"
        self.remote, self.path = split_remote_and_path(self.dest)
        if keep is not None and keep < 0:
            raise ValueError("Input validation failed: keep variable can't be negative!")
        if self.remote is not None:
            raise ValueError(f"backups go to a directory of this machine: mount it, instead of '{dest}'")
        try:
            self.path.mkdir(exist_ok=True)
        except OSError as error:
            raise ValueError(f"Input validation failed: Couldn't access/create '{self.path}'!") from error

    def check_path_exists(self, path: Path) -> bool:
        """Whether there is such a path."""
        return os.path.exists(path)

    def run_cmd(self, args: list[str]) -> tuple[bool, str]:
        """Run a command. Return whether it succeeded, and its standard output."""
        ran = subprocess.run(args, capture_output=True, text=True, check=False)
        LOGGER.debug("Command: %s\n  Exit Code: %d\n%s\n%s", args, ran.returncode, ran.stdout, ran.stderr)
        return ran.returncode == 0, ran.stdout

    def call_rsync(
        self,
        src: Path,
        dest: Path,
        link_dest: Optional[Path] = None,
        src_trailing_slash: bool = False,
        dest_trailing_slash: bool = False,
        extra_args: Optional[list[str]] = None,
    ) -> None:
        """Copy with rsync.

        :param link_dest: an earlier copy, to whose files those that are the same become hard links.
        :param src_trailing_slash: copy what is in the source, not the source.
        :param dest_trailing_slash: copy into the destination, which is made.
        :raises BackupError: when it fails.
        """
        args = [self.rsync_exe, "-azh", "--no-whole-file", *(extra_args or [])]
        if link_dest is not None:
            args.append(f"--link-dest={Path(link_dest).resolve()}")
        args += [f"{src}/" if src_trailing_slash else str(src), f"{dest}/" if dest_trailing_slash else str(dest)]
        if not is_exe_found(self.rsync_exe) or not self.run_cmd(args)[0]:
            raise BackupError(f"rsync failed for: {src} to {dest}")

    def get_existing_backup_folders(self) -> list[str]:
        """Return the folders of backups."""
        return [str(path) for path in self.path.glob("backup_*_*") if path.is_dir() and not path.is_symlink()]

    def get_last_backup_folder(self) -> Optional[Path]:
        """Return the folder of the last backup, if there is one."""
        folders = sorted(self.get_existing_backup_folders())
        return Path(folders[-1]) if folders else None

    def delete_old_backups(self) -> None:
        """Remove the oldest backups, down to the number to keep besides the last."""
        if self.keep is None:
            return
        for folder in sorted(self.get_existing_backup_folders())[: -(self.keep + 1)]:
            shutil.rmtree(folder, ignore_errors=True)
            LOGGER.info("Deleted old backup: %s", folder)

    def backup_auto_folders(self, backup_func: Callable[[Path, Optional[Path]], object]) -> None:
        """Make a backup in ``live-backup``, and rename it when it is complete. Then remove old ones.

        :param backup_func: makes it: called with the folder to make, and that of the last backup or ``None``.
        :raises BackupError: when it fails. The next call completes the backup.
        """
        live = self.path / "live-backup"
        backup_func(live, self.get_last_backup_folder())
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%d%H%M%S")
        name = f"backup_{now}_{''.join(random.choices(string.ascii_lowercase + string.digits, k=4))}"
        # Several within a second are in order as well.
        last = self.get_last_backup_folder()
        if last is not None and name <= last.name:
            name = f"{last.name}_"
        try:
            live.rename(self.path / name)
        except OSError as error:
            raise BackupError(f"Failed to move '{live}' to '{self.path / name}'") from error
        self._link("last-backup", name)
        self.delete_old_backups()

    def _link(self, link: str, name: str) -> None:
        temporary = self.path / f".{link}"
        try:
            temporary.unlink(missing_ok=True)
            temporary.symlink_to(name)
            temporary.replace(self.path / link)
        except OSError:
            LOGGER.warning("Couldn't create symlink '%s'. Perhaps the filesystem doesn't support it.", link)


def backup_container(
    manager: BackupManager, container: Objects, path: Path, prev_backup: Optional[Path] = None
) -> None:
    """Make ``path`` a copy of a container, or complete one. Others may go on working.

    :param prev_backup: an earlier backup of the same container: what has not changed shares its room on the disk.
    :raises BackupError: when it fails.
    """
    path = Path(path)
    try:
        if prev_backup is not None and not path.exists() and _is_of(prev_backup, container):
            # A backup appends to no file that has a second name. A copy that is not complete is not continued.
            unfinished = path.with_name(f"{path.name}.unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            shutil.copytree(prev_backup, unfinished, copy_function=_link_or_copy)
            unfinished.rename(path)
        report = container._store.backup(path)
    except (Error, OSError, shutil.Error) as error:
        raise BackupError(f"cannot back up to {path}: {error}") from error
    if not report.ok:
        raise BackupError(f"damage was found: {report.problems or report.unread}")
    LOGGER.info("Backed up %d objects to %s", report.objects, path)


def _is_of(backup: Path, container: Objects) -> bool:
    """Whether it is a backup of this container."""
    try:
        with ours.Container(backup, read_only=True) as store:
            return store.id == container.container_id
    except Error:
        return False


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
