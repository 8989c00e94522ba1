"""Sealing and opening with the ``openssl`` command, as an outside organisation would do it."""

import subprocess
from pathlib import Path

SECONDS = 120


class SealRefused(Exception):
    """openssl did not accept a signature or an envelope."""


class Openssl:
    """One party's keys, used only through the openssl command."""

    def __init__(self, identity: Path, scratch: Path) -> None:
        """Use the keys of ``identity`` and keep passing files in ``scratch`` (0700)."""
        self._identity = identity
        self._scratch = scratch
        scratch.mkdir(mode=0o700, parents=True, exist_ok=True)

    def sign(self, payload: bytes) -> bytes:
        """Return a CMS SignedData with the payload attached (DER)."""
        signer = ["-signer", self._key("identity.crt"), "-inkey", self._key("identity.key")]
        arguments = ["-sign", "-binary", "-nodetach", "-outform", "DER", "-md", "sha256", *signer]
        return self._run(payload, arguments, [])

    def seal(self, payload: bytes) -> bytes:
        """Return the payload signed, then enveloped to the ward (DER)."""
        arguments = ["-encrypt", "-binary", "-outform", "DER", "-aes-256-cbc"]
        return self._run(self.sign(payload), arguments, [self._key("ward.crt")])

    def verify(self, signed: bytes) -> bytes:
        """Return the payload if the ward signed it.

        Raises:
            SealRefused: it did not, or the message is damaged.
        """
        pinned = ["-certfile", self._key("ward.crt"), "-nointern"]
        chain = ["-CAfile", self._key("ca.crt"), "-no-CApath", "-no-CAstore"]
        return self._run(signed, ["-verify", "-binary", "-inform", "DER", *chain, *pinned], [])

    def unseal(self, sealed: bytes) -> bytes:
        """Decrypt, then verify.

        Raises:
            SealRefused: not for us, not by the ward, or damaged.
        """
        own = ["-inkey", self._key("identity.key"), "-recip", self._key("identity.crt")]
        return self.verify(self._run(sealed, ["-decrypt", "-binary", "-inform", "DER", *own], []))

    def _key(self, name: str) -> str:
        return str(self._identity / name)

    def _run(self, content: bytes, arguments: list[str], last: list[str]) -> bytes:
        before, after = self._scratch / "in", self._scratch / "out"
        before.write_bytes(content)
        files = ["-in", str(before), "-out", str(after)]
        try:
            done = subprocess.run(
                ["openssl", "cms", *arguments, *files, *last],
                check=False,
                capture_output=True,
                timeout=SECONDS,
            )
            if done.returncode != 0:
                raise SealRefused(f"openssl cms {arguments[0]}: exit {done.returncode}")
            return after.read_bytes()
        finally:
            before.unlink(missing_ok=True)
            after.unlink(missing_ok=True)
