"""Has rekor-verifier judge proofs: cases come as JSON on stdin, verdicts go as JSON to stdout.

Runs in an environment of its own, which holds rekor-verifier and nothing of this project.
"""

import json
import sys
from base64 import b64decode

from rekor_verifier.merkle_proof import (  # type: ignore[import-not-found]  # in its own environment
    DEFAULT_HASHER,
    RootMismatchError,
    compute_leaf_hash,
    verify_consistency,
    verify_inclusion,
)


def hexadecimal(text: str) -> str:
    return b64decode(text).hex()


def judged(case: dict) -> str:  # type: ignore[type-arg]  # Python of any version runs this
    hashes = [hexadecimal(each) for each in case["hashes"]]
    try:
        if "record" in case:
            leaf = compute_leaf_hash(case["record"].encode())
            root = hexadecimal(case["root"])
            verify_inclusion(DEFAULT_HASHER, int(case["index"]), case["size"], leaf, hashes, root)
        else:
            roots = hexadecimal(case["earlier_root"]), hexadecimal(case["later_root"])
            verify_consistency(DEFAULT_HASHER, case["earlier"], case["later"], hashes, *roots)
    except (ValueError, RootMismatchError) as refused:
        return str(refused)
    return "accepted"


json.dump([judged(case) for case in json.load(sys.stdin)], sys.stdout)
