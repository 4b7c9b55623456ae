"""An S3-compatible server and a malware scanner of a test's own, both on loopback."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import boto3
from moto.server import ThreadedMotoServer

from services.verification.adapters.document_bucket import Bucket, DocumentBucket

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

MALWARE = b"X5O!P%@AP-a-test-signature"


@contextmanager
def s3_server() -> Iterator[str]:
    """The URL of a running S3-compatible server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def bucket_at(endpoint: str, name: str) -> DocumentBucket:
    """A new bucket on the server."""
    client = client_at(endpoint)
    client.create_bucket(Bucket=name)
    return DocumentBucket(Bucket(name, endpoint, "us-east-1", "documents/"), client)


def client_at(endpoint: str) -> S3Client:
    """A client of the server."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@contextmanager
def clamd(reply: bytes | None = None) -> Iterator[str]:
    """The address of a scanner that speaks INSTREAM; `reply` is said instead of a verdict."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            try:
                connection, _address = listener.accept()
            except OSError:
                return
            with connection:
                answer(connection, reply)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def answer(connection: socket.socket, reply: bytes | None) -> None:
    stream = connection.makefile("rb")
    assert stream.read(10) == b"zINSTREAM\x00"
    content = b""
    while length := struct.unpack("!L", stream.read(4))[0]:
        content += stream.read(length)
    found = b"stream: Test-Signature FOUND\x00" if MALWARE in content else b"stream: OK\x00"
    connection.sendall(reply if reply is not None else found)
    stream.close()
