//! An OpenSSH server of the test's own, on loopback, as the user who runs the tests. Each connection gets an `sshd` of
//! its own (`-i`), so that no port has to be guessed and no start waited for; what passes between the two can be counted
//! and cut off.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

use crate::harness::files_below;

const SSHD: &str = "/usr/sbin/sshd";
const SFTP_SERVER: &str = "/usr/lib/openssh/sftp-server";

pub struct Server {
    dir: TempDir,
    pub port: u16,
    pub user: String,
    /// As `host_key` of a recipient wants it.
    pub host_key: String,
    pub line: Arc<Line>,
}

/// What happens to the connections.
#[derive(Default)]
pub struct Line {
    /// Octets after which the next connections are cut off, the next one last; none: they are left alone.
    pub cuts: Mutex<Vec<usize>>,
    /// Connections so far.
    pub connections: Mutex<usize>,
    /// Nothing is answered at all.
    pub mute: Mutex<bool>,
}

impl Server {
    pub async fn start() -> Self {
        for program in [SSHD, SFTP_SERVER] {
            assert!(
                Path::new(program).exists(),
                "{program} is missing; `tests/run/setup.sh packages` installs Debian's openssh-server without starting it"
            );
        }
        let dir = TempDir::new().unwrap();
        let user = run("id", &["-un"]);
        for key in ["host_key", "other_host_key", "key", "other_key"] {
            make_key(&dir.path().join(key));
        }
        std::fs::copy(dir.path().join("key.pub"), dir.path().join("authorized_keys")).unwrap();
        std::fs::create_dir(dir.path().join("in")).unwrap();
        if user == "root" {
            // Where sshd shuts itself in before somebody has logged in; the service makes it when it starts.
            std::fs::create_dir_all("/run/sshd").unwrap();
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let host_key = std::fs::read_to_string(dir.path().join("host_key.pub")).unwrap();
        let line = Arc::new(Line::default());
        let server = Self { port, user, host_key, line: line.clone(), dir };
        server.use_host_key("host_key");
        let config = server.dir.path().join("sshd_config");
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection, config.clone(), line.clone()));
            }
        });
        server
    }

    /// Which of its keys the server shows from now on.
    pub fn use_host_key(&self, name: &str) {
        let dir = self.dir.path().display();
        let config = format!(
            "HostKey {dir}/{name}\nAuthorizedKeysFile {dir}/authorized_keys\nPidFile none\nStrictModes no\nUsePAM no\n\
             PasswordAuthentication yes\nKbdInteractiveAuthentication no\nPermitRootLogin yes\nLogLevel QUIET\n\
             Subsystem sftp {SFTP_SERVER}\n"
        );
        std::fs::write(self.dir.path().join("sshd_config"), config).unwrap();
    }

    /// The key that is let in.
    pub fn key(&self) -> PathBuf {
        self.file("key")
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Where the recipient's files go.
    pub fn folder(&self) -> PathBuf {
        self.dir.path().join("in")
    }

    /// What lies there, by path from there.
    pub fn there(&self) -> BTreeMap<String, Vec<u8>> {
        files_below(&self.folder())
    }
}

fn make_key(path: &Path) {
    run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", path.to_str().unwrap()]);
}

fn run(program: &str, arguments: &[&str]) -> String {
    let done = std::process::Command::new(program).args(arguments).stdin(Stdio::null()).output().unwrap();
    assert!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

async fn serve(connection: TcpStream, config: PathBuf, line: Arc<Line>) {
    *line.connections.lock().unwrap() += 1;
    if *line.mute.lock().unwrap() {
        std::future::pending::<()>().await;
    }
    let cut = line.cuts.lock().unwrap().pop();
    let mut command = Command::new(SSHD);
    command
        .arg("-i")
        .arg("-f")
        .arg(&config)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut sshd = command.kill_on_drop(true).spawn().unwrap();
    let (to, from) = (sshd.stdin.take().unwrap(), sshd.stdout.take().unwrap());
    let (read, write) = connection.into_split();
    let left = Arc::new(Mutex::new(cut));
    // Whichever way ends first ends both, as a broken line does.
    tokio::select! {
        () = pass(read, to, left.clone()) => {}
        () = pass(from, write, left) => {}
    }
}

/// Passes octets on, until the line is cut off.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    left: Arc<Mutex<Option<usize>>>,
) {
    let mut piece = vec![0; 4096];
    while let Ok(n @ 1..) = from.read(&mut piece).await {
        let may = {
            let mut left = left.lock().unwrap();
            let may = left.map_or(n, |left| left.min(n));
            *left = left.map(|left| left - may);
            may
        };
        if to.write_all(&piece[..may]).await.is_err() || may < n {
            return;
        }
    }
}
