//! Servers of others that a test has for itself, and may kill.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::process::Command;

use crate::harness::setting;

/// A PostgreSQL or a RabbitMQ, played by the script that starts it.
pub struct Private {
    script: PathBuf,
    folder: TempDir,
    pub url: String,
    dead: bool,
}

impl Private {
    /// Starts one by the script that a setting names; none where it names none.
    pub async fn open(setting_name: &str) -> Option<Self> {
        let script = PathBuf::from(setting(setting_name)?);
        let folder = TempDir::new().unwrap();
        // It runs as another user.
        std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o711)).unwrap();
        let mut server = Self { script, folder, url: String::new(), dead: false };
        server.url = server.run("start").await;
        Some(server)
    }

    /// Host and port of its URL.
    pub fn address(&self) -> &str {
        let (_, rest) = self.url.split_once('@').expect("the URL names a user");
        rest.split('/').next().expect("the URL names a host")
    }

    /// The URL by which it is reached at another address.
    pub fn url_at(&self, address: SocketAddr) -> String {
        self.url.replace(self.address(), &address.to_string())
    }

    /// Ends it as a crash would; whether it lived.
    pub async fn kill(&mut self) -> bool {
        let lived = !std::mem::replace(&mut self.dead, true);
        if lived {
            self.run("kill").await;
        }
        lived
    }

    /// Begins it again where it was, with what it kept, if it is dead.
    pub async fn begin_again(&mut self) {
        if std::mem::replace(&mut self.dead, false) {
            assert_eq!(self.run("start").await, self.url);
        }
    }

    async fn run(&self, what: &str) -> String {
        let mut command = Command::new(&self.script);
        // What was committed survives the crash of the server.
        command.arg(what).arg(self.folder.path().join("node")).env("POSTGRES_DURABLE", "1");
        let out = command.stderr(Stdio::inherit()).output().await.unwrap();
        assert!(out.status.success(), "{} {what}: {}", self.script.display(), out.status);
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        let mut command = std::process::Command::new(&self.script);
        let folder = self.folder.path().join("node");
        command.arg("stop").arg(folder).stdout(Stdio::null()).stderr(Stdio::null()).status().ok();
    }
}
