"""TLS of outgoing connections: which certificates are trusted, and errors as one line."""

from __future__ import annotations

from OpenSSL import SSL
from OpenSSL.crypto import X509
from service_identity.exceptions import CertificateError, VerificationError
from service_identity.hazmat import DNS_ID, IPAddress_ID, ServiceID, verify_service_identity
from service_identity.pyopenssl import extract_patterns
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import Certificate, optionsForClientTLS
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

_CODES = {code: name for name, code in vars(SSL.X509VerificationCodes).items() if name.startswith("ERR_")}


class Distrusted(Exception):
    """The server is not the one that was meant, for a reason that may be logged."""


@implementer(IOpenSSLClientConnectionCreator)
class Verifying:
    """As :func:`optionsForClientTLS`: ``host`` must show a certificate for its name that ``trust`` signed (this
    machine's authorities unless given).

    That one takes a certificate that names no host at all for an error of its own: it logs a traceback at each attempt,
    and, if the certificate is trusted, goes on. Here it is refused like any other.
    """

    def __init__(self, host: str, trust: Certificate | None = None) -> None:
        self._creator = optionsForClientTLS(host, trust)
        self._host = host
        numeric = isIPAddress(host) or isIPv6Address(host)
        self._id: ServiceID = IPAddress_ID(host) if numeric else DNS_ID(host.encode("idna").decode("ascii"))

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        connection: SSL.Connection = self._creator.clientConnectionForTLS(tlsProtocol)
        verified: TLSMemoryBIOProtocol | None = tlsProtocol

        def verify(_: SSL.Connection, certificate: X509, code: int, depth: int, trusted: int) -> bool:
            nonlocal verified
            reason = self._distrust(certificate, code, depth, bool(trusted))
            if reason and verified is not None:
                verified.failVerification(Failure(Distrusted(reason)))
            if reason or not depth:
                verified = None  # it holds the connection, which holds this function
            return not reason

        connection.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, verify)
        return connection

    def _distrust(self, certificate: X509, code: int, depth: int, trusted: bool) -> str:
        """What is wrong with one certificate of the chain, blank for nothing. Never raises: OpenSSL calls."""
        if not trusted:
            return f"its certificate is not trusted: {_words(code)}"
        if depth:  # the name stands in the first one only
            return ""
        try:
            verify_service_identity(extract_patterns(certificate), [self._id], [])
        except VerificationError:
            return f"its certificate is not for {self._host}"
        except CertificateError as error:
            return f"its certificate is not for {self._host}: {str(error).rstrip('.')}"
        except Exception as error:
            return f"its certificate cannot be read: {type(error).__name__}"
        return ""


def _words(code: int) -> str:
    """Such as "depth zero self signed cert"."""
    return _CODES.get(code, f"ERR_{code}").removeprefix("ERR_").replace("_", " ").lower()


def describe_error(error: BaseException | None) -> str:
    """Why a connection was lost. Errors of OpenSSL are lists of texts, of which the last says most."""
    if isinstance(error, SSL.Error) and error.args and isinstance(error.args[0], list) and error.args[0]:
        return f"TLS: {error.args[0][-1][-1]}"
    return str(error) or type(error).__name__
