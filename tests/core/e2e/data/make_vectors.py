#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes noise_dissononce.json beside it: handshakes by Debian's python3-dissononce, an implementation that isn't ours,
with fixed keys. Fields as in the Noise wiki's vector format; message i is the initiator's if i is even."""
import hashlib
import json
import logging
import pathlib

logging.disable(50)
from dissononce.cipher.aesgcm import AESGCMCipher
from dissononce.dh.x25519.private import PrivateKey
from dissononce.dh.x25519.x25519 import X25519DH
from dissononce.hash.sha256 import SHA256Hash
from dissononce.processing.handshakepatterns.interactive.KK import KKHandshakePattern
from dissononce.processing.handshakepatterns.interactive.XX import XXHandshakePattern
from dissononce.processing.impl.cipherstate import CipherState
from dissononce.processing.impl.handshakestate import HandshakeState
from dissononce.processing.impl.symmetricstate import SymmetricState
from dissononce.processing.modifiers.psk import PSKPatternModifier

PATTERNS = {"KK": (KKHandshakePattern, 2), "XXpsk3": (lambda: PSKPatternModifier(3).modify(XXHandshakePattern()), 3)}


def secret(label):
    return hashlib.sha256(b"tidegate test vector " + label.encode()).digest()


class FixedDH(X25519DH):
    """Gives out one ephemeral key: the one named."""

    def __init__(self, ephemeral):
        super().__init__()
        self.ephemeral = ephemeral

    def generate_keypair(self, privatekey=None):
        return super().generate_keypair(privatekey or PrivateKey(self.ephemeral))


def vector(name, number, payloads):
    make, handshake_messages = PATTERNS[name]
    keys = {k: secret(f"{name} {number} {k}") for k in ("init_static", "resp_static", "init_ephemeral", "resp_ephemeral")}
    pairs = {side: X25519DH().generate_keypair(PrivateKey(keys[side + "_static"])) for side in ("init", "resp")}
    prologue = b"tidegate noise-1 vector %d" % number
    psk = secret(f"{name} {number} psk")
    ends = []
    for initiator, side, other in ((True, "init", "resp"), (False, "resp", "init")):
        dh = FixedDH(keys[side + "_ephemeral"])
        end = HandshakeState(SymmetricState(CipherState(AESGCMCipher()), SHA256Hash()), dh)
        end.initialize(make(), initiator, prologue, s=pairs[side],
                       rs=pairs[other].public if name == "KK" else None, psks=(psk,) if "psk" in name else None)
        ends.append(end)
    messages, ciphers = [], None
    for i, payload in enumerate(payloads):
        if i < handshake_messages:
            buffer, out = bytearray(), bytearray()
            ciphers = ends[i % 2].write_message(payload, buffer)
            ends[1 - i % 2].read_message(bytes(buffer), out)
            assert bytes(out) == payload
            ciphertext = bytes(buffer)
            handshake_hash = ends[i % 2].symmetricstate.get_handshake_hash()
        else:
            ciphertext = ciphers[i % 2].encrypt_with_ad(b"", payload)
        messages.append({"payload": payload.hex(), "ciphertext": ciphertext.hex()})
    result = {"protocol_name": f"Noise_{name}_25519_AESGCM_SHA256", "init_prologue": prologue.hex(),
              "resp_prologue": prologue.hex(), "handshake_hash": handshake_hash.hex(), "messages": messages}
    result.update({k: v.hex() for k, v in keys.items()})
    if name == "KK":
        result["init_remote_static"] = pairs["resp"].public.data.hex()
        result["resp_remote_static"] = pairs["init"].public.data.hex()
    if "psk" in name:
        result["init_psks"] = result["resp_psks"] = [psk.hex()]
    return result


def main():
    payload_sets = [[b""] * 7, [b"a%d" % i * (i * 40 + 1) for i in range(8)], [b"x", b"", b"tide", b"", b"gate" * 300, b"z"]]
    vectors = [vector(name, n, payloads) for name in PATTERNS for n, payloads in enumerate(payload_sets)]
    path = pathlib.Path(__file__).with_name("noise_dissononce.json")
    path.write_text(json.dumps({"made_by": "make_vectors.py, python3-dissononce", "vectors": vectors}, indent=1) + "\n")


if __name__ == "__main__":
    main()
