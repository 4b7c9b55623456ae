"""Documents in a bucket of an S3-compatible store; each object is named for its SHA-256."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256 as digest_of
from pathlib import Path
from typing import TYPE_CHECKING, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from services.verification.adapters.document_backends import CHUNK_BYTES, Standing, store_trouble

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client
    from types_boto3_s3.type_defs import CompletedPartTypeDef

PART_BYTES: Final = 8 * 1024 * 1024
_ABSENT: Final = frozenset({"404", "NoSuchKey", "NotFound"})
_THERE_ALREADY: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})


@dataclass(frozen=True, slots=True)
class Bucket:
    """Which bucket of which store; credentials come by the client library's own chain."""

    name: str
    endpoint: str | None = None
    region: str | None = None
    prefix: str = ""


class DocumentBucket:
    """A larger document goes in parts, each with its checksum; a put never overwrites what another put."""

    def __init__(self, bucket: Bucket, client: S3Client | None = None) -> None:
        self._bucket = bucket
        self._client: S3Client = client or boto3.client(
            "s3",
            endpoint_url=bucket.endpoint,
            region_name=bucket.region,
            config=Config(
                connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 3, "mode": "standard"}
            ),
        )

    def prepare(self) -> None:
        """Nothing: the bucket is the operator's to make, and its absence is no reason not to start."""

    def put(self, draft: Path, sha256: str, *, replace: bool) -> None:
        """One conditional put, or parts that are completed on condition that none is there."""
        try:
            with store_trouble(BotoCoreError):
                if draft.stat().st_size <= PART_BYTES:
                    self._put_whole(draft, sha256, replace=replace)
                else:
                    self._put_parts(draft, sha256, replace=replace)
        except ClientError as error:
            if not replace and _code(error) in _THERE_ALREADY:
                return
            with store_trouble(ClientError):
                raise

    def standing(self, sha256: str) -> Standing | None:
        """By the object's size, entity tag and time."""
        try:
            with store_trouble(BotoCoreError):
                found = self._client.head_object(Bucket=self._bucket.name, Key=self._key(sha256))
        except ClientError as error:
            if _code(error) in _ABSENT:
                return None
            with store_trouble(ClientError):
                raise
        return Standing(found["ContentLength"], f"{found['ETag']}-{found['LastModified'].isoformat()}")

    def stream(self, sha256: str) -> Iterator[bytes]:
        """From the object's body."""
        with store_trouble(BotoCoreError, ClientError):
            found = self._client.get_object(Bucket=self._bucket.name, Key=self._key(sha256))
            yield from found["Body"].iter_chunks(CHUNK_BYTES)

    def _put_whole(self, draft: Path, sha256: str, *, replace: bool) -> None:
        content = draft.read_bytes()
        checksum = b64encode(bytes.fromhex(sha256)).decode()
        name, key = self._bucket.name, self._key(sha256)
        if replace:
            self._client.put_object(Bucket=name, Key=key, Body=content, ChecksumSHA256=checksum)
        else:
            self._client.put_object(
                Bucket=name, Key=key, Body=content, ChecksumSHA256=checksum, IfNoneMatch="*"
            )

    def _put_parts(self, draft: Path, sha256: str, *, replace: bool) -> None:
        name, key, client = self._bucket.name, self._key(sha256), self._client
        upload = client.create_multipart_upload(Bucket=name, Key=key, ChecksumAlgorithm="SHA256")["UploadId"]
        try:
            parts = self._parts(draft, key, upload)
            if replace:
                client.complete_multipart_upload(
                    Bucket=name, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}
                )
            else:
                client.complete_multipart_upload(
                    Bucket=name, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*"
                )
        except Exception:  # raised again; the parts sent so far would be kept for ever
            client.abort_multipart_upload(Bucket=name, Key=key, UploadId=upload)
            raise

    def _parts(self, draft: Path, key: str, upload: str) -> list[CompletedPartTypeDef]:
        parts: list[CompletedPartTypeDef] = []
        with draft.open("rb") as file:
            while content := file.read(PART_BYTES):
                checksum = b64encode(digest_of(content).digest()).decode()
                sent = self._client.upload_part(
                    Bucket=self._bucket.name,
                    Key=key,
                    UploadId=upload,
                    PartNumber=len(parts) + 1,
                    Body=content,
                    ChecksumSHA256=checksum,
                )
                parts.append({"ETag": sent["ETag"], "PartNumber": len(parts) + 1, "ChecksumSHA256": checksum})
        return parts

    def _key(self, sha256: str) -> str:
        return f"{self._bucket.prefix}{sha256[:2]}/{sha256}"


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
