"""What can go wrong on the link. Every message says what happened and what to do.

No message holds personal data: names of files, folders, hosts and parties, sizes and hashes only.
"""

from pipelines.errors import KyufuError


class LinkError(KyufuError):
    """Something on the link failed; nothing may be counted as delivered or received."""


class HostKeyRefused(LinkError):
    """The server's host key is not the pinned one."""


class LinkUnreachable(LinkError):
    """The server cannot be reached, or the connection broke: look again, then retry."""


class KeyNotUsable(LinkError):
    """A private key, certificate or folder of keys is missing, unreadable or damaged."""


class AccountRefused(LinkError):
    """The server does not accept the account's key."""


class RemoteFailure(LinkError):
    """The server answered with an error (disk full, permission, quota, no size)."""


class NameTaken(LinkError):
    """Something else already stands under the final name; a person decides."""


class NameNotAllowed(LinkError):
    """A delivery's name is not one that this link carries."""


class DeliveryUnknown(LinkError):
    """A send had started and nothing is there: the receiver may have taken the file."""


class ReadBackDiffers(LinkError):
    """What the server holds is not what was written (short, doubled or changed)."""


class StoredBytesDiffer(LinkError):
    """The stored sealed file is not the one that its delivery names."""


class SealInvalid(LinkError):
    """A sealed or signed file is damaged, for somebody else, or not by the expected sender."""


class ManifestInvalid(LinkError):
    """A manifest or acknowledgement is signed well but does not say what it must."""


class CertificateNotValid(LinkError):
    """A certificate is expired, not yet valid, or not made for this use."""


class RelayFailed(LinkError):
    """The simulated relay or one of its parties did not start, or died."""
