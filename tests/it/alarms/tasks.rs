//! The tasks of TMF642, and the command line, which uses them.

use clap::Parser as _;
use serde_json::{Value, json};
use telvisor::cli::{Cli, Out, run};

use super::{ALARMS, alarms, told};
use crate::harness::TestApp;
use crate::notify::Ear;

const BASE: &str = "/tmf-api/alarm/v4";

async fn task(app: &TestApp, name: &str, body: &Value) -> Value {
    app.post(&format!("{BASE}/{name}"), body).await.expect(201)
}

async fn three(app: &TestApp) -> Vec<Value> {
    let mut made = vec![];
    for problem in ["hot", "wet", "dark"] {
        made.push(app.post(ALARMS, &told(problem)).await.expect(201));
    }
    made
}

fn named(task: &Value, list: &str) -> Vec<String> {
    let mut ids: Vec<_> =
        task[list].as_array().unwrap().iter().map(|a| a["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn what_fits_a_pattern_is_acknowledged_and_taken_back() {
    let app = TestApp::new().await;
    let made = three(&app).await;
    let body = json!({
        "ackSystemId": "noc", "ackUserId": "ann",
        "alarmPattern": [{ "specificProblem": "hot" }, { "alarmedObject": { "id": "rack-7" }, "specificProblem": "wet" }],
    });
    let done = task(&app, "ackAlarms", &body).await;
    assert_eq!((&done["state"], &done["ackTime"]), (&json!("done"), &json!("2026-11-23T08:00:01Z")));
    assert_eq!(
        named(&done, "ackedAlarm"),
        [made[0]["id"].as_str().unwrap(), made[1]["id"].as_str().unwrap()]
    );
    let seen = alarms(&app, "ackState=acknowledged").await;
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|a| a["ackUserId"] == "ann" && a["ackSystemId"] == "noc"));
    let href = done["href"].as_str().unwrap().strip_prefix("http://localhost:8080").unwrap();
    assert_eq!(app.get(href).await.expect(200), done);
    assert_eq!(app.get(&format!("{BASE}/ackAlarms")).await.expect(200), json!([done]));
    assert_eq!(app.get(&format!("{BASE}/ackAlarms?state=inProgress")).await.expect(200), json!([]));
    app.get(&format!("{BASE}/clearAlarms/{}", done["id"].as_str().unwrap())).await.expect(404);
    let back =
        json!({ "ackSystemId": "noc", "ackUserId": "bob", "alarmPattern": [{ "ackState": "acknowledged" }] });
    assert_eq!(named(&task(&app, "unAckAlarms", &back).await, "unAckedAlarm").len(), 2);
    assert!(alarms(&app, "ackState=acknowledged").await.is_empty());
}

#[tokio::test]
async fn what_fits_is_cleared_and_commented() {
    let app = TestApp::new().await;
    let made = three(&app).await;
    let said = json!({
        "comment": { "comment": "the air conditioning is back", "userId": "ann" },
        "alarmPattern": [{ "id": made[0]["id"] }],
    });
    for _ in 0..2 {
        assert_eq!(named(&task(&app, "commentAlarms", &said).await, "commentedAlarm").len(), 1);
    }
    let clear = json!({
        "clearSystemId": "noc", "clearUserId": "ann", "alarmClearedTime": "2026-11-23T07:59:00Z",
        "alarmPattern": [{ "id": made[0]["id"] }, { "id": made[2]["id"] }],
    });
    assert_eq!(named(&task(&app, "clearAlarms", &clear).await, "clearedAlarm").len(), 2);
    assert_eq!(
        named(&task(&app, "clearAlarms", &clear).await, "clearedAlarm").len(),
        2,
        "a repeat changes nothing"
    );
    let over = alarms(&app, "state=cleared&specificProblem=hot").await;
    assert_eq!(over[0]["alarmClearedTime"], "2026-11-23T07:59:00Z");
    assert_eq!(over[0]["perceivedSeverity"], "cleared");
    let comments = over[0]["comment"].as_array().unwrap();
    assert_eq!((comments.len(), &comments[1]["time"]), (2, &json!("2026-11-23T08:00:01Z")));
    assert_eq!(alarms(&app, "state=raised").await.len(), 1);
}

#[tokio::test]
async fn alarms_are_put_under_their_cause_and_taken_away_from_it() {
    let app = TestApp::new().await;
    let made = three(&app).await;
    let body = json!({
        "sourceSystemId": "noc", "alarmChangedTime": "2026-11-23T08:00:00Z",
        "parentAlarm": { "id": made[0]["id"] },
        "correlatedAlarm": [{ "id": made[1]["id"] }, { "id": made[2]["id"] }],
    });
    assert_eq!(named(&task(&app, "groupAlarms", &body).await, "groupedAlarm").len(), 2);
    let cause = &alarms(&app, "specificProblem=hot").await[0];
    assert_eq!((cause["isRootCause"].clone(), named(cause, "correlatedAlarm").len()), (json!(true), 2));
    let child = &alarms(&app, "specificProblem=wet").await[0];
    assert_eq!(named(child, "parentAlarm"), [made[0]["id"].as_str().unwrap()]);
    task(&app, "unGroupAlarms", &body).await;
    let cause = &alarms(&app, "specificProblem=hot").await[0];
    assert!(cause["correlatedAlarm"].is_null() && cause["isRootCause"] == false, "{cause:#}");
    assert!(alarms(&app, "specificProblem=wet").await[0]["parentAlarm"].is_null());
    let mut wrong = body.clone();
    wrong["correlatedAlarm"] = json!([{ "id": "nothing" }]);
    let problem = app.post(&format!("{BASE}/groupAlarms"), &wrong).await.expect(400);
    assert_eq!(problem["message"], "correlatedAlarm[0].id: there is no alarm nothing");
    wrong["correlatedAlarm"] = json!([{ "id": made[0]["id"] }]);
    app.post(&format!("{BASE}/groupAlarms"), &wrong).await.expect(400);
}

#[tokio::test]
async fn a_task_that_says_too_little_is_refused() {
    let app = TestApp::new().await;
    for (name, body, message) in [
        ("ackAlarms", json!({ "ackUserId": "a", "alarmPattern": [{}] }), "ackSystemId: is missing"),
        (
            "ackAlarms",
            json!({ "ackSystemId": "s", "ackUserId": "a", "alarmPattern": [] }),
            "alarmPattern: needs at least 1",
        ),
        ("commentAlarms", json!({ "alarmPattern": [{}] }), "comment: is missing"),
        (
            "clearAlarms",
            json!({ "clearSystemId": "s", "clearUserId": "a", "alarmPattern": [{}] }),
            "alarmClearedTime: is missing",
        ),
        ("groupAlarms", json!({ "sourceSystemId": "s" }), "alarmChangedTime: is missing"),
    ] {
        let problem = app.post(&format!("{BASE}/{name}"), &body).await.expect(400);
        let told = problem["message"].as_str().unwrap();
        assert!(told.starts_with(message) || name == "groupAlarms", "{name}: {told}");
    }
}

#[tokio::test]
async fn listeners_hear_of_tasks() {
    let app = TestApp::new().await;
    three(&app).await;
    let ear = Ear::open().await.of("tmf642", 4);
    let body =
        json!({ "callback": ear.url, "query": "eventType=AckAlarmsCreateEvent,AckAlarmsStateChangeEvent" });
    app.post(&format!("{BASE}/hub"), &body).await.expect(201);
    let body =
        json!({ "ackSystemId": "noc", "ackUserId": "ann", "alarmPattern": [{ "specificProblem": "hot" }] });
    task(&app, "ackAlarms", &body).await;
    app.notify_all().await;
    assert_eq!(ear.types(), ["AckAlarmsCreateEvent", "AckAlarmsStateChangeEvent"]);
    let states: Vec<_> = ear.taken().iter().map(|h| h.body["event"]["ackAlarms"]["state"].clone()).collect();
    assert_eq!(states, ["inProgress", "done"]);
}

/// The command line against a server that listens.
#[tokio::test]
async fn an_operator_works_on_alarms_at_the_command_line() {
    let app = TestApp::new().await;
    let made = three(&app).await;
    let server = app.listens().await;
    let id = made[0]["id"].as_str().unwrap();
    let say = async |line: String| {
        let mut text = vec![];
        let line = format!("telvisor {line} --server {server}");
        let cli = Cli::parse_from(line.split(' '));
        let json = line.contains("--json");
        let status = run(cli, &mut Out::new(&mut text, json)).await.unwrap();
        (status, String::from_utf8(text).unwrap())
    };
    let (_, list) = say("alarms list --severity minor --type hot".into()).await;
    assert!(list.starts_with("alarm") && list.contains(id) && list.lines().count() == 2, "{list}");
    let done = say(format!("alarms ack {id} --user ann")).await;
    assert_eq!(done, (0, format!("alarm {id} is acknowledged\n")));
    let (_, shown) = say(format!("alarms show {id}")).await;
    assert!(shown.contains("seen      acknowledged") && shown.contains("by        ann"), "{shown}");
    assert_eq!(say(format!("alarms unack {id}")).await.0, 0);
    assert_eq!(say(format!("alarms comment {id} --text seen")).await.0, 0);
    let (status, json) = say(format!("alarms clear {id} --json")).await;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((status, &json["clearedAlarm"][0]["id"]), (0, &json!(id)));
    let (_, shown) = say(format!("alarms show {id} --json")).await;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((&shown["state"], &shown["comment"][0]["comment"]), (&json!("cleared"), &json!("seen")));
    assert_eq!(say("alarms list --json".into()).await.1.matches("\"id\": \"0").count(), 2, "two are open");
    assert_eq!(say("alarms ack 00000000-0000-0000-0000-000000000001".into()).await.0, 1, "there is none");
}
