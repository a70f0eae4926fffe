# SPDX-License-Identifier: LGPL-2.1-or-later
"""Servers for the courier's tests: a certificate authority, nginx, etcd, and the broker's courier socket."""

import base64, collections, functools, hashlib, json, os, pathlib, signal, socket, ssl, subprocess, sys, tempfile, threading, time, urllib.request


def run(*command, **more):
    return subprocess.run(command, check=True, capture_output=True, text=True, **more).stdout


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what, condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.02)


def count_in_memory(pid, text):
    """How often a process has TEXT anywhere."""
    found = 0
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for begin, end in ((int(number, 16) for number in line.split()[0].split("-")) for line in maps if " r" in line):
            if end - begin > 1 << 30: # of a sanitizer; no heap is so large
                continue
            try:
                memory.seek(begin)
                found += memory.read(end - begin).count(text)
            except OSError:
                pass # a guard page
    return found


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Authority:
    """Certificates for 127.0.0.1, and for a client without a common name (etcd's gateway refuses others)."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(exist_ok=True)
        self.ca = self.make("ca", "/CN=test CA", "basicConstraints=critical,CA:TRUE")
        self.server = self.make("server", "/CN=server", "subjectAltName=IP:127.0.0.1", "extendedKeyUsage=serverAuth,clientAuth")
        self.client = self.make("client", "/O=hosts", "extendedKeyUsage=clientAuth")

    def make(self, name, subject, *extensions):
        path = self.folder / name
        signer = [] if name == "ca" else ["-CA", f"{self.folder}/ca.crt", "-CAkey", f"{self.folder}/ca.key"]
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "9",
            "-subj", subject, "-keyout", f"{path}.key", "-out", f"{path}.crt", *signer,
            *(word for extension in extensions for word in ("-addext", extension)))
        return path

    @functools.cache
    def context(self):
        context = ssl.create_default_context(cafile=f"{self.ca}.crt")
        context.load_cert_chain(f"{self.client}.crt", f"{self.client}.key")
        return context


class Process:
    """A server that ends with the test."""

    def start(self, *command, port):
        self.log = open(f"{self.folder}/log", "ab")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        wait_for(f"{command[0]} on port {port}", lambda: self.alive() and listens(port))

    def alive(self):
        if self.process.poll() is not None:
            raise AssertionError(pathlib.Path(f"{self.folder}/log").read_text()[-3000:])
        return True

    def stop(self, with_signal=signal.SIGTERM):
        self.process.send_signal(with_signal)
        self.process.wait()


class Nginx(Process):
    """Files of folder/www by https, with PUT. EXTRA are more lines of the server's block."""

    def __init__(self, folder, authority, extra=""):
        self.folder, self.authority = pathlib.Path(folder), authority
        self.www = self.folder / "www"
        self.www.mkdir(parents=True)
        os.chmod(self.folder, 0o755)
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}/"
        self.configure(extra)

    def configure(self, extra, other=""):
        """OTHER is the server's block in the place of ours."""
        server = other or f"""
                server {{
                    listen 127.0.0.1:{self.port} ssl;
                    ssl_certificate {self.authority.server}.crt; ssl_certificate_key {self.authority.server}.key;
                    root {self.www}; dav_methods PUT; create_full_put_path on;
                    {extra}
                }}"""
        text = f"""
            daemon off; master_process off; worker_processes 1; pid {self.folder}/pid; error_log {self.folder}/error;
            events {{ worker_connections 4096; }}
            http {{
                access_log {self.folder}/access;
                client_body_temp_path {self.folder}/body; proxy_temp_path {self.folder}/proxy;
                fastcgi_temp_path {self.folder}/f; uwsgi_temp_path {self.folder}/u; scgi_temp_path {self.folder}/s;
                client_max_body_size 4m;
                {server}
            }}"""
        (self.folder / "conf").write_text(text)
        if hasattr(self, "process"):
            self.stop()
        self.start("nginx", "-e", f"{self.folder}/error", "-c", f"{self.folder}/conf", port=self.port)

    def requests(self):
        return (self.folder / "access").read_text().splitlines()


class Etcd(Process):
    """One etcd of a cluster whose members have PORTS (client, peer); INDEX is this one's."""

    def __init__(self, folder, authority, ports=None, index=0, state="new"):
        self.folder, self.authority = pathlib.Path(folder), authority
        self.folder.mkdir()
        self.ports, self.index = ports or [(free_port(), free_port())], index
        self.url = f"https://127.0.0.1:{self.ports[index][0]}"
        self.boot(wait=len(self.ports) == 1)

    def boot(self, wait=True, data="data"):
        client, peer = self.ports[self.index]
        cluster = ",".join(f"n{i}=http://127.0.0.1:{peer}" for i, (_, peer) in enumerate(self.ports))
        pki = self.authority
        self.log = open(f"{self.folder}/log", "ab")
        self.process = subprocess.Popen(
            ["etcd", "--name", f"n{self.index}", "--data-dir", f"{self.folder}/{data}", "--listen-client-urls", self.url,
             "--advertise-client-urls", self.url, "--listen-peer-urls", f"http://127.0.0.1:{peer}",
             "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}", "--initial-cluster", cluster,
             "--cert-file", f"{pki.server}.crt", "--key-file", f"{pki.server}.key", "--client-cert-auth",
             "--trusted-ca-file", f"{pki.ca}.crt"], stdout=self.log, stderr=self.log)
        if wait:
            self.ready()

    def ready(self):
        wait_for("etcd", lambda: self.alive() and self.ctl("endpoint", "health", check=False))

    def ctl(self, *arguments, user=None, check=True):
        pki = self.authority
        done = subprocess.run(
            ["etcdctl", "--endpoints", self.url, "--cacert", f"{pki.ca}.crt", "--cert", f"{pki.client}.crt",
             "--key", f"{pki.client}.key", *(["--user", user] if user else []), *arguments],
            capture_output=True, text=True, env={**os.environ, "ETCDCTL_API": "3"})
        if check and done.returncode != 0:
            raise AssertionError(done.stderr)
        return done.returncode == 0 and (done.stdout or "ok")

    def call(self, method, **texts):
        """Calls METHOD of the JSON gateway, without starting etcdctl."""
        body = {name: base64.b64encode(text.encode()).decode() for name, text in texts.items()}
        request = urllib.request.Request(f"{self.url}/v3/kv/{method}", json.dumps(body).encode())
        with urllib.request.urlopen(request, context=self.authority.context()) as answer:
            return json.load(answer)


class BadServer:
    """An https server that may answer as servers should not: ANSWER_TO(request, send), of a subclass, sends the answer.

    PAIR is the path of a certificate and its key, without .crt and .key."""

    Request = collections.namedtuple("Request", "method path lines body")

    def __init__(self, pair, port=0):
        self.listener = socket.create_server(("127.0.0.1", port))
        self.url = f"https://127.0.0.1:{self.listener.getsockname()[1]}/"
        self.context = self.context_of(pair)
        threading.Thread(target=self.serve, daemon=True).start()

    @staticmethod
    def context_of(pair):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{pair}.crt", f"{pair}.key")
        return context

    def serve(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def secure(self, connection):
        return self.context.wrap_socket(connection, server_side=True)

    def talk(self, connection):
        try:
            connection = self.secure(connection)
            request = b""
            while b"\r\n\r\n" not in request:
                request += connection.recv(65536) or exit()
            head, _, body = request.partition(b"\r\n\r\n")
            lines = head.decode().split("\r\n")
            length = max([int(line.split()[1]) for line in lines if line.lower().startswith("content-length:")], default=0)
            while len(body) < length:
                body += connection.recv(65536) or exit()
            self.answer_to(self.Request(*lines[0].split()[:2], lines, body), connection.sendall)
            connection.unwrap()
        except (OSError, SystemExit):
            pass
        connection.close()


def ok(body, *headers, length=None):
    head = ["HTTP/1.1 200 OK", f"Content-Length: {len(body) if length is None else length}", "Connection: close", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


class Broker:
    """The broker's courier socket. It wants all files of a bundle, {"files": "SHA-256 ..."}, and remembers what it got."""

    def __init__(self, path):
        self.path, self.blobs, self.offers, self.accepted, self.refuse = str(path), {}, [], [], None
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(self.path)
        self.socket.listen(16)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            connection, _ = self.socket.accept()
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        buffer = b""
        while data := connection.recv(65536):
            buffer += data
            while b"\0" in buffer:
                message, buffer = buffer.split(b"\0", 1)
                connection.sendall(json.dumps(self.answer(json.loads(message))).encode() + b"\0")

    def answer(self, call):
        parameters = call["parameters"]
        method = call["method"].removeprefix("io.nspawn-creds.Courier.")
        if method == "Offer":
            self.offers.append(parameters["bundle"])
            if self.refuse:
                return {"parameters": {"outcome": self.refuse, "reason": "why", "missing": []}}
            self.offered = json.loads(parameters["bundle"])
            missing = [name for name in self.offered["files"].split() if name not in self.blobs]
            return {"parameters": {"outcome": "ok", "sequence": self.offered["sequence"], "missing": missing}}
        if method == "Blob":
            data = parameters["data"]
            if hashlib.sha256(data.encode()).hexdigest() != parameters["sha256"]:
                return {"error": "io.nspawn-creds.Courier.NotSigned",
                        "parameters": {"sentence": "x", "reason": "the file has another digest", "remedy": "y"}}
            self.blobs[parameters["sha256"]] = data
            return {"parameters": {}}
        if method == "Commit":
            self.accepted.append(self.offered["sequence"])
            report = json.dumps({"version": 1, "sequence": self.offered["sequence"], "outcome": "ok"})
            return {"parameters": {"outcome": "ok", "report": report}}
        return {"error": "org.varlink.service.MethodNotFound", "parameters": {}}


class Release:
    """A tree of the carrier's layout for HOSTS of the fleet prod, all with the same FILES."""

    def __init__(self, folder, sequence, *files, hosts=("web1",)):
        self.folder, self.sequence, self.files = pathlib.Path(folder), sequence, {hashlib.sha256(f.encode()).hexdigest(): f for f in files}
        (self.folder / "v1/prod/sha256").mkdir(parents=True)
        for name, content in self.files.items():
            (self.folder / f"v1/prod/sha256/{name}").write_text(content)
        self.bundle = json.dumps({"sequence": sequence, "files": " ".join(self.files)})
        self.hosts = hosts
        for host in hosts:
            (self.folder / f"v1/prod/hosts/{host}").mkdir(parents=True)
            (self.folder / f"v1/prod/hosts/{host}/bundle").write_text(self.bundle)


COURIER = sys.argv[1:] and os.path.abspath(sys.argv[1])
IN_NAMESPACE = 'mount -t tmpfs tmpfs /etc; mkdir -p /etc/nspawn-creds/fleet; cp "$1" /etc/nspawn-creds/fleet/prod.json; shift; exec "$@"'


class World:
    """A folder with a certificate authority, a broker, and the configuration of a carrier."""

    def __init__(self, folder, authority):
        self.folder, self.authority, self.couriers, self.servers = pathlib.Path(folder), authority, [], []
        self.broker = Broker(self.folder / "broker")
        self.log = self.folder / "courier.log"

    def set_carrier(self, **carrier):
        self.carrier = {key.rstrip("_"): value for key, value in carrier.items()}
        (self.folder / "carrier").write_text(json.dumps(self.carrier))
        (self.folder / "config").write_text(json.dumps({"host": "web1", "carrier": self.carrier}))

    def release(self, sequence, *files, **more):
        return Release(self.folder / f"release-{sequence}", sequence, *files, **more)

    def command(self, *arguments):
        return ["unshare", "--map-root-user", "--mount", "sh", "-euc", IN_NAMESPACE, "sh", str(self.folder / "config"), COURIER,
                f"--socket={self.broker.path}", *arguments, "run", "prod"]

    def once(self, *options):
        return subprocess.run(self.command("--once", *options), capture_output=True, text=True, timeout=120)

    def put(self, release, before=(), **more):
        return subprocess.run([*before, COURIER, f"--carrier={self.folder}/carrier", "put", str(release.folder)],
                              capture_output=True, text=True, timeout=120, **more)

    def must_put(self, release):
        done = self.put(release)
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"Put {len(release.files)} files and {len(release.hosts)} bundles on the carrier\n", done.stdout

    def must_take(self, sequence):
        done = self.once()
        assert done.returncode == 0, done.stderr
        assert self.broker.accepted[-1] == sequence, self.broker.accepted

    def must_fail(self, text, status=1, options=()):
        done = self.once(*options)
        assert done.returncode == status and text in done.stderr, (done.returncode, done.stderr)

    def start(self, **more):
        courier = subprocess.Popen(self.command(), stderr=open(self.log, "ab"), **more)
        self.couriers.append(courier)
        return courier

    def wait_for(self, sequence, seconds=60):
        begin = time.monotonic()
        try:
            wait_for(f"sequence {sequence}", lambda: sequence in self.broker.accepted, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.log.read_text()}")
        return time.monotonic() - begin

    def stop(self):
        for courier in self.couriers:
            courier.kill()
            courier.wait()
        for server in self.servers:
            if server.process.poll() is None:
                server.stop(signal.SIGKILL)


def main(functions):
    """Runs the functions case_NAME, or those named on the command line, each in a world of its own."""
    cases = {name[5:].replace("_", "-"): case for name, case in functions.items() if name.startswith("case_")}
    failed = 0
    if subprocess.run(["unshare", "--map-root-user", "--mount", "sh", "-c", "mount -t tmpfs tmpfs /etc && [ -O / ]"], capture_output=True).returncode:
        print("skipped: there are no user namespaces, or the root directory is not root's in them")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        authority = Authority(f"{folder}/pki")
        for name in sys.argv[2:] or cases:
            os.mkdir(f"{folder}/{name}")
            world = World(f"{folder}/{name}", authority)
            begin = time.monotonic()
            try:
                cases[name](world)
                print(f"passed {name} ({time.monotonic() - begin:.0f} s)", flush=True)
            except Exception as error:
                print(f"FAILED {name}: {type(error).__name__}: {error}", flush=True)
                if world.log.exists():
                    print(world.log.read_text()[-2000:])
                failed += 1
            finally:
                world.stop()
    return int(failed > 0)

