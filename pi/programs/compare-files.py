"""compare-files LIVE: what the files on stdin differ in from those in the file LIVE, both as keep-times.py lists them, stdin
in base64. Prints JSON: for "new", "changed" and "gone" how many there are, and the first few names."""

import base64
import gzip
import json
import sys

NAMED = 3


def told(names: list[str]) -> dict:
    return {"count": len(names), "names": sorted(names)[:NAMED]}


def main(live: str) -> None:
    with gzip.open(live) as file:
        before = json.load(file)
    after = json.loads(gzip.decompress(base64.b64decode(sys.stdin.read())))
    print(
        json.dumps(
            {
                "new": told([name for name in after if name not in before]),
                "changed": told([name for name in after if before.get(name, after[name]) != after[name]]),
                "gone": told([name for name in before if name not in after]),
            }
        )
    )


main(*sys.argv[1:])
