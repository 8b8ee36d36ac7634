"""Forwards one request of a guest to 100.100.100.200 to the local cloud's metadata service.

QEMU starts this for every connection, with the guest's bytes on stdin and stdout. A single file without dependencies.

Usage: python3 -I -S forward.py PORT INSTANCE
"""

import os
import socket
import sys


def main() -> None:
    """Read the request's head, prefix the path with the instance, return the answer.

    The guest's ``Host`` is a name in its own network, which the local cloud does not accept.
    """
    port, instance = int(sys.argv[1]), sys.argv[2]
    head = b""
    while b"\r\n\r\n" not in head and len(head) < 65536:
        piece = os.read(0, 4096)
        if not piece:
            return
        head += piece
    first, _, rest = head.partition(b"\r\n")
    method, _, target = first.partition(b" ")
    lines = [line for line in rest.split(b"\r\n") if not line.lower().startswith((b"connection:", b"host:"))]
    request = method + b" /_metadata/" + instance.encode() + target
    request += b"\r\nHost: 127.0.0.1\r\nConnection: close\r\n" + b"\r\n".join(lines)
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        while piece := connection.recv(65536):
            os.write(1, piece)


if __name__ == "__main__":
    main()
