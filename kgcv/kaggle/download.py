"""Brings the files of a competition into a folder: whole, checked, unpacked, and none that is there already."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from kgcv.archives.formats import find_format, find_suffix, zip_sizes
from kgcv.archives.store import crc_of, put
from kgcv.archives.unpack import UnpackedFile, check_archive, unpack, unpack_one
from kgcv.errors import DataError, listed
from kgcv.events import Message, Reporter, StopCheck
from kgcv.kaggle.manifest import HOME, Manifest, locked
from kgcv.kaggle.patience import Patience
from kgcv.kaggle.records import RemoteFile
from kgcv.kaggle.selection import Wish, choose, version
from kgcv.kaggle.source import Source
from kgcv.kaggle.transfer import fetch
from kgcv.kaggle.verdict import SizesDifferError, judged
from kgcv.kaggle.web import Request

FEW = 20
"""So many files that are missing among others are fetched one by one; more come faster in the archive of all."""


class Listing(Protocol):
    """The calls of KaggleClient that are needed here."""

    def list_files(self, slug: str) -> tuple[RemoteFile, ...]:
        """Every file of the competition."""
        ...

    def locate(self, slug: str, name: str | None = None) -> str:
        """The address of one file, or of the archive of all."""
        ...


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What a download did."""

    folder: Path
    num_files: int
    """Files at the server that were asked for."""
    num_new: int
    """Those of them that were not there yet."""
    num_received: int
    """Bytes that came over the line."""
    was_resumed: bool
    archive: Path | None = None
    """The archive of all, where it is kept."""


def download_competition(
    client: Listing, wish: Wish, reporter: Reporter, should_stop: StopCheck, patience: Patience | None = None
) -> Downloaded:
    """Bring what is asked for into the folder; what is there, in the server's version, is left alone.

    A call that was killed at any moment is finished by the next, which receives nothing twice.

    Args:
        client: Kaggle.
        wish: What to bring.
        reporter: Is told of the progress, in bytes.
        should_stop: Asked at each chunk.
        patience: Time limits and repetitions.

    Raises:
        ConfigError: no file has such a name.
        KaggleError: refused, not reached, or what came is not what the listing says.
        DataError: the disk is full, an archive cannot be unpacked, or the folder is in use.
        StopRequested: a signal asked for an end.
    """
    # Before the folder is made: a misspelt name leaves none behind.
    listing = client.list_files(wish.slug)
    files = choose(listing, wish.names, wish.slug)
    with locked(wish.folder):
        return _Download(client, wish, reporter, should_stop, patience or Patience()).run(files, listing)


class _Download:
    """One call of `download_competition`."""

    def __init__(
        self, client: Listing, wish: Wish, reporter: Reporter, should_stop: StopCheck, patience: Patience
    ) -> None:
        self._client = client
        self._wish = wish
        self._reporter = reporter
        self._should_stop = should_stop
        self._patience = patience
        self._folder = wish.folder
        self._incoming = wish.folder / HOME / "incoming"
        self._manifest = Manifest(wish.folder)
        self._num_received = 0
        self._was_resumed = False

    def run(self, files: Sequence[RemoteFile], listing: Sequence[RemoteFile]) -> Downloaded:
        archive = self._folder / f"{self._wish.slug}.zip"
        if self._wish.packing == "only" and not self._wish.names:
            num_new = self._bring_archive_only(listing, archive)
        else:
            num_new = self._bring_files(files, listing, archive)
        self._tidy(files)
        return Downloaded(
            folder=self._folder,
            num_files=len(files),
            num_new=num_new,
            num_received=self._num_received,
            was_resumed=self._was_resumed,
            archive=archive if archive.is_file() else None,
        )

    def _bring_files(self, files: Sequence[RemoteFile], listing: Sequence[RemoteFile], archive: Path) -> int:
        missing = [file for file in files if not self._is_current(file)]
        self._tell_changed(missing)
        is_small = len(missing) < len(listing) and len(missing) <= FEW
        rest = missing
        if missing and not self._wish.names and not is_small:
            self._bring_all(listing, archive)
            rest = [file for file in files if not self._is_current(file)]
        for file in rest:
            self._bring_one(file)
        return len(missing)

    def _bring_all(self, listing: Sequence[RemoteFile], archive: Path) -> None:
        """Unpack the archive of all, that which is kept or a new one."""
        stamp = version(listing)
        if self._manifest.is_current(self._key(None), stamp, thorough=True):
            self._note(listing, self._unpack_all(archive, listing))
            return
        self._check_room(listing)
        with self._fetched(None, stamp) as fetched:
            unpacked = self._unpack_all(fetched, listing)
            if self._wish.packing == "keep":
                self._keep_archive(fetched, archive, stamp)
            self._note(listing, unpacked)

    def _bring_archive_only(self, listing: Sequence[RemoteFile], archive: Path) -> int:
        stamp = version(listing)
        if self._manifest.is_current(self._key(None), stamp, self._wish.thorough):
            return 0
        with self._fetched(None, stamp) as fetched:
            self._check_sizes(fetched, listing)
            check_archive(fetched, self._reporter, self._should_stop)
            self._keep_archive(fetched, archive, stamp)
        return len(listing)

    def _check_room(self, listing: Sequence[RemoteFile]) -> None:
        """So that nobody waits hours for an archive which cannot be unpacked."""
        needed, free = sum(file.size for file in listing), shutil.disk_usage(self._folder).free
        if needed > free:
            raise DataError(
                f"{self._folder}: the disk is too full: {free / 1e6:.0f} MB are free, the files of {self._wish.slug} "
                f"need {needed / 1e6:.0f} MB; make room, or name a folder on another disk with -o"
            )

    def _unpack_all(self, archive: Path, listing: Sequence[RemoteFile]) -> tuple[UnpackedFile, ...]:
        self._check_sizes(archive, listing)
        return unpack(archive, self._folder, self._reporter, self._should_stop)

    def _check_sizes(self, archive: Path, listing: Sequence[RemoteFile]) -> None:
        sizes = zip_sizes(archive)
        wrong = [
            f"{file.name} ({sizes[file.name]} bytes, listed with {file.size})"
            for file in listing
            if sizes.get(file.name, file.size) != file.size
        ]
        if wrong:
            raise SizesDifferError(f"the archive of {self._wish.slug} does not fit the listing: {listed(wrong)}")

    def _note(self, listing: Sequence[RemoteFile], unpacked: Sequence[UnpackedFile]) -> None:
        """Take what came out of the archive of all into the manifest."""
        found = {file.origin for file in unpacked}
        origins = {}
        for file in listing:
            # Large files are wrapped in a zip of their own now and then.
            origin = next((name for name in (file.name, f"{file.name}.zip") if name in found), None)
            if origin is not None:
                origins[origin] = file
        stamps = {self._key(file.name): version([file]) for file in origins.values()}
        self._manifest.note(stamps, unpacked, {origin: self._key(file.name) for origin, file in origins.items()})

    def _keep_archive(self, fetched: Path, archive: Path, stamp: str) -> None:
        put(fetched, archive)
        kept = UnpackedFile(archive.name, archive.stat().st_size, crc_of(archive), archive.name)
        self._manifest.note({self._key(None): stamp}, [kept], {archive.name: self._key(None)})

    def _bring_one(self, file: RemoteFile) -> None:
        with self._fetched(file.name, version([file])) as fetched:
            files = self._place(self._unwrap(fetched, file), file)
            key = self._key(file.name)
            self._manifest.note({key: version([file])}, files, dict.fromkeys({each.origin for each in files}, key))

    def _unwrap(self, path: Path, file: RemoteFile) -> Path:
        """The file itself, which may have come in a zip of its own; the listed size is that of either."""
        name, sizes = PurePosixPath(file.name).name, [path.stat().st_size]
        if path.name == f"{name}.zip" and find_format(path) == "zip" and name in zip_sizes(path):
            unwrapped = path.parent / "unwrapped"
            shutil.rmtree(unwrapped, ignore_errors=True)
            unpack(path, unwrapped, self._reporter, self._should_stop, within=False)
            path = unwrapped / name
            sizes.insert(0, path.stat().st_size)
        if file.size not in sizes:
            raise SizesDifferError(f"{file.name}: {sizes[0]} bytes came, the listing says {file.size}")
        return path

    def _place(self, path: Path, file: RemoteFile) -> tuple[UnpackedFile, ...]:
        """Put a single file where it belongs, unpacked if it is to be."""
        is_archive = bool(find_suffix(file.name)) and find_format(path) is not None
        if self._wish.packing == "only" and is_archive:
            check_archive(path, self._reporter, self._should_stop)
        within = self._wish.packing != "only"
        files = unpack_one(path, self._folder, file.name, self._reporter, self._should_stop, within=within)
        if self._wish.packing == "keep" and is_archive:
            put(path, self._folder / file.name)
        return files

    @contextmanager
    def _fetched(self, name: str | None, stamp: str) -> Iterator[Path]:
        """What came, to be put in place by the block.

        It is kept for the next call if the block does not end well, unless it is not sound.
        """
        slug, inbox = self._wish.slug, self._inbox(name)
        source = Source(
            label=f"{slug}.zip" if name is None else name,
            locate=lambda: Request(self._client.locate(slug, name)),
            stamp=stamp,
            is_signed=True,
        )
        fetched = fetch(source, inbox, self._reporter, self._should_stop, self._patience)
        assert fetched is not None, "it was asked for whatever is there"
        self._num_received += fetched.num_received
        self._was_resumed |= fetched.was_resumed
        with judged(fetched.path, source.label):
            yield fetched.path
        shutil.rmtree(inbox)

    def _inbox(self, name: str | None) -> Path:
        """A folder for what is on its way in; two files may have one name."""
        thing = f"{self._wish.slug}/{name or ''}"
        return self._incoming / hashlib.sha256(thing.encode()).hexdigest()[:16]

    def _tidy(self, files: Sequence[RemoteFile]) -> None:
        """All is in place: what calls that were killed left of it goes."""
        if not self._incoming.exists():
            return
        if not self._wish.names:
            shutil.rmtree(self._incoming)
            return
        for file in files:
            shutil.rmtree(self._inbox(file.name), ignore_errors=True)
        with suppress(OSError):  # what another call began stays there
            self._incoming.rmdir()

    def _key(self, name: str | None) -> str:
        """Of the manifest: a file, or the archive of all."""
        if name is None:
            return f"{self._wish.slug}:all"
        is_packed = self._wish.packing == "only" and find_suffix(name)
        return f"{self._wish.slug}/{name}" + (":packed" if is_packed else "")

    def _is_current(self, file: RemoteFile) -> bool:
        return self._manifest.is_current(self._key(file.name), version([file]), self._wish.thorough)

    def _tell_changed(self, missing: Sequence[RemoteFile]) -> None:
        """Say which files will be replaced although they were once whole."""
        known = [self._key(file.name) for file in missing if self._manifest.knows(self._key(file.name))]
        changed = [
            path
            for key in known
            for path in self._manifest.faults(key, self._wish.thorough)
            if (self._folder / path).exists()
        ]
        if changed:
            text = f"{listed(changed)}: not as downloaded, damaged or edited; replaced by what Kaggle has"
            self._reporter.report(Message(text, "warning"))
