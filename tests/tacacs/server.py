#!/usr/bin/python3
"""A TACACS+ server whose packets are those of scapy: nothing of PNS reads or writes them.

    server.py ADDRESS PORT FOLDER [shared]

FOLDER has `settings.json`: the secret, and of each user the password and what is granted by protocol.
Records go to FOLDER/records, one JSON object a line, and FOLDER/port says where it listens. With
`shared`, sessions may share a connection (RFC 8907, section 4.3).
"""

import hashlib
import json
import os
import socket
import sys
import threading

from scapy.contrib.tacacs import (
    TacacsAccountingReply,
    TacacsAccountingRequest,
    TacacsAuthenticationReply,
    TacacsAuthenticationStart,
    TacacsAuthorizationReply,
    TacacsAuthorizationRequest,
    TacacsHeader,
    TacacsPacketArguments,
    obfuscate,
)

PASS, FAIL, RESTART = 1, 2, 6
PAP, CHAP = 2, 3
PASS_ADD, AUTHOR_FAIL = 1, 16
SINGLE_CONNECT = 4

ADDRESS, PORT, FOLDER = sys.argv[1], int(sys.argv[2]), sys.argv[3]
SHARED = sys.argv[4:] == ["shared"]
with open(os.path.join(FOLDER, "settings.json")) as file:
    SETTINGS = json.load(file)
WRITING = threading.Lock()


def arguments(packet):
    """What is behind a request, one layer for each."""
    found = []
    while packet:
        if isinstance(packet, TacacsPacketArguments):
            found.append(packet.data.decode())
        packet = packet.payload
    return found


def authenticate(body):
    start = TacacsAuthenticationStart(body)
    user = SETTINGS["users"].get(start.user.decode(), {})
    password = user.get("password", "").encode()
    if start.authen_type == PAP:
        right = start.data == password
    elif start.authen_type == CHAP:
        identifier, challenge, response = start.data[:1], start.data[1:-16], start.data[-16:]
        right = response == hashlib.md5(identifier + password + challenge).digest()
    else:
        return TacacsAuthenticationReply(status=RESTART)
    if password and right:
        return TacacsAuthenticationReply(status=PASS)
    return TacacsAuthenticationReply(status=FAIL, server_msg="Who are you?")


def authorize(body):
    request = TacacsAuthorizationRequest(body)
    asked = dict(argument.split("=", 1) for argument in arguments(request))
    granted = SETTINGS["users"].get(request.user.decode(), {}).get(asked["protocol"])
    if asked["service"] != "ppp" or granted is None:
        return TacacsAuthorizationReply(status=AUTHOR_FAIL)
    reply = TacacsAuthorizationReply(status=PASS_ADD, arg_len_list=[len(it) for it in granted])
    return reply / "".join(granted) if granted else reply


def account(body):
    request = TacacsAccountingRequest(body)
    record = {"flags": request.flags, "user": request.user.decode(), "args": arguments(request)}
    with WRITING, open(os.path.join(FOLDER, "records"), "a") as file:
        file.write(json.dumps(record) + "\n")
    return TacacsAccountingReply(status=1)


def exactly(wire, count):
    """So many octets, or fewer at the end."""
    octets = b""
    while len(octets) < count:
        more = wire.recv(count - len(octets))
        if not more:
            break
        octets += more
    return octets


def serve(wire):
    with wire:
        while True:
            front = exactly(wire, 12)
            if len(front) < 12:
                return
            header = TacacsHeader(front)
            secret = SETTINGS["secret"]
            hidden = exactly(wire, header.length)
            keys = (secret, header.session_id, header.version)
            body = obfuscate(hidden, *keys, header.seq)
            answer = {1: authenticate, 2: authorize, 3: account}[header.type](body)
            body = bytes(answer)
            flags = SINGLE_CONNECT if SHARED else 0
            reply = TacacsHeader(
                version=header.version,
                type=header.type,
                seq=header.seq + 1,
                flags=flags,
                session_id=header.session_id,
                length=len(body),
            )
            wire.sendall(bytes(reply)[:12] + obfuscate(body, *keys, header.seq + 1))
            if not SHARED:
                return


listener = socket.create_server((ADDRESS, PORT))
port = os.path.join(FOLDER, "port")
with open(port + ".new", "w") as file:
    file.write(str(listener.getsockname()[1]))
os.rename(port + ".new", port)
while True:
    accepted, _ = listener.accept()
    threading.Thread(target=serve, args=(accepted,), daemon=True).start()
