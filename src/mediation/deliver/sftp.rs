//! A recipient's SFTP server. A file that was cut off is gone on with where it ended, after what lies there was compared
//! with ours; nothing that has another content than ours is ever written over under its final name.

use std::borrow::Cow;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use russh::AlgorithmKind;
use russh::client::{self, Handle};
use russh::keys::{HashAlg, PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate};
use russh_sftp::client::SftpSession;
use russh_sftp::client::error::Error as SftpError;
use russh_sftp::protocol::{FileAttributes, OpenFlags, StatusCode};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};

use super::far::{FarError, Parcel, Put};
use crate::config::{self, Strategy};

/// Octets that are read or written at once.
const PIECE: usize = 256 << 10;
/// Folder of unfinished files of the strategy `tmp_dir`.
const SCRATCH: &str = ".scratch";

/// One connection.
pub(super) struct Sftp {
    sftp: SftpSession,
    /// Ends the connection when it is dropped.
    ssh: Handle<Pinned>,
    folder: String,
    strategy: Strategy,
}

/// Lets in the server that the configuration names, and no other.
struct Pinned {
    expected: PublicKey,
    /// Fingerprint of the key that came instead.
    other: Arc<OnceLock<String>>,
}

impl client::Handler for Pinned {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let other = match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => {
                if key.key_data() == self.expected.key_data() {
                    return Ok(true);
                }
                key.fingerprint(HashAlg::Sha256).to_string()
            }
            PublicKeyOrCertificate::Certificate(_) => "a certificate".to_owned(),
        };
        drop(self.other.set(other));
        Ok(false)
    }
}

/// What lies under a name, seen from what should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum There {
    Nothing,
    /// Its first octets, so many.
    Part(u64),
    Same,
    Other,
}

impl Sftp {
    /// Connects and logs in.
    pub async fn open(s: &config::Sftp) -> Result<Self, FarError> {
        let limit = Duration::from_secs(s.timeout_seconds);
        let late = |_| FarError::Lost(format!("no answer within {} s", s.timeout_seconds));
        tokio::time::timeout(limit, connect(s, limit)).await.map_err(late)?
    }

    /// Puts a file there under its name, whole or not at all.
    pub async fn put(&self, parcel: Parcel<'_>) -> Result<Put, FarError> {
        let place = self.path(parcel.name);
        let there = self.compare(&place, parcel).await?;
        match (self.strategy, there) {
            (_, There::Other) | (Strategy::TmpRename | Strategy::TmpDir, There::Part(_)) => {
                Err(FarError::Occupied(place))
            }
            (Strategy::Direct, There::Same) => Ok(Put::WasThere),
            (Strategy::Direct, rest) => self.upload(&place, parcel, rest).await,
            (Strategy::Marker, rest) => self.put_marked(&place, parcel, rest).await,
            (Strategy::TmpRename, rest) => {
                self.put_renamed(&place, format!("{place}.tmp"), parcel, rest).await
            }
            (Strategy::TmpDir, rest) => {
                let scratch = self.path(SCRATCH);
                if rest == There::Nothing && self.size(&scratch).await?.is_none() {
                    self.sftp.create_dir(scratch.as_str()).await.map_err(at(&scratch))?;
                }
                self.put_renamed(&place, format!("{scratch}/{}", parcel.name), parcel, rest).await
            }
        }
    }

    async fn put_renamed(
        &self,
        place: &str,
        part: String,
        parcel: Parcel<'_>,
        there: There,
    ) -> Result<Put, FarError> {
        if there == There::Same {
            // Of a rename whose answer did not arrive there may be nothing left; of a try before it, there may.
            self.remove(&part).await?;
            return Ok(Put::WasThere);
        }
        match self.compare(&part, parcel).await? {
            There::Other => {
                self.remove(&part).await?;
                self.upload(&part, parcel, There::Nothing).await?;
            }
            There::Same => {}
            rest => {
                self.upload(&part, parcel, rest).await?;
            }
        }
        // The plain rename of SFTP does not replace what is there.
        match self.sftp.rename(part.as_str(), place).await {
            Ok(()) => Ok(Put::Sent),
            Err(e) => match self.compare(place, parcel).await? {
                There::Nothing => Err(at(place)(e)),
                There::Same => {
                    self.remove(&part).await?;
                    Ok(Put::WasThere)
                }
                There::Part(_) | There::Other => Err(FarError::Occupied(place.to_owned())),
            },
        }
    }

    /// The file, then an empty `NAME.FIN` that says that it is whole.
    async fn put_marked(&self, place: &str, parcel: Parcel<'_>, there: There) -> Result<Put, FarError> {
        let mark = format!("{place}.FIN");
        let marked = self.size(&mark).await?.is_some();
        match there {
            There::Same if marked => return Ok(Put::WasThere),
            There::Part(_) if marked => return Err(FarError::Occupied(place.to_owned())),
            There::Same => {}
            rest => {
                self.upload(place, parcel, rest).await?;
            }
        }
        let flags = OpenFlags::CREATE | OpenFlags::WRITE;
        let file = self.sftp.open_with_flags(mark.as_str(), flags).await.map_err(at(&mark))?;
        file.close().await.map_err(|e| self.failed(&mark, &e))?;
        Ok(Put::Sent)
    }

    /// Writes a file under a name, from where its beginning ends that lies there.
    async fn upload(&self, place: &str, parcel: Parcel<'_>, there: There) -> Result<Put, FarError> {
        let (flags, begin) = match there {
            There::Part(n) => (OpenFlags::WRITE, n),
            _ => (OpenFlags::CREATE | OpenFlags::EXCLUDE | OpenFlags::WRITE, 0),
        };
        let mode = FileAttributes { permissions: Some(0o640), ..FileAttributes::empty() };
        let opened = self.sftp.open_with_flags_and_attributes(place, flags, mode).await;
        let mut file = opened.map_err(at(place))?;
        let far = |e: io::Error| self.failed(place, &e);
        let mut here = open(parcel).await?;
        here.seek(io::SeekFrom::Start(begin)).await.map_err(|e| own(parcel, &e))?;
        file.seek(io::SeekFrom::Start(begin)).await.map_err(far)?;
        let mut piece = vec![0; PIECE];
        let sent = async {
            loop {
                match here.read(&mut piece).await.map_err(|e| own(parcel, &e))? {
                    0 => break,
                    n => file.write_all(&piece[..n]).await.map_err(far)?,
                }
            }
            file.flush().await.map_err(far)?;
            file.sync_all().await.map_err(at(place))?;
            file.close().await.map_err(far)
        };
        if let Err(e) = sent.await {
            return Err(self.explained(place, e).await);
        }
        let size = self.size(place).await?;
        if size == Some(parcel.size) {
            return Ok(Put::Sent);
        }
        let problem = format!("{} octets were written, {} lie there", parcel.size, size.unwrap_or(0));
        Err(FarError::Path { path: place.to_owned(), problem })
    }

    /// Compares what lies under a name with a file of ours.
    async fn compare(&self, place: &str, parcel: Parcel<'_>) -> Result<There, FarError> {
        let size = match self.size(place).await? {
            None => return Ok(There::Nothing),
            Some(size) if size > parcel.size => return Ok(There::Other),
            Some(size) => size,
        };
        let found = if size == parcel.size { There::Same } else { There::Part(size) };
        let mut file = match self.sftp.open(place).await {
            Ok(file) => file,
            Err(SftpError::Status(s)) if s.status_code == StatusCode::PermissionDenied => {
                // Some servers let nobody read what was handed in: there the size has to do.
                return Ok(if found == There::Same { found } else { There::Other });
            }
            Err(e) => return Err(at(place)(e)),
        };
        let mut here = open(parcel).await?;
        let (mut ours, mut theirs, mut left) = (vec![0; PIECE], vec![0; PIECE], size);
        while left > 0 {
            let n = usize::try_from(left).map_or(PIECE, |left| left.min(PIECE));
            file.read_exact(&mut theirs[..n]).await.map_err(|e| self.failed(place, &e))?;
            here.read_exact(&mut ours[..n]).await.map_err(|e| own(parcel, &e))?;
            if ours[..n] != theirs[..n] {
                return Ok(There::Other);
            }
            left -= n as u64;
        }
        file.close().await.map_err(|e| self.failed(place, &e))?;
        Ok(found)
    }

    async fn remove(&self, path: &str) -> Result<(), FarError> {
        match self.sftp.remove_file(path).await {
            Err(SftpError::Status(s)) if s.status_code == StatusCode::NoSuchFile => Ok(()),
            done => done.map_err(at(path)),
        }
    }

    async fn size(&self, path: &str) -> Result<Option<u64>, FarError> {
        match self.sftp.metadata(path).await {
            Ok(about) => Ok(Some(about.size.unwrap_or(0))),
            Err(SftpError::Status(s)) if s.status_code == StatusCode::NoSuchFile => Ok(None),
            Err(e) => Err(at(path)(e)),
        }
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }

    /// What a failed read or write means: the server's refusal, or the end of the connection.
    fn failed(&self, path: &str, e: &io::Error) -> FarError {
        let inner = e.get_ref().and_then(|inner| inner.downcast_ref::<SftpError>());
        if inner.is_some() || self.ssh.is_closed() {
            return FarError::Lost(e.to_string());
        }
        FarError::Path { path: path.to_owned(), problem: e.to_string() }
    }

    /// SFTP has one word for many failures; a full disk is worth a better one.
    async fn explained(&self, path: &str, e: FarError) -> FarError {
        match e {
            FarError::Path { path: failed, problem } => {
                let room = self.sftp.fs_info(path).await;
                let full = matches!(room, Ok(Some(room)) if room.blocks_avail == 0);
                let problem = if full { format!("{problem}; the disk there is full") } else { problem };
                FarError::Path { path: failed, problem }
            }
            other => other,
        }
    }
}

async fn connect(s: &config::Sftp, limit: Duration) -> Result<Sftp, FarError> {
    let wrong = |what: &str, e: &dyn std::fmt::Display| FarError::Setting(format!("{what}: {e}"));
    let lost = |e: russh::Error| FarError::Lost(e.to_string());
    let expected = PublicKey::from_openssh(&s.host_key).map_err(|e| wrong("host_key", &e))?;
    let other = Arc::<OnceLock<String>>::default();
    let settings = client::Config {
        // Of a server's several keys the one that is pinned.
        preferred: russh::Preferred {
            key: Cow::Owned(vec![expected.algorithm()]),
            ..russh::Preferred::default()
        },
        keepalive_interval: Some(limit / 3),
        nodelay: true,
        ..client::Config::default()
    };
    let pinned = Pinned { expected, other: other.clone() };
    let connected = client::connect(Arc::new(settings), (s.host.as_str(), s.port), pinned).await;
    let mut ssh = connected.map_err(|e| match (other.get(), e) {
        (Some(key), _) => FarError::HostKey(key.clone()),
        (None, russh::Error::NoCommonAlgo { kind: AlgorithmKind::Key, theirs, .. }) => {
            FarError::HostKey(format!("one of {}", theirs.join(", ")))
        }
        (None, e) => lost(e),
    })?;
    let answer = if let Some(file) = &s.key_file {
        let key =
            russh::keys::load_secret_key(file, None).map_err(|e| wrong(&file.display().to_string(), &e))?;
        let key = PrivateKeyWithHashAlg::new(Arc::new(key), None);
        ssh.authenticate_publickey(&s.user, key).await
    } else {
        let password = match &s.password_file {
            Some(file) => config::secret(file).map_err(FarError::Setting)?,
            None => return Err(FarError::Setting("there is neither key nor password".into())),
        };
        ssh.authenticate_password(&s.user, password).await
    };
    if !answer.map_err(lost)?.success() {
        return Err(FarError::Refused(s.user.clone()));
    }
    let channel = ssh.channel_open_session().await.map_err(lost)?;
    channel.request_subsystem(true, "sftp").await.map_err(lost)?;
    let settings = russh_sftp::client::Config {
        request_timeout_secs: s.timeout_seconds,
        ..russh_sftp::client::Config::default()
    };
    let opened = SftpSession::new_with_config(channel.into_stream(), settings).await;
    let sftp = opened.map_err(|e| FarError::Lost(format!("no SFTP: {e}")))?;
    let folder = s.folder.trim_end_matches('/');
    Ok(Sftp { sftp, ssh, folder: folder.to_owned(), strategy: s.strategy })
}

async fn open(parcel: Parcel<'_>) -> Result<File, FarError> {
    File::open(parcel.here).await.map_err(|e| own(parcel, &e))
}

/// A failure with the file on our own disk.
fn own(parcel: Parcel<'_>, e: &io::Error) -> FarError {
    FarError::Setting(format!("{}: {e}", parcel.here.display()))
}

/// What the server's answer means for a path.
fn at(path: &str) -> impl Fn(SftpError) -> FarError + use<> {
    let path = path.to_owned();
    move |e| match e {
        SftpError::Status(s)
            if !matches!(s.status_code, StatusCode::NoConnection | StatusCode::ConnectionLost) =>
        {
            let problem = format!("{} ({})", s.status_code, s.error_message);
            FarError::Path { path: path.clone(), problem }
        }
        SftpError::Limited(problem) => FarError::Path { path: path.clone(), problem },
        e => FarError::Lost(e.to_string()),
    }
}
