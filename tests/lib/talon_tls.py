"""A TLS front for the simulator: certificates made by the openssl command, and a server that ends TLS and passes the
bytes on. Only for the tests of Talon's TLS to providers."""

import socket
import ssl
import subprocess
import threading


def run_openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr}")


class Authority:
    """A certificate authority of its own; `root` is the file that trusts it."""

    def __init__(self, folder, name="test root"):
        self.folder = folder
        folder.mkdir(parents=True)
        self.root, self.key = folder / "root.pem", folder / "root.key"
        run_openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                    "-addext", "basicConstraints=critical,CA:TRUE", "-keyout", str(self.key), "-out", str(self.root))

    def issue(self, name, alternative, days=2):
        """(certificate file, key file) for `alternative`, such as "DNS:localhost". Negative days: expired."""
        certificate, key, wish = (self.folder / f"{name}.{ending}" for ending in ("pem", "key", "csr"))
        extension = self.folder / f"{name}.ext"
        extension.write_text(f"subjectAltName={alternative}\n")
        run_openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(wish))
        run_openssl("x509", "-req", "-in", str(wish), "-CA", str(self.root), "-CAkey", str(self.key), "-CAcreateserial", "-days", str(days),
                    "-extfile", str(extension), "-out", str(certificate))
        return certificate, key


class TlsFront:
    """Listens with TLS and passes each connection on to `upstream`. `names`: the SNI names that clients sent."""

    def __init__(self, upstream, certificate, key):
        self.upstream = upstream
        self.names = []
        self.handshakes = 0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.context.sni_callback = lambda _socket, name, _context: self.names.append(name)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                raw, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(raw,), daemon=True).start()

    def _serve(self, raw):
        host, port = self.upstream.rsplit(":", 1)
        try:
            with self.context.wrap_socket(raw, server_side=True) as client, socket.create_connection((host, int(port))) as server:
                self.handshakes += 1
                # Requests one way in this thread, answers the other way in another.
                answers = threading.Thread(target=self._pass_on, args=(server, client), daemon=True)
                answers.start()
                self._pass_on(client, server)
                answers.join(5)
        except OSError:
            pass  # a client that did not like the certificate

    @staticmethod
    def _pass_on(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        try:
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass
