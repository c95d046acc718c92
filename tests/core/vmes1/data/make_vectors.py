#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes vmes1.json beside it with the `openssl` command line and nothing of ours: key agreements over sect283k1, the
X9.63 KDF, AES-128-CFB, HMAC-SHA1 cut to 10 octets; deflate by Python's zlib, and by hand where a stream is unusual."""
import hashlib
import json
import os
import pathlib
import subprocess
import tempfile
import zlib

CURVE_OID = bytes.fromhex("06052b81040010")  # sect283k1, SEC 2 §3.5.1
FIELD = 36


def openssl(*words, octets=b""):
    return subprocess.run(["openssl", *words], input=octets, capture_output=True, check=True).stdout


def digest(label, size):
    return hashlib.shake_256(b"tidegate vmes-1 vector " + label.encode()).digest(size)


def private_key(d):
    """An ECPrivateKey (RFC 5915) without its public key: openssl computes that."""
    inner = b"\x02\x01\x01\x04" + bytes([FIELD]) + d + b"\xa0" + bytes([len(CURVE_OID)]) + CURVE_OID
    return b"\x30" + bytes([len(inner)]) + inner


def in_file(folder, name, octets):
    path = os.path.join(folder, name)
    pathlib.Path(path).write_bytes(octets)
    return path


def public_key(path, form):
    """The point of a SubjectPublicKeyInfo, which ends with it."""
    info = openssl("ec", "-inform", "DER", "-in", path, "-pubout", "-outform", "DER", "-conv_form", form)
    return info[-(1 + 2 * FIELD):] if form == "uncompressed" else info[-(1 + FIELD):]


def agreement(folder, number):
    # Below 2^280, so below the order of the base point.
    secrets = [b"\0" + digest(f"{number} {side}", FIELD - 1) for side in "TV"]
    files = [in_file(folder, f"{i}.der", private_key(d)) for i, d in enumerate(secrets)]
    peer = in_file(folder, "peer.pem", openssl("ec", "-inform", "DER", "-in", files[1], "-pubout"))
    z = openssl("pkeyutl", "-derive", "-keyform", "DER", "-inkey", files[0], "-peerkey", peer, "-pkeyopt",
                "ecdh_cofactor_mode:1")
    plain = openssl("pkeyutl", "-derive", "-keyform", "DER", "-inkey", files[0], "-peerkey", peer, "-pkeyopt",
                    "ecdh_cofactor_mode:0")
    assert len(z) == FIELD and z != plain  # the cofactor matters: h = 4
    key = openssl("kdf", "-binary", "-keylen", "16", "-kdfopt", "digest:SHA1", "-kdfopt", "hexkey:" + z.hex(), "X963KDF")
    assert key == openssl("dgst", "-sha1", "-binary", octets=z + b"\0\0\0\1")[:16]
    return {"secret_t": secrets[0], "secret_v": secrets[1], "point_t": public_key(files[0], "uncompressed"),
            "point_v": public_key(files[1], "uncompressed"), "compressed_t": public_key(files[0], "compressed"),
            "compressed_v": public_key(files[1], "compressed"), "z": z, "key": key}


def raw_deflate(text, level=6):
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    return packer.compress(text) + packer.flush()


def stored(text):
    """RFC 1951 §3.2.4: two stored blocks, the first of them empty."""
    def block(last, octets):
        return bytes([last]) + len(octets).to_bytes(2, "little") + (len(octets) ^ 0xFFFF).to_bytes(2, "little") + octets
    return block(0, b"") + block(1, text)


def fixed(text):
    """RFC 1951 §3.2.6: one block of literals in the fixed code; octets below 144 only."""
    bits = [1, 1, 0]
    for octet in text:
        assert octet < 144
        bits += [(octet + 0x30) >> shift & 1 for shift in range(7, -1, -1)]
    bits += [0] * 7
    return bytes(sum(bit << i for i, bit in enumerate(bits[at:at + 8])) for at in range(0, len(bits), 8))


def sealing(number, text, compressed):
    assert zlib.decompress(compressed, -15) == text
    key, iv = digest(f"key {number}", 16), digest(f"iv {number}", 16)
    x = openssl("enc", "-aes-128-cfb", "-K", key.hex(), "-iv", iv.hex(), octets=compressed)
    mac = openssl("dgst", "-sha1", "-mac", "HMAC", "-macopt", "hexkey:" + key.hex(), "-binary", octets=compressed)[:10]
    assert len(x) == len(compressed)
    return {"key": key, "iv": iv, "text": text, "compressed": compressed, "sealed": iv + mac + x}


def main():
    with tempfile.TemporaryDirectory() as folder:
        made = [agreement(folder, number) for number in range(24)]
    # All of the first four, and those of the rest whose Z begins with zeros.
    agreements = made[:4] + [one for one in made[4:] if one["z"][0] == 0]
    assert any(one["z"][0] == 0 for one in agreements)
    long = b"".join(b"line %d of a text that compresses well\r\n" % i for i in range(200))
    texts = [(b"T", raw_deflate(b"T")), (b"", raw_deflate(b"")), (b"the quick brown fox", raw_deflate(b"the quick brown fox", 9)),
             (long, raw_deflate(long)), (long, raw_deflate(long, 1)), (digest("noise", 3000), raw_deflate(digest("noise", 3000), 0)),
             (b"by hand, stored", stored(b"by hand, stored")), (b"by hand, fixed code", fixed(b"by hand, fixed code"))]
    sealings = [sealing(number, *each) for number, each in enumerate(texts)]

    def shown(rows):
        return [{name: octets.hex() for name, octets in row.items()} for row in rows]
    path = pathlib.Path(__file__).with_name("vmes1.json")
    path.write_text(json.dumps({"made_by": "make_vectors.py, openssl command line", "agreements": shown(agreements),
                                "sealings": shown(sealings)}, indent=1) + "\n")


if __name__ == "__main__":
    main()
