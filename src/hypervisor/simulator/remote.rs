//! The simulator as a process of its own: [`serve`] in that process, [`RemoteSimulator`] in those that use it,
//! and a unix socket between them, whose file only its owner may open.

use std::collections::HashMap;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::wire::{self, Answer, Call, Octets, Request, Response};
use super::{Simulator, WAIT_MAX};
use crate::hypervisor::{
    Capabilities, Driver, DriverError, Guard, Handle, Host, Observation, Operation, Owned, Usage,
};

/// Requests of one client that are worked on at once; more wait in its socket.
const AT_ONCE: usize = 64;

/// Answers the driver's calls on a unix socket until `shutdown`, then removes the socket's file. A file that a
/// dead process left is replaced; one that somebody answers on, or that is no socket, is an error.
pub async fn serve(simulator: Arc<Simulator>, path: &Path, shutdown: CancellationToken) -> io::Result<()> {
    let listener = bind(path).await?;
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    clients.spawn(serve_client(Arc::clone(&simulator), stream));
                }
                Err(e) => {
                    tracing::warn!("the simulator's socket takes no connection: {e}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_) = clients.join_next() => {}
        }
    }
    clients.shutdown().await;
    std::fs::remove_file(path)
}

async fn bind(path: &Path) -> io::Result<UnixListener> {
    let about = |e: io::Error| io::Error::new(e.kind(), format!("socket {}: {e}", path.display()));
    match std::fs::symlink_metadata(path) {
        Ok(meta) if !meta.file_type().is_socket() => {
            return Err(about(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "there is a file that is no socket",
            )));
        }
        Ok(_) if UnixStream::connect(path).await.is_ok() => {
            return Err(about(io::Error::new(io::ErrorKind::AddrInUse, "another simulator answers there")));
        }
        Ok(_) => std::fs::remove_file(path).map_err(about)?,
        Err(_) => {}
    }
    let listener = UnixListener::bind(path).map_err(about)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(about)?;
    Ok(listener)
}

async fn serve_client(simulator: Arc<Simulator>, stream: UnixStream) {
    let (read, mut write) = stream.into_split();
    let (answers, mut outgoing) = mpsc::channel::<Vec<u8>>(AT_ONCE);
    let writer = async move {
        while let Some(line) = outgoing.recv().await {
            if write.write_all(&line).await.is_err() {
                break;
            }
        }
    };
    let reader = read_requests(simulator, read, answers);
    // Without a reader there is nothing more to write but what is under way; without a writer, nothing to do.
    tokio::pin!(writer);
    tokio::select! {
        () = &mut writer => {}
        () = reader => writer.await,
    }
}

async fn read_requests(simulator: Arc<Simulator>, read: OwnedReadHalf, answers: mpsc::Sender<Vec<u8>>) {
    let mut read = BufReader::new(read);
    let free = Arc::new(Semaphore::new(AT_ONCE));
    let mut working = JoinSet::new();
    loop {
        let line = match wire::next_line(&mut read).await {
            Ok(Some(line)) => line,
            Ok(None) => break,
            Err(e) => {
                refuse(&answers, &e.to_string()).await;
                break;
            }
        };
        let request: Request = match serde_json::from_slice(&line) {
            Ok(request) => request,
            Err(e) => {
                refuse(&answers, &format!("no request: {e}")).await;
                break;
            }
        };
        while working.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&free).acquire_owned().await else {
            break;
        };
        let (simulator, answers) = (Arc::clone(&simulator), answers.clone());
        working.spawn(async move {
            let answer = wire::carry_out(&*simulator, request.call).await;
            send(&answers, Some(request.id), answer).await;
            drop(permit);
        });
    }
    drop(answers);
    while working.join_next().await.is_some() {}
}

async fn refuse(answers: &mpsc::Sender<Vec<u8>>, reason: &str) {
    send(answers, None, Answer::Err(DriverError::Refused(reason.to_owned()))).await;
}

async fn send(answers: &mpsc::Sender<Vec<u8>>, id: Option<u64>, answer: Answer) {
    let line = match wire::line(&Response { id, answer }) {
        Ok(line) if line.len() <= wire::LINE_MAX => Ok(line),
        _ => {
            let answer = Answer::Err(DriverError::Refused("the answer is too long to be sent".into()));
            wire::line(&Response { id, answer })
        }
    };
    if let Ok(line) = line {
        // The client may be gone.
        drop(answers.send(line).await);
    }
}

/// The simulator in another process. Calls on a broken connection are `Unreachable`; the next one connects anew.
#[derive(Debug)]
pub struct RemoteSimulator {
    path: PathBuf,
    capabilities: Capabilities,
    limit: Duration,
    next: AtomicU64,
    link: tokio::sync::Mutex<Option<Arc<Link>>>,
}

/// One connection with the requests that wait for their answers on it.
#[derive(Debug)]
struct Link {
    outgoing: mpsc::Sender<Vec<u8>>,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Answer>>>,
    broken: AtomicBool,
    /// Ends both tasks when the link is dropped.
    end: CancellationToken,
}

impl RemoteSimulator {
    /// Connects to the simulator that serves on this socket. Each call is given up after 10 seconds.
    pub async fn connect(path: &Path) -> Result<Self, DriverError> {
        Self::connect_with_limit(path, Duration::from_secs(10)).await
    }

    /// As [`Self::connect`], with another limit for each call.
    pub async fn connect_with_limit(path: &Path, limit: Duration) -> Result<Self, DriverError> {
        let mut remote = Self {
            path: path.to_owned(),
            capabilities: Capabilities::default(),
            limit,
            next: AtomicU64::new(1),
            link: tokio::sync::Mutex::new(None),
        };
        remote.capabilities = remote.call(Call::Capabilities {}).await?;
        Ok(remote)
    }

    async fn link(&self) -> Result<Arc<Link>, DriverError> {
        let mut link = self.link.lock().await;
        if let Some(good) = link.as_ref().filter(|l| !l.broken.load(Ordering::SeqCst)) {
            return Ok(Arc::clone(good));
        }
        let stream = UnixStream::connect(&self.path).await.map_err(|e| {
            DriverError::Unreachable(format!("no simulator answers on {}: {e}", self.path.display()))
        })?;
        let fresh = Link::open(stream);
        *link = Some(Arc::clone(&fresh));
        Ok(fresh)
    }

    async fn call<T: DeserializeOwned>(&self, call: Call) -> Result<T, DriverError> {
        let asked = async {
            let id = self.next.fetch_add(1, Ordering::SeqCst);
            let line = wire::line(&Request { id, call }).map_err(|e| DriverError::Refused(e.to_string()))?;
            if line.len() > wire::LINE_MAX {
                return Err(DriverError::Refused("the request is too long".into()));
            }
            let link = self.link().await?;
            match link.ask(id, line).await {
                Some(answer) => Ok(answer),
                None => Err(DriverError::Unreachable("the simulator's connection broke".into())),
            }
        };
        match tokio::time::timeout(self.limit, asked).await {
            Err(_) => Err(DriverError::Unreachable(format!("no answer within {:?}", self.limit))),
            Ok(Err(e)) | Ok(Ok(Answer::Err(e))) => Err(e),
            Ok(Ok(Answer::Ok(value))) => serde_json::from_value(value).map_err(|e| {
                DriverError::Unreachable(format!("the simulator's answer is not understood: {e}"))
            }),
        }
    }
}

impl Link {
    fn open(stream: UnixStream) -> Arc<Self> {
        let (read, write) = stream.into_split();
        let (outgoing, lines) = mpsc::channel(AT_ONCE);
        let end = CancellationToken::new();
        let (waiting, broken) = (Mutex::new(HashMap::new()), AtomicBool::new(false));
        let link = Arc::new(Self { outgoing, waiting, broken, end: end.clone() });
        let behind = Arc::downgrade(&link);
        tokio::spawn(async move {
            tokio::select! {
                () = end.cancelled() => {}
                () = write_lines(write, lines) => {}
                () = read_answers(read, &behind) => {}
            }
            if let Some(link) = behind.upgrade() {
                let mut waiting = link.waiting.lock().expect("no one panics holding it");
                link.broken.store(true, Ordering::SeqCst);
                waiting.clear();
            }
        });
        link
    }

    /// The answer; `None` if the connection breaks first.
    async fn ask(&self, id: u64, line: Vec<u8>) -> Option<Answer> {
        let (answer, answered) = oneshot::channel();
        {
            let mut waiting = self.waiting.lock().expect("no one panics holding it");
            if self.broken.load(Ordering::SeqCst) {
                return None;
            }
            waiting.insert(id, answer);
        }
        // Also when the caller's patience ends in the middle.
        let _forget = Forget { link: self, id };
        self.outgoing.send(line).await.ok()?;
        answered.await.ok()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

struct Forget<'a> {
    link: &'a Link,
    id: u64,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.link.waiting.lock().expect("no one panics holding it").remove(&self.id);
    }
}

async fn write_lines(mut write: OwnedWriteHalf, mut lines: mpsc::Receiver<Vec<u8>>) {
    while let Some(line) = lines.recv().await {
        if write.write_all(&line).await.is_err() {
            return;
        }
    }
}

async fn read_answers(read: OwnedReadHalf, link: &std::sync::Weak<Link>) {
    let mut read = BufReader::new(read);
    while let Ok(Some(line)) = wire::next_line(&mut read).await {
        let response: Response = match serde_json::from_slice(&line) {
            Ok(response) => response,
            Err(e) => {
                tracing::warn!("the simulator's answer is not understood: {e}");
                return;
            }
        };
        let (Some(link), Some(id)) = (link.upgrade(), response.id) else {
            return;
        };
        let waiting = link.waiting.lock().expect("no one panics holding it").remove(&id);
        if let Some(waiting) = waiting {
            // The caller may have given up meanwhile.
            drop(waiting.send(response.answer));
        }
    }
}

#[async_trait]
impl Driver for RemoteSimulator {
    fn capabilities(&self) -> Capabilities {
        self.capabilities.clone()
    }

    fn call_limit(&self) -> Duration {
        self.limit
    }

    async fn world_id(&self) -> Result<Uuid, DriverError> {
        self.call(Call::WorldId {}).await
    }

    async fn hosts(&self) -> Result<Vec<Host>, DriverError> {
        self.call(Call::Hosts {}).await
    }

    async fn owned(&self, installation: Uuid) -> Result<Vec<Owned>, DriverError> {
        self.call(Call::Owned { installation }).await
    }

    async fn usage(&self, guard: &Guard) -> Result<Usage, DriverError> {
        self.call(Call::Usage { guard: guard.clone() }).await
    }

    async fn begin(&self, guard: &Guard, operation: &Operation, key: &str) -> Result<Handle, DriverError> {
        let (guard, operation, key) = (guard.clone(), Box::new(operation.clone()), key.to_owned());
        self.call(Call::Begin { guard, operation, key }).await
    }

    async fn observe(&self, handle: &Handle, wait: Duration) -> Result<Observation, DriverError> {
        let wait = wait.min(WAIT_MAX).min(self.limit / 2);
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        self.call(Call::Observe { handle: handle.clone(), wait_ms }).await
    }

    async fn abort(&self, handle: &Handle) -> Result<(), DriverError> {
        self.call(Call::Abort { handle: handle.clone() }).await
    }

    async fn read(&self, guard: &Guard, path: &str, offset: u64, len: u32) -> Result<Vec<u8>, DriverError> {
        let (guard, path) = (guard.clone(), path.to_owned());
        let octets: Octets = self.call(Call::Read { guard, path, offset, len }).await?;
        Ok(octets.0)
    }

    async fn write(&self, guard: &Guard, path: &str, offset: u64, data: &[u8]) -> Result<(), DriverError> {
        let (guard, path, data) = (guard.clone(), path.to_owned(), Octets(data.to_vec()));
        self.call(Call::Write { guard, path, offset, data }).await
    }

    async fn endpoint(&self, guard: &Guard, subscription: Uuid) -> Result<Option<String>, DriverError> {
        self.call(Call::Endpoint { guard: guard.clone(), subscription }).await
    }
}
