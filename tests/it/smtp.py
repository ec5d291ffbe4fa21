"""A real mail server on a free port, which it prints. What it takes becomes files of the folder.

smtp.py FOLDER [starttls|smtps] [refuse|disconnect|silent ...]: what happens to the first mails; all others are delivered.
A file "silent" says that it is so. Who logs in does so as chat, p@ss. With TLS it takes nothing else, and shows a
certificate for 127.0.0.1 that nobody vouches for, which stands in "certificate.pem".
"""

import asyncio
import datetime
import ipaddress
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

folder, behaviours = sys.argv[1], sys.argv[2:]
tls = behaviours.pop(0) if behaviours[:1] in (["starttls"], ["smtps"]) else None


class Handler:
    taken = 0

    async def handle_DATA(self, server, session, envelope):
        match behaviours.pop(0) if behaviours else "deliver":
            case "refuse":
                return "451 Try again later"
            case "disconnect":
                server.transport.close()
            case "silent":
                open(os.path.join(folder, "silent"), "w").close()
                await asyncio.sleep(3600)
            case "deliver":
                self.taken += 1
                path = os.path.join(folder, f"{self.taken}.eml")
                with open(path + ".part", "wb") as file:
                    file.write(envelope.content)
                os.rename(path + ".part", path)
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (b"chat", b"p@ss"))


def certified():
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now, day = datetime.datetime.utcnow(), datetime.timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
    certificate = builder.add_extension(address, critical=False).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    path = os.path.join(folder, "certificate.pem")
    with open(path, "wb") as file:
        file.write(certificate.public_bytes(pem))
    key_path = os.path.join(folder, "key.pem")
    with open(key_path, "wb") as file:
        file.write(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key_path)
    return context


async def serve():
    handler = Handler()
    context = certified() if tls else None
    starttls = {"tls_context": context, "require_starttls": True} if tls == "starttls" else {}
    make = lambda: SMTP(handler, authenticator=authenticate, auth_require_tls=False, **starttls)
    inside = context if tls == "smtps" else None
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0, ssl=inside)
    print(server.sockets[0].getsockname()[1], flush=True)
    # It ends with the test, however that ends.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)


asyncio.run(serve())
