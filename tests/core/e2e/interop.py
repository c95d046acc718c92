#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Handshakes between our Noise and Debian's python3-dissononce, both patterns and both roles. Argument: e2e_interop_peer."""
import logging
import os
import subprocess
import sys

logging.disable(50)
try:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from dissononce.cipher.aesgcm import AESGCMCipher
    from dissononce.dh.x25519.private import PrivateKey
    from dissononce.dh.x25519.public import PublicKey
    from dissononce.dh.x25519.x25519 import X25519DH
    from dissononce.hash.sha256 import SHA256Hash
    from dissononce.processing.handshakepatterns.interactive.KK import KKHandshakePattern
    from dissononce.processing.handshakepatterns.interactive.XX import XXHandshakePattern
    from dissononce.processing.impl.cipherstate import CipherState
    from dissononce.processing.impl.handshakestate import HandshakeState
    from dissononce.processing.impl.symmetricstate import SymmetricState
    from dissononce.processing.modifiers.psk import PSKPatternModifier
except ImportError as missing:
    sys.exit(f"interop: {missing}; install python3-dissononce (Debian)")

REKEY_EVERY = 2**20


class Peer:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *words):
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        status, _, rest = self.process.stdout.readline().rstrip("\n").partition(" ")
        if status not in ("ok", "fault"):
            raise RuntimeError("the peer died")
        return status == "ok", rest

    def octets(self, verb, data):
        good, answer = self.ask(verb, data.hex() or ".")
        return (bytes.fromhex(answer) if answer != "." else b"") if good else None

    def close(self):
        self.process.stdin.close()
        return self.process.wait(10)


def other_end(pattern, initiator, prologue, own, remote, psk):
    made = KKHandshakePattern() if pattern == "KK" else PSKPatternModifier(3).modify(XXHandshakePattern())
    state = HandshakeState(SymmetricState(CipherState(AESGCMCipher()), SHA256Hash()), X25519DH())
    state.initialize(made, initiator, prologue, s=own, rs=PublicKey(remote) if pattern == "KK" else None,
                     psks=None if pattern == "KK" else (psk,))
    return state


def handshake(peer, pattern, we_begin, our_psk, their_psk, prologue=b"tidegate noise-1"):
    """None: it did not complete. Else their ciphers (to us, from us)."""
    theirs = X25519DH().generate_keypair()
    secret = os.urandom(32)
    good, ours = peer.ask("init", pattern, "initiator" if we_begin else "responder", prologue.hex(), secret.hex(),
                          theirs.public.data.hex() if pattern == "KK" else "-",
                          our_psk.hex() if pattern == "XXpsk3" else "-")
    assert good
    state = other_end(pattern, not we_begin, prologue, theirs, bytes.fromhex(ours), their_psk)
    ciphers = None
    for i in range(2 if pattern == "KK" else 3):
        payload = b"payload %d" % i if i % 2 else b""
        if (i % 2 == 0) == we_begin:
            message = peer.octets("write", payload)
            received = bytearray()
            try:
                ciphers = state.read_message(message, received)
            except Exception:
                return None
            assert bytes(received) == payload
        else:
            buffer = bytearray()
            ciphers = state.write_message(payload, buffer)
            if peer.octets("read", bytes(buffer)) != payload:
                return None
    good, answer = peer.ask("split")
    assert good
    handshake_hash, remote = answer.split(" ")
    assert handshake_hash == state.symmetricstate.get_handshake_hash().hex(), "handshake hashes differ"
    assert remote == theirs.public.data.hex(), "another static key came out"
    assert state.rs.data.hex() == ours
    to_responder, to_initiator = ciphers
    return (to_initiator, to_responder) if we_begin else (to_responder, to_initiator)


def transport(peer, to_us, from_us):
    for size in (0, 1, 15, 16, 1000, 16368):
        data = os.urandom(size)
        assert peer.octets("open", to_us.encrypt_with_ad(b"", data)) == data
        assert from_us.decrypt_with_ad(b"", peer.octets("seal", data)) == data
    damaged = bytearray(to_us.encrypt_with_ad(b"", b"damaged"))
    damaged[3] ^= 1
    assert peer.octets("open", bytes(damaged)) is None, "a damaged message opened"
    return 6  # messages that went from us


def rekey(peer, from_us, sealed):
    good, _ = peer.ask("skip", str(REKEY_EVERY - sealed))
    assert good
    # dissononce resets the nonce at a rekey, the specification (§4.2) and we do not: so by hand.
    renewed = AESGCM(from_us._key).encrypt(b"\0" * 4 + b"\xff" * 8, bytes(32), b"")[:32]
    from_us.initialize_key(renewed)
    from_us.set_nonce(REKEY_EVERY)
    assert from_us.decrypt_with_ad(b"", peer.octets("seal", b"renewed")) == b"renewed"


def main():
    peer = Peer(sys.argv[1])
    psk = os.urandom(32)
    for pattern in ("KK", "XXpsk3"):
        for we_begin in (True, False):
            for _ in range(5):
                ciphers = handshake(peer, pattern, we_begin, psk, psk)
                assert ciphers, f"{pattern}, we begin: {we_begin}: did not complete"
                sealed = transport(peer, *ciphers)
            if pattern == "KK":
                rekey(peer, ciphers[1], sealed)
            print(f"{pattern}, we {'begin' if we_begin else 'answer'}: good")
    for we_begin in (True, False):
        assert handshake(peer, "XXpsk3", we_begin, psk, os.urandom(32)) is None, "a wrong psk completed"
    print("wrong psk: refused")
    sys.exit(peer.close())


if __name__ == "__main__":
    main()
