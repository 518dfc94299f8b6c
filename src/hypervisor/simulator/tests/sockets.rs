//! The simulator in another process, as seen through its socket.

use std::os::unix::fs::PermissionsExt;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use super::super::wire::LINE_MAX;
use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn calls_share_a_connection_and_do_not_wait_for_one_another() {
    let dir = tempfile::tempdir().unwrap();
    let simulator = open(&dir.path().join("world")).await;
    simulator.set_faults(slow());
    let socket = dir.path().join("socket");
    let server = start_server(&simulator, &socket);
    let remote = connect(&socket).await;
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let handle = remote.begin(&guard(1), &create(), "k").await.unwrap();
    // The observation waits, on the same connection, until the abort that comes after it is carried out.
    let (seen, ()) = tokio::join!(end(&remote, &handle), async {
        assert_eq!(remote.hosts().await.unwrap().len(), 1);
        remote.abort(&handle).await.unwrap();
    });
    assert!(matches!(seen, Observation::Retry { .. }), "{seen:?}");

    let others = futures_util::future::join_all((0..100).map(|_| RemoteSimulator::connect(&socket))).await;
    let worlds = futures_util::future::join_all(others.iter().map(|o| o.as_ref().unwrap().world_id())).await;
    assert!(worlds.iter().all(|w| *w == Ok(Uuid::from_u128(0x77))), "{worlds:?}");
    server.shutdown.cancel();
    server.task.await.unwrap().unwrap();
    assert!(!socket.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_come_through_as_they_are() {
    let ground = Ground::remote().await;
    let remote = ground.driver();
    assert_eq!(
        remote.begin(&guard(1), &Operation::SuspendMachine, "k").await,
        Err(DriverError::Absent("tv-1".into()))
    );
    must(&*remote, &Guard { fence: 5, ..guard(1) }, &create(), "a").await;
    let fenced = remote.begin(&guard(1), &Operation::SuspendMachine, "k").await;
    assert_eq!(fenced, Err(DriverError::Fenced { given: 1, seen: 5 }));
    let chunk = vec![7; super::super::CHUNK_MAX];
    remote.write(&Guard { fence: 5, ..guard(1) }, "file", 0, &chunk).await.unwrap();
    assert!(remote.read(&guard(1), "file", 0, u32::MAX).await.unwrap() == chunk);
    let refused = remote.write(&Guard { fence: 5, ..guard(1) }, "file", 0, &vec![7; chunk.len() + 1]).await;
    assert!(matches!(refused, Err(DriverError::Refused(_))), "{refused:?}");
    assert_eq!(remote.capabilities(), ground.simulator().capabilities());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_process_calls_are_unreachable_and_with_it_they_work_again() {
    let dir = tempfile::tempdir().unwrap();
    let (world, socket) = (dir.path().join("world"), dir.path().join("socket"));
    let refused = RemoteSimulator::connect(&socket).await.unwrap_err();
    assert!(matches!(refused, DriverError::Unreachable(_)), "{refused:?}");
    let simulator = open(&world).await;
    let server = start_server(&simulator, &socket);
    let remote = connect(&socket).await;
    simulator.set_faults(slow());
    let handle = remote.begin(&guard(1), &create(), "k").await.unwrap();
    let (seen, ()) = tokio::join!(remote.observe(&handle, Duration::from_secs(5)), async {
        remote.hosts().await.unwrap();
        server.shutdown.cancel();
        server.task.await.unwrap().unwrap();
    });
    assert!(matches!(seen, Err(DriverError::Unreachable(_))), "{seen:?}");
    let away = remote.hosts().await;
    assert!(matches!(away, Err(DriverError::Unreachable(_))), "{away:?}");
    simulator.close().await;

    let simulator = open(&world).await;
    let _server = start_server(&simulator, &socket);
    connect(&socket).await;
    assert_eq!(end(&remote, &handle).await, Observation::Unknown);
    must(&remote, &guard(1), &create(), "k").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_answer_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("socket");
    let _silent = UnixListener::bind(&socket).unwrap();
    let limit = Duration::from_millis(30);
    let given_up = RemoteSimulator::connect_with_limit(&socket, limit).await.unwrap_err();
    assert!(matches!(&given_up, DriverError::Unreachable(e) if e.contains("30ms")), "{given_up:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_socket_is_replaced_and_nothing_else_is() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("socket");
    drop(UnixListener::bind(&socket).unwrap());
    assert!(socket.exists());
    let simulator = open(&dir.path().join("world")).await;
    let server = start_server(&simulator, &socket);
    let remote = connect(&socket).await;
    let second = serve(Arc::clone(&simulator), &socket, CancellationToken::new()).await.unwrap_err();
    assert!(second.to_string().contains("another simulator answers there"), "{second}");
    remote.world_id().await.unwrap();
    server.shutdown.cancel();
    server.task.await.unwrap().unwrap();

    std::fs::write(&socket, "a letter").unwrap();
    let refused = serve(simulator, &socket, CancellationToken::new()).await.unwrap_err();
    assert!(refused.to_string().contains("no socket"), "{refused}");
    assert_eq!(std::fs::read_to_string(&socket).unwrap(), "a letter");
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_and_endless_lines_end_the_connection_and_no_other() {
    let ground = Ground::remote().await;
    let socket = ground.dir.path().join("socket");
    for (sent, said) in [
        (b"{\"id\": 1, \"method\": \"reboot\"}\n".to_vec(), "no request"),
        (vec![b'x'; LINE_MAX + 1], "a line of more than"),
    ] {
        let (read, mut write) = UnixStream::connect(&socket).await.unwrap().into_split();
        let mut lines = BufReader::new(read).lines();
        // The server may end the connection before it has taken everything.
        drop(write.write_all(&sent).await);
        let answer = lines.next_line().await.unwrap().unwrap();
        assert!(answer.contains("\"id\":null") && answer.contains(said), "{answer}");
        assert!(matches!(lines.next_line().await, Ok(None) | Err(_)));
    }
    ground.driver().world_id().await.unwrap();
}
