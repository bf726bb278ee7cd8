"""keep-times ARCHIVE FORMER FILES: the tar archive, to stdout, in which each file has the time that it has in the folder
FORMER, where its content is the same there, and the time of now where it is not: nginx makes ETag and Last-Modified of a
file's time and size, so a browser keeps what has not changed. FORMER may be empty.

Writes to FILES which files are in it, for compare-files.py: JSON, packed, an object of names, each with the beginning of
its content's SHA-256, as operator/pack.ts has it."""

import gzip
import hashlib
import json
import os
import stat
import sys
import tarfile
import time

PIECE = 1 << 20  # bytes
HASH = 16  # hexadecimal digits


def has_content(path: str, content) -> bool:
    with open(path, "rb") as former:
        while piece := content.read(PIECE):
            if former.read(len(piece)) != piece:
                return False
    return True


def hash_of(content) -> str:
    return hashlib.file_digest(content, "sha256").hexdigest()[:HASH]


def time_of(entry: tarfile.TarInfo, content, former: str, now: int) -> int:
    path = os.path.join(former, entry.name)
    try:
        known = os.lstat(path)
        if stat.S_ISREG(known.st_mode) and known.st_size == entry.size and has_content(path, content):
            return int(known.st_mtime)
    except OSError:  # it is not there, or its card fails: it is sent once more
        pass
    return now


def main(archive: str, former: str, listed: str) -> None:
    now = int(time.time())
    files = {}
    with (
        tarfile.open(archive, "r:") as sent,
        tarfile.open(fileobj=sys.stdout.buffer, mode="w|", format=tarfile.PAX_FORMAT) as kept,
    ):
        for entry in sent:
            content = sent.extractfile(entry) if entry.isreg() else None
            entry.mtime = (time_of(entry, content, former, now) if former else now) if content else 0
            entry.pax_headers.pop("mtime", None)
            if content:
                content.seek(0)
                files[entry.name] = hash_of(content)
                content.seek(0)
            kept.addfile(entry, content)
    with gzip.open(listed, "wt") as out:
        json.dump(files, out)


main(*sys.argv[1:])
