#!/usr/bin/env python3
"""Runs docker-compose.yml without a container runtime, as local processes on loopback.

Usage: cluster.py [--check] BINARY [COMPOSE-FILE]

Commands, environment, health checks, order of start, secrets, configurations, volumes and the time that each gets to
stop are those of the file. What is mapped: host names and ports to ports on loopback that are free, mounts to folders,
and images to what is installed here: postgres and rabbitmq to tests/run/postgres.sh and tests/run/rabbitmq.sh, the
sftp server to asyncssh, our own image to BINARY. Not played: users, read-only file systems, limits, restarts.

Without --check it stays up until Ctrl-C. With it the eight orders are placed through both api processes, the SDR files
are fetched by sftp and decoded, all is stopped, and the exit status is 0 only if all was right.
"""

import argparse
import asyncio
import base64
import csv
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import asyncssh
import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PATIENCE = 120
PLATFORM = "platform"


class Failed(Exception):
    """The cluster is not as the file says."""


def say(text):
    print(text, flush=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def seconds(text):
    """A duration of the Compose format, such as 1m30s."""
    unit = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
    return sum(int(n) * unit[u] for n, u in re.findall(r"(\d+)(ms|s|m|h)", str(text)))


def until(what, holds, patience=PATIENCE, pause=0.3):
    deadline = time.monotonic() + patience
    while True:
        answer = holds()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise Failed(f"in {patience:.0f} s it has not come to hold that {what}")
        time.sleep(pause)


class Instance:
    """One replica of a service: its folder, its mounts, its ports."""

    def __init__(self, cluster, name, number):
        self.cluster, self.name = cluster, name
        self.service = cluster.services[name]
        self.label = f"{name}-{number}" if cluster.replicas(name) > 1 else name
        self.folder = cluster.folder / self.label
        self.folder.mkdir(mode=0o711)
        self.log = cluster.folder / f"{self.label}.log"
        self.process, self.mounts, self.ports = None, {}, {}
        self.mount()

    def mount(self):
        for volume in self.service.get("volumes", []):
            source, target = volume.split(":")[:2]
            self.mounts[target] = self.cluster.volume(source)
        for outer, folder in self.mounts.items():
            for inner, within in self.mounts.items():
                if inner.startswith(outer + "/"):
                    link = folder / inner[len(outer) + 1 :]
                    if not link.exists():
                        link.symlink_to(within)
        for kind, default in (("secrets", "/run/secrets/"), ("configs", "/")):
            for entry in self.service.get(kind, []):
                entry = {"source": entry} if isinstance(entry, str) else entry
                target = pathlib.PurePosixPath(entry.get("target", default + entry["source"]))
                here = self.folder / target.relative_to("/")
                here.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(self.cluster.file_of(kind, entry["source"]), here)
                here.chmod(0o644)
                self.mounts.setdefault(str(target.parent), here.parent)

    def port(self, inside):
        """The port here that stands for one in the container."""
        return self.ports.setdefault(int(inside), free_port())

    def here(self, text):
        """A text of the file, with the addresses and paths that stand for its own."""
        names = "|".join(re.escape(name) for name in [*self.cluster.services, "0.0.0.0", "127.0.0.1"])

        def address(found):
            owner = self.cluster.instances.get(found[1], [self])[0]
            return f"127.0.0.1{found[2]}{owner.port(found[3])}"

        text = re.sub(rf"(?<![\w.-])({names})([:/])(\d+)", address, str(text))
        for target in sorted(self.mounts, key=len, reverse=True):
            text = re.sub(rf"(?<![\w/.-]){re.escape(target)}(?![\w.-])", str(self.mounts[target]), text)
        return text

    def environment(self):
        given = {name: self.here(value) for name, value in self.service.get("environment", {}).items()}
        return {"PATH": os.environ["PATH"], **given}

    def start(self):
        raise NotImplementedError

    def test(self):
        """The health check's command, as it is run here."""
        kind, *command = self.service["healthcheck"]["test"]
        command = [self.here(word) for word in command]
        return ["sh", "-c", *command] if kind == "CMD-SHELL" else command

    def is_healthy(self):
        limit = seconds(self.service["healthcheck"]["timeout"])
        try:
            done = subprocess.run(
                self.test(), env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True, timeout=limit
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def wait_healthy(self):
        check = self.service["healthcheck"]
        limit = seconds(check["start_period"]) + check["retries"] * (
            seconds(check["interval"]) + seconds(check["timeout"])
        )
        self.alive()
        until(f"{self.label} is healthy", lambda: self.alive() and self.is_healthy(), limit)

    def alive(self):
        if self.process is not None and self.process.poll() is not None:
            raise Failed(f"{self.label} ended with status {self.process.returncode}:\n{self.words()}")
        return True

    def words(self):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:]) if self.log.exists() else ""

    def stop(self):
        """Asks it to end; whether it did so in its time and well."""
        if self.process is None or self.process.poll() is not None:
            return True
        self.process.terminate()
        try:
            return self.process.wait(seconds(self.service.get("stop_grace_period", "10s"))) == 0
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return False


class Ours(Instance):
    """A process of our own binary."""

    def command(self, *more):
        entry = self.service.get("entrypoint", ["telvisor"])
        words = [self.here(word) for word in [*entry, *(more or self.service["command"])]]
        return [str(self.cluster.binary), *words[1:]]

    def environment(self):
        # Where the file names no address, nobody listens in the container.
        return {"TELVISOR_LISTEN": "127.0.0.1:1", **super().environment()}

    def test(self):
        command = super().test()
        return [str(self.cluster.binary) if word == "telvisor" else word for word in command]

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                env=self.environment(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_completed(self):
        status = self.process.wait(PATIENCE)
        self.process = None
        if status != 0:
            raise Failed(f"{self.label} ended with status {status}:\n{self.words()}")


class Scripted(Instance):
    """A server of others that a script of tests/run starts and stops."""

    def script(self, *arguments, **more):
        environment = {**os.environ, **more}
        done = subprocess.run(
            [ROOT / "tests/run" / self.SCRIPT, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            timeout=PATIENCE,
        )
        if done.returncode != 0:
            raise Failed(f"{self.SCRIPT} {arguments[0]} ended with status {done.returncode}")
        return done.stdout.strip()

    def stop(self):
        self.script("stop", str(self.folder / "node"))
        return True


class Postgres(Scripted):
    SCRIPT = "postgres.sh"

    def start(self):
        given = self.environment()
        if given["POSTGRES_USER"] != "telvisor":
            raise Failed("the script makes the user telvisor")
        command = self.service["command"]
        settings = [word for before, word in zip(command, command[1:]) if before == "-c"]
        url = self.script(
            "start",
            str(self.folder / "node"),
            POSTGRES_PASSWORD_FILE=given["POSTGRES_PASSWORD_FILE"],
            POSTGRES_SETTINGS=" ".join(settings),
        )
        self.ports[5432] = int(re.search(r":(\d+)/", url)[1])
        password = pathlib.Path(given["POSTGRES_PASSWORD_FILE"]).read_text()
        subprocess.run(
            ["psql", "--quiet", "--command", f"CREATE DATABASE {given['POSTGRES_DB']}", url],
            env={"PATH": os.environ["PATH"], "PGPASSWORD": password},
            check=True,
            timeout=PATIENCE,
        )


class Rabbitmq(Scripted):
    SCRIPT = "rabbitmq.sh"

    def start(self):
        node = self.folder / "node"
        node.mkdir()
        # It runs as another user, who owns what is below its folder.
        for folder in self.mounts.values():
            if folder.is_relative_to(self.folder):
                shutil.copytree(folder, node / folder.relative_to(self.folder), dirs_exist_ok=True)
        inside = node / "etc/rabbitmq"
        settings = "".join(path.read_text() for path in sorted((inside / "conf.d").glob("*.conf")))
        settings = settings.replace("/etc/rabbitmq", str(inside))
        (node / "settings.conf").write_text(settings)
        url = self.script("start", str(node), RABBITMQ_SETTINGS=str(node / "settings.conf"))
        self.ports[5672] = int(re.search(r":(\d+)/", url)[1])

    def is_healthy(self):
        try:
            self.script("run", str(self.folder / "node"), *self.service["healthcheck"]["test"][1:])
        except Failed:
            return False
        return True


class Sftp(Instance):
    """The sftp server: keys and folder of the file, played by asyncssh in a thread of its own."""

    def start(self):
        target, folder = next((t, f) for t, f in self.mounts.items() if t not in ("/etc/ssh", "/run/secrets"))
        keys = self.folder / "run/secrets"

        class Served(asyncssh.SFTPServer):
            def __init__(self, channel):
                super().__init__(channel, chroot=str(folder.parent))

        # The folder is called as in the container.
        served = folder.parent / target.strip("/")
        if not served.exists():
            served.symlink_to(folder)

        async def serve():
            self.stopped = asyncio.Event()
            server = await asyncssh.listen(
                "127.0.0.1",
                self.port(2222),
                server_host_keys=[str(keys / "sftp_host_key")],
                authorized_client_keys=str(keys / "sftp_authorized_keys"),
                sftp_factory=Served,
                allow_scp=False,
            )
            async with server:
                await self.stopped.wait()

        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_until_complete, args=(serve(),), daemon=True)
        self.thread.start()

    def stop(self):
        self.loop.call_soon_threadsafe(self.stopped.set)
        self.thread.join(10)
        return not self.thread.is_alive()


class Cluster:
    def __init__(self, path, binary, folder):
        self.path, self.binary, self.folder = path, binary, folder
        with path.open() as text:
            self.file = yaml.safe_load(text)
        self.services = self.file["services"]
        self.running = []
        secrets = folder / "secrets"
        subprocess.run([ROOT / "docker/secrets.sh", secrets], check=True, stdout=subprocess.DEVNULL)
        self.instances = {}
        for name in self.services:
            self.instances[name] = [
                self.player(name)(self, name, number + 1) for number in range(self.replicas(name))
            ]

    def player(self, name):
        service = self.services[name]
        image = service.get("image", "").split(":")[0]
        players = {"postgres": Postgres, "rabbitmq": Rabbitmq, "telvisor-sftp": Sftp, "telvisor": Ours}
        if image not in players:
            raise Failed(f"{name}: nothing here plays the image {image!r}")
        return players[image]

    def replicas(self, name):
        return self.services[name].get("deploy", {}).get("replicas", 1)

    def volume(self, name):
        if name not in self.file["volumes"]:
            raise Failed(f"the volume {name} is not declared")
        folder = self.folder / "volumes" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def file_of(self, kind, name):
        given = pathlib.PurePosixPath(self.file[kind][name]["file"])
        # Secrets are made anew for each run.
        return self.folder / given if given.parts[0] == "secrets" else self.path.parent / given

    def up(self):
        started = set()

        def start(name):
            if name in started:
                return
            started.add(name)
            for other, how in self.services[name].get("depends_on", {}).items():
                start(other)
                for instance in self.instances[other]:
                    if how["condition"] == "service_healthy":
                        instance.wait_healthy()
                    elif how["condition"] == "service_completed_successfully":
                        if instance.process is not None:
                            instance.wait_completed()
                    elif how["condition"] != "service_started":
                        raise Failed(f"{name}: nobody knows the condition {how['condition']}")
            for instance in self.instances[name]:
                instance.start()
                self.running.append(instance)
                say(f"  {instance.label} is started")

        for name, service in self.services.items():
            if not service.get("profiles"):
                start(name)
        for instance in self.running:
            if "healthcheck" in instance.service:
                instance.wait_healthy()
                say(f"  {instance.label} is healthy")

    def down(self):
        """Stops all in the reverse order; those that did not end well."""
        bad = []
        for instance in reversed(self.running):
            if not instance.stop():
                bad.append(f"{instance.label} did not end well in its time:\n{instance.words()}")
        self.running = []
        return bad


class Check:
    """What a BSS and a mediation platform do with the cluster."""

    ORDERS = "/tmf-api/serviceOrdering/v4/serviceOrder"
    CUSTOMER, APPLICATION = "8001", "kinfolk"

    def __init__(self, cluster):
        self.cluster, self.passed = cluster, 0
        self.apis = [f"http://127.0.0.1:{i.port(8080)}" for i in cluster.instances["api"]]

    def ok(self, what):
        self.passed += 1
        say(f"  ok: {what}")

    def run(self):
        self.make_operator()
        self.ok("the first client is made on the database")
        self.refused_without_credentials()
        subscription = self.orders()
        self.sdr_files(subscription)
        self.back_up_and_restore(subscription)

    def make_operator(self):
        scopes = "admin,operations,orders:read,orders:write,inventory:read"
        self.secret = self.client("add", "operator", "--scope", scopes, "--json")["secret"]
        self.credentials = base64.b64encode(f"operator:{self.secret}".encode()).decode()

    def client(self, *arguments):
        tool = self.cluster.instances["client"][0]
        done = subprocess.run(
            tool.command(*arguments), env=tool.environment(), capture_output=True, text=True, timeout=PATIENCE
        )
        if done.returncode != 0:
            raise Failed(f"client {' '.join(arguments)}: {done.stderr}")
        return json.loads(done.stdout)

    def call(self, api, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.apis[api] + path, data)
        request.add_header("Authorization", f"Basic {self.credentials}")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def refused_without_credentials(self):
        for api in self.apis:
            try:
                urllib.request.urlopen(api + self.ORDERS, timeout=30)
            except urllib.error.HTTPError as refusal:
                if refusal.code == 401:
                    continue
            raise Failed(f"{api} lets in who brings no credentials")
        self.ok("who brings no credentials is refused by both")

    def order(self, number, what, action, service):
        """Places an order at one api process, and waits for its end at the other."""
        api = number % 2
        service["relatedParty"] = [{"id": self.CUSTOMER, "role": "customer"}]
        item = {"id": "1", "action": action, "service": service}
        placed = self.call(api, self.ORDERS, {"externalId": f"check-{number}", "serviceOrderItem": [item]})

        def ended():
            order = self.call(1 - api, f"{self.ORDERS}/{placed['id']}")
            return order if order["state"] in ("completed", "failed", "partial", "held", "rejected") else None

        order = until(f"the order to {what} has ended", ended)
        if order["state"] != "completed":
            raise Failed(f"{what}: {json.dumps(order, indent=2)}")
        self.ok(f"{what}, through api-{api + 1}")
        return order["serviceOrderItem"][0]["service"]["id"]

    def orders(self):
        def given(**values):
            return {"serviceCharacteristic": [{"name": n, "value": v} for n, v in values.items()]}

        account = {"serviceSpecification": {"id": "customer-account"}, **given(name="Ada")}
        self.order(1, "create a customer", "add", account)
        wanted = {"serviceSpecification": {"id": self.APPLICATION}, **given(plan="solo", version="1.1")}
        it = self.order(2, "install an application", "add", wanted)
        self.order(3, "upgrade it", "modify", {"id": it, **given(version="2.0")})
        self.order(4, "downgrade it", "modify", {"id": it, **given(version="1.1")})
        self.order(5, "suspend it", "modify", {"id": it, "state": "inactive"})
        self.order(6, "re-activate it", "modify", {"id": it, "state": "active"})
        self.order(7, "back it up", "modify", {"id": it, **given(operation="backup")})
        self.order(8, "terminate it", "delete", {"id": it})
        return it

    def sdr_files(self, subscription):
        # 1001 installed, 1002 upgraded, 1003 downgraded, 1004 backup taken.
        expected = ["1001", "1002", "1003", "1004"]
        self.call(0, "/api/v1/sdr/seal", {})
        fetched = self.cluster.folder / "fetched"

        def complete():
            shutil.rmtree(fetched, ignore_errors=True)
            asyncio.run(self.fetch(fetched))
            return len(list(fetched.rglob("*.csv"))) >= 1 and len(list(fetched.rglob("*.cdr"))) >= 1

        until("the SDR files lie with the sftp server", complete)
        self.ok("the SDR files are fetched by sftp, and an acknowledgement is put beside them")
        types = []
        for path in sorted(fetched.rglob("*.csv")):
            with path.open(newline="") as text:
                rows = [row for row in csv.reader(text) if row[0] == "D"]
            types += [row[3] for row in rows if row[13] == subscription]
        if types != expected:
            raise Failed(f"the records are of the types {types}, and not {expected}")
        self.ok("they hold a record of each kind, once")
        checker = [sys.executable, ROOT / "tests/py/check_sdr.py", ROOT / "docs/SDR-DataTypes.asn1", fetched]
        decoded = subprocess.run(checker, capture_output=True, text=True, timeout=PATIENCE)
        if decoded.returncode != 0:
            raise Failed(decoded.stdout + decoded.stderr)
        self.ok(decoded.stdout.strip())

    def back_up_and_restore(self, subscription):
        """By the page of operations: the database, the folder of backups and the key file, put back elsewhere."""
        database = self.cluster.instances["postgres"][0]
        server = f"postgres://telvisor@127.0.0.1:{database.port(5432)}"
        password = (self.cluster.folder / "secrets/database_password").read_text()
        environment = {"PATH": os.environ["PATH"], "PGPASSWORD": password}

        def run(*command):
            subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE)

        kept, data = self.cluster.folder / "kept", self.cluster.volume("data")
        kept.mkdir()
        run("pg_dump", "--format=custom", f"--file={kept / 'database'}", f"{server}/telvisor")
        shutil.copytree(data / "backups", kept / "backups")
        ours = [i for i in self.cluster.running if i.name in ("api", "worker", "mediation")]
        for instance in ours:
            if not instance.stop():
                raise Failed(f"{instance.label} did not end well:\n{instance.words()}")
        shutil.rmtree(data / "backups")
        run("psql", "--command", "DROP DATABASE telvisor", f"{server}/postgres")
        self.ok("database and backups are kept elsewhere, and lost")
        run("psql", "--command", "CREATE DATABASE telvisor", f"{server}/postgres")
        run("pg_restore", f"--dbname={server}/telvisor", kept / "database")
        shutil.copytree(kept / "backups", data / "backups")
        for instance in ours:
            instance.start()
        for instance in ours:
            if "healthcheck" in instance.service:
                instance.wait_healthy()
        # Its data lies in the backup that its termination kept.
        self.order(9, "bring back what was terminated, after the restoration", "modify", {"id": subscription, "state": "active"})

    async def fetch(self, into):
        sftp = self.cluster.instances["sftp"][0]
        secrets = self.cluster.folder / "secrets"
        host_key = (secrets / "sftp_host_key.pub").read_text()
        into.mkdir()
        async with asyncssh.connect(
            "127.0.0.1",
            sftp.port(2222),
            username=PLATFORM,
            client_keys=[str(secrets / "sftp_platform_key")],
            known_hosts=asyncssh.import_known_hosts(f"[127.0.0.1]:{sftp.port(2222)} {host_key}"),
        ) as connection:
            async with connection.start_sftp_client() as client:
                for recipient in ("mediation-csv", "mediation-asn1"):
                    if not await client.exists(f"/sdr/{recipient}"):
                        continue
                    await client.get(f"/sdr/{recipient}", str(into), recurse=True)
                    await client.makedirs(f"/sdr/{recipient}/ack", exist_ok=True)
                    async with client.open(f"/sdr/{recipient}/ack/.checked", "w") as note:
                        await note.write("read\n")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--check", action="store_true")
    arguments.add_argument("binary", type=pathlib.Path)
    arguments.add_argument("file", type=pathlib.Path, nargs="?", default=ROOT / "docker-compose.yml")
    given = arguments.parse_args()

    def interrupted(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupted)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="telvisor-cluster."))
    folder.chmod(0o711)
    cluster, check, faults = None, None, []
    try:
        cluster = Cluster(given.file.resolve(), given.binary.resolve(), folder)
        say(f"{given.file.name} is played in {folder}")
        cluster.up()
        check = Check(cluster)
        if given.check:
            check.run()
        else:
            for number, api in enumerate(check.apis, 1):
                say(f"api-{number}: {api}")
            check.make_operator()
            say(f"export TELVISOR_SERVER={check.apis[0]} TELVISOR_TOKEN=operator:{check.secret}")
            say(f"SDR files: sftp -P {cluster.instances['sftp'][0].port(2222)} "
                f"-i {folder / 'secrets/sftp_platform_key'} {PLATFORM}@127.0.0.1:/sdr")
            say("Ctrl-C stops all and removes what it kept")
            while True:
                for instance in cluster.running:
                    instance.alive()
                time.sleep(1)
    except (Failed, OSError, subprocess.SubprocessError) as fault:
        faults.append(f"{type(fault).__name__}: {fault}")
    except KeyboardInterrupt:
        say("stopping")
    finally:
        if cluster is not None:
            faults += cluster.down()
        if not faults:
            shutil.rmtree(folder, ignore_errors=True)
    for fault in faults:
        say(f"FAILED: {fault}")
    if faults:
        say(f"logs and data are kept in {folder}")
    elif given.check:
        check.ok("every process ended well in its time")
    if given.check:
        say(f"cluster: {check.passed if check else 0} passed, {len(faults)} failed")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
