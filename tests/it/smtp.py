"""A real mail server on a free port, which it prints. What it takes becomes files of the folder.

smtp.py FOLDER [refuse|disconnect|silent ...]: what happens to the first mails; all others are delivered. A file "silent"
says that it is so. Who logs in does so as chat, p@ss.
"""

import asyncio
import os
import sys

from aiosmtpd.smtp import SMTP, AuthResult

folder, behaviours = sys.argv[1], sys.argv[2:]


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


async def serve():
    handler = Handler()
    make = lambda: SMTP(handler, authenticator=authenticate, auth_require_tls=False)
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    # It ends with the test, however that ends.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)


asyncio.run(serve())
