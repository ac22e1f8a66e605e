"""Which certificates are trusted.

The rule that keeps it honest: certificate and name are always verified, and nothing here turns that off.

A room of its own because it loads `ssl`: 20 ms, and 40 more for reading a system's certificates.
"""

import os
import ssl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

OPENSSL_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")  # read by OpenSSL itself, in place of the system's certificates
BUNDLE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # a file or a directory


def context(environ: "Mapping[str, str]") -> ssl.SSLContext:
    """What verifies a server, by the certificates that the variables name together, else by the system's.

    Raises `ssl.SSLError` if a named bundle cannot be read: to go without it would be to trust somebody else.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies certificate and name, from TLS 1.2 on
    made.set_alpn_protocols(["http/1.1"])
    named = [environ[variable] for variable in OPENSSL_VARIABLES if environ.get(variable)]
    # A machine that sets them all sets them to one file: this need not cost 40 ms again.
    bundles = {environ[variable] for variable in BUNDLE_VARIABLES if environ.get(variable)}.difference(named)
    try:
        if named or not bundles:
            made.load_default_certs()
        for bundle in bundles:
            made.load_verify_locations(**{"capath" if os.path.isdir(bundle) else "cafile": bundle})
    except OSError as error:
        raise ssl.SSLError(error.errno, "a bundle of certificates cannot be read") from None
    return made
