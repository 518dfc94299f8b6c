//! The applications' pages.

use serde_json::Value;

use super::*;

const JSON: &str = "Accept: application/json\r\n";

async fn shown(url: &str) -> Value {
    let (status, body) = http("GET", url, JSON).await.unwrap();
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_started_application_shows_itself_and_counts_in_its_data() {
    let dir = tempfile::tempdir().unwrap();
    let simulator = open(dir.path()).await;
    with_application(&*simulator, &guard(1)).await;
    let url = simulator.endpoint(&guard(1), SUBSCRIPTION).await.unwrap().unwrap();
    assert!(url.starts_with("http://127.0.0.1:") && url.ends_with(&format!("/apps/{SUBSCRIPTION}")), "{url}");
    let page = shown(&url).await;
    assert_eq!(
        (&page["application"], &page["version"], &page["plan"]),
        (&"crm".into(), &"1.0".into(), &"small".into())
    );
    assert_eq!(page["counter"], 0);
    let (_, html) = http("GET", &url, "").await.unwrap();
    assert!(html.contains("<h1>crm</h1>") && html.contains("<dd>small"), "{html}");

    let (status, body) = http("POST", &format!("{url}/count"), JSON).await.unwrap();
    assert_eq!((status, serde_json::from_str::<Value>(&body).unwrap()["counter"].clone()), (200, 1.into()));
    let counter = dir.path().join(format!("volumes/tv-1/{SUBSCRIPTION}/counter"));
    assert_eq!(std::fs::read_to_string(&counter).unwrap(), "1\n");
    std::fs::write(&counter, "41").unwrap();
    assert_eq!(shown(&url).await["counter"], 41);

    simulator.close().await;
    assert!(http("GET", &url, "").await.is_err());
    let simulator = open(dir.path()).await;
    assert_eq!(simulator.endpoint(&guard(1), SUBSCRIPTION).await.unwrap(), Some(url.clone()));
    assert_eq!(shown(&url).await["counter"], 41);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_running_or_not_there_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let simulator = open(dir.path()).await;
    with_application(&*simulator, &guard(1)).await;
    let url = simulator.endpoint(&guard(1), SUBSCRIPTION).await.unwrap().unwrap();
    let status = async |method: &str, url: &str, headers: &str| http(method, url, headers).await.unwrap().0;
    let base = url.split("/apps").next().unwrap();
    assert_eq!(status("GET", &format!("{base}/"), "").await, 404);
    assert_eq!(status("GET", &format!("{base}/apps/{}", Uuid::from_u128(9)), "").await, 404);
    assert_eq!(status("GET", &format!("{base}/apps/../world.json"), "").await, 404);
    assert_eq!(status("DELETE", &url, "").await, 405);
    assert_eq!(status("GET", &format!("{url}/count"), "").await, 405);
    assert_eq!(status("POST", &format!("{url}/count"), "Origin: http://elsewhere.example\r\n").await, 403);
    assert_eq!(status("GET", &url, "Host: elsewhere.example\r\n").await, 403);
    assert_eq!(shown(&url).await["counter"], 0);

    must(&*simulator, &guard(1), &Operation::SuspendMachine, "suspend").await;
    assert_eq!(status("GET", &url, "").await, 503);
    must(&*simulator, &guard(1), &Operation::ResumeMachine, "resume").await;
    must(&*simulator, &guard(1), &run(script(Role::Stop)), "stop").await;
    assert_eq!(status("POST", &format!("{url}/count"), "").await, 503);
    must(&*simulator, &guard(1), &run(script(Role::Start)), "start").await;
    assert_eq!(status("GET", &url, "").await, 200);
    must(&*simulator, &guard(1), &run(script(Role::Remove)), "remove").await;
    assert_eq!(status("GET", &url, "").await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_from_many_at_once_are_all_kept() {
    let dir = tempfile::tempdir().unwrap();
    let simulator = open(dir.path()).await;
    with_application(&*simulator, &guard(1)).await;
    let url = simulator.endpoint(&guard(1), SUBSCRIPTION).await.unwrap().unwrap();
    let count = format!("{url}/count");
    let all = futures_util::future::join_all((0..40).map(|_| http("POST", &count, ""))).await;
    assert!(all.iter().all(|answer| matches!(answer, Ok((200, _)))), "{all:?}");
    assert_eq!(shown(&url).await["counter"], 40);
}
