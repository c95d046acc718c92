# SPDX-License-Identifier: Apache-2.0
"""The server's side of NTLMv2. [MS-NLMP] §2.2, §3.3.2; MD4 is RFC 1320, which OpenSSL 3 no longer offers."""
import hashlib
import hmac
import os
import struct


def md4(octets):
    def turn(value, by):
        value &= 0xFFFFFFFF
        return (value << by | value >> (32 - by)) & 0xFFFFFFFF
    length = len(octets) * 8
    octets += b"\x80" + b"\0" * ((55 - len(octets)) % 64) + struct.pack("<Q", length)
    state = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476]
    rounds = (
        (lambda b, c, d: b & c | ~b & d, 0, range(16), (3, 7, 11, 19)),
        (lambda b, c, d: b & c | b & d | c & d, 0x5A827999, [n // 4 + n % 4 * 4 for n in range(16)], (3, 5, 9, 13)),
        (lambda b, c, d: b ^ c ^ d, 0x6ED9EBA1, (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15), (3, 9, 11, 15)))
    for begin in range(0, len(octets), 64):
        words = struct.unpack("<16I", octets[begin:begin + 64])
        a, b, c, d = state
        for function, constant, order, shifts in rounds:
            for n, word in enumerate(order):
                a, b, c, d = d, turn(a + function(b, c, d) + words[word] + constant, shifts[n % 4]), b, c
        state = [(old + new) & 0xFFFFFFFF for old, new in zip(state, (a, b, c, d))]
    return struct.pack("<4I", *state)


def challenge():
    """→ (message 2, the eight octets of its challenge)"""
    eight, target = os.urandom(8), "PEER".encode("utf-16-le")
    info = b"".join(struct.pack("<HH", kind, len(value)) + value for kind, value in (
        (2, target), (1, "EWS".encode("utf-16-le")), (0, b"")))
    flags = 0x00888205 | 0x20000000 | 0x80000000 | 0x00010000
    head = b"NTLMSSP\0" + struct.pack("<IHHII", 2, len(target), len(target), 56, flags) + eight + b"\0" * 8
    head += struct.pack("<HHI", len(info), len(info), 56 + len(target)) + b"\x0a\0\x63\x45\0\0\0\x0f"
    return head + target + info, eight


def field(octets, at):
    length, _, offset = struct.unpack_from("<HHI", octets, at)
    return octets[offset:offset + length]


def check(octets, eight, password_of):
    """Message 3 → the user's name, or None. password_of(name) gives a password or None."""
    try:
        if octets[:12] != b"NTLMSSP\0\x03\0\0\0":
            return None
        response, domain, user = field(octets, 20), field(octets, 28), field(octets, 36)
        name = user.decode("utf-16-le")
        password = password_of(name)
        if password is None or len(response) < 24:
            return None
        key = hmac.new(md4(password.encode("utf-16-le")), name.upper().encode("utf-16-le") + domain, hashlib.md5).digest()
        proof = hmac.new(key, eight + response[16:], hashlib.md5).digest()
        return name if hmac.compare_digest(proof, response[:16]) else None
    except (struct.error, UnicodeDecodeError):
        return None
