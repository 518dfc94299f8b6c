//! TMF642: alarms as other systems see them.

use axum::http::Method;
use serde_json::{Value, json};
use telvisor::alarms::{clear, raise};
use telvisor_model::Alarm;

use super::{ALARMS, alarms, one, told};
use crate::harness::TestApp;
use crate::notify::Ear;

/// One of our own.
async fn ours(app: &TestApp) -> Value {
    let mut tx = app.engine().db.tenant("default").await.unwrap();
    raise(&mut tx, Alarm::OrderStuck, "o-1", "it stands still").await.unwrap();
    tx.commit().await.unwrap();
    one(app, "orderStuck").await
}

fn path(alarm: &Value) -> String {
    format!("{ALARMS}/{}", alarm["id"].as_str().unwrap())
}

#[tokio::test]
async fn our_alarms_say_all_that_the_table_says() {
    let app = TestApp::new().await;
    let alarm = ours(&app).await;
    let about = Alarm::OrderStuck.about();
    assert_eq!(
        alarm,
        json!({
            "id": alarm["id"], "href": alarm["href"],
            "alarmType": about.alarm_type, "perceivedSeverity": about.severity, "probableCause": about.cause,
            "specificProblem": "orderStuck", "state": "raised", "ackState": "unacknowledged",
            "alarmDetails": "it stands still", "serviceAffecting": true,
            "proposedRepairedActions": about.remedy, "sourceSystemId": "telvisor",
            "alarmedObject": {
                "id": "o-1", "@type": "serviceOrder",
                "href": "http://localhost:8080/tmf-api/serviceOrdering/v4/serviceOrder/o-1",
            },
            "alarmedObjectType": "serviceOrder",
            "alarmRaisedTime": "2026-11-23T08:00:01Z", "alarmReportingTime": "2026-11-23T08:00:01Z",
            "alarmChangedTime": "2026-11-23T08:00:01Z",
        })
    );
    let href = alarm["href"].as_str().unwrap().strip_prefix("http://localhost:8080").unwrap();
    assert_eq!(app.get(href).await.expect(200), alarm);
    app.get(&format!("{ALARMS}/{}", telvisor::clock::new_id())).await.expect(404);
}

#[tokio::test]
async fn alarms_are_filtered_sorted_and_paged() {
    let app = TestApp::new().await;
    ours(&app).await;
    let mut hot = told("hot");
    hot["externalAlarmId"] = json!("B-1");
    hot["alarmedObjectType"] = json!("rack");
    app.post(ALARMS, &hot).await.expect(201);
    app.post(ALARMS, &told("wet")).await.expect(201);
    for (query, wanted) in [
        ("state=raised", 3),
        ("ackState=acknowledged", 0),
        ("perceivedSeverity=minor", 2),
        ("perceivedSeverity=minor,major", 3),
        ("alarmType=environmentalAlarm&specificProblem=hot", 1),
        ("probableCause=temperatureUnacceptable", 2),
        ("alarmedObject.id=o-1", 1),
        ("alarmedObjectType=rack", 1),
        ("sourceSystemId=telvisor", 1),
        ("externalAlarmId=B-1", 1),
        ("alarmRaisedTime='2026-11-23T07:00:00Z'", 2),
        ("alarmRaisedTime.gt=2026-11-23T07:00:00Z", 1),
        ("alarmChangedTime.lt=2026-11-23T07:00:00Z", 0),
        ("alarmClearedTime.gt=2026-11-23T07:00:00Z", 0),
        ("specificProblem.regex=^(hot|wet)$", 2),
    ] {
        assert_eq!(alarms(&app, query).await.len(), wanted, "{query}");
    }
    let sorted = alarms(&app, "sort=specificProblem").await;
    let names: Vec<_> = sorted.iter().map(|a| a["specificProblem"].as_str().unwrap()).collect();
    assert_eq!(names, ["hot", "orderStuck", "wet"]);
    let first = app.get(&format!("{ALARMS}?limit=1")).await;
    assert_eq!(
        (first.headers["x-total-count"].to_str().unwrap(), &first.body[0]["specificProblem"]),
        ("3", &json!("orderStuck"))
    );
    let few = &alarms(&app, "fields=state&limit=1").await[0];
    assert_eq!(few.as_object().unwrap().keys().collect::<Vec<_>>(), ["href", "id", "state"]);
    app.get(&format!("{ALARMS}?colour=red")).await.expect(400);
}

#[tokio::test]
async fn what_another_system_tells_is_kept_as_it_was_given() {
    let app = TestApp::new().await;
    let mut given = told("hot");
    given["place"] = json!([{ "id": "p-1", "role": "site", "name": "Athens" }]);
    given["comment"] = json!([{ "comment": "again?", "userId": "ann" }]);
    given["colour"] = json!("red");
    let answer = app
        .request(Method::POST, ALARMS, &[("idempotency-key", "k-1")], Some(given.to_string().as_bytes()))
        .await;
    assert!(answer.headers["location"].to_str().unwrap().contains("/tmf-api/alarm/v4/alarm/"));
    let made = answer.expect(201);
    for (name, value) in given.as_object().unwrap() {
        if name == "colour" {
            assert!(made[name].is_null(), "no member of the official file");
        } else {
            assert_eq!(&made[name], value, "{name}");
        }
    }
    let again = app
        .request(Method::POST, ALARMS, &[("idempotency-key", "k-1")], Some(given.to_string().as_bytes()))
        .await;
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(again.expect(201)["id"], made["id"]);
    for (change, kept) in [
        (json!({ "probableCause": "fireDetected" }), json!("updated")),
        (json!({ "alarmType": "physicalViolation", "perceivedSeverity": "critical" }), json!("updated")),
        (json!({ "place": null }), json!("updated")),
    ] {
        let mut change = change;
        change["state"] = kept;
        let changed = app.patch(&path(&made), &change).await.expect(200);
        for (name, value) in change.as_object().unwrap() {
            assert_eq!(&changed[name], value, "{name}");
        }
    }
    let operations = json!([{ "op": "replace", "path": "/specificProblem", "value": "burning" }]);
    let headers = [("content-type", "application/json-patch+json")];
    let body = operations.to_string();
    let changed = app.request(Method::PATCH, &path(&made), &headers, Some(body.as_bytes())).await.expect(200);
    assert_eq!(changed["specificProblem"], "burning");
    app.delete(&path(&made)).await.expect(204);
    app.get(&path(&made)).await.expect(404);
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let app = TestApp::new().await;
    for (name, value, message) in [
        ("alarmType", json!("hunger"), "alarmType: "),
        ("perceivedSeverity", json!("bad"), "perceivedSeverity: "),
        ("state", json!("sleeping"), "state: "),
        ("ackState", json!("maybe"), "ackState: "),
        ("alarmRaisedTime", json!("soon"), "alarmRaisedTime: "),
        ("sourceSystemId", Value::Null, "sourceSystemId: is missing"),
        ("alarmedObject", json!("rack"), "alarmedObject: must be an object"),
    ] {
        let mut body = told("hot");
        body[name] = value;
        let problem = app.post(ALARMS, &body).await.expect(400);
        assert!(problem["message"].as_str().unwrap().starts_with(message), "{problem:#}");
    }
    let made = app.post(ALARMS, &told("hot")).await.expect(201);
    for name in ["id", "href", "alarmRaisedTime", "sourceSystemId"] {
        let problem = app.patch(&path(&made), &json!({ name: "2020-01-01T00:00:00Z" })).await.expect(400);
        assert_eq!(problem["message"], format!("{name}: cannot be changed"));
    }
}

#[tokio::test]
async fn of_our_own_only_some_is_changed() {
    let app = TestApp::new().await;
    let alarm = ours(&app).await;
    let seen = app.patch(&path(&alarm), &json!({ "ackState": "acknowledged" })).await.expect(200);
    assert_eq!((&seen["ackState"], &seen["ackUserId"]), (&json!("acknowledged"), &json!("local")));
    let comment = json!([{ "comment": "we look at it", "userId": "ann" }]);
    let said = app.patch(&path(&alarm), &json!({ "comment": comment })).await.expect(200);
    assert_eq!(said["comment"], comment);
    for change in [
        json!({ "alarmDetails": "nothing" }),
        json!({ "probableCause": "other" }),
        json!({ "alarmedObject": { "id": "o-2" } }),
        json!({ "perceivedSeverity": "minor" }),
        json!({ "state": "updated" }),
    ] {
        assert_eq!(app.patch(&path(&alarm), &change).await.expect(409)["code"], "readOnly", "{change}");
    }
    assert_eq!(app.delete(&path(&alarm)).await.expect(409)["code"], "forbiddenState");
    let over = app.patch(&path(&alarm), &json!({ "state": "cleared" })).await.expect(200);
    assert_eq!((&over["perceivedSeverity"], &over["clearUserId"]), (&json!("cleared"), &json!("local")));
    assert_eq!(over["alarmClearedTime"], "2026-11-23T08:00:01Z");
    assert_eq!(over["alarmedObject"], alarm["alarmedObject"]);
    app.patch(&path(&alarm), &json!({ "perceivedSeverity": "major" })).await.expect(409);
    // It still holds: the next that is told of it is a new alarm.
    assert_ne!(ours(&app).await["id"], alarm["id"]);
    app.delete(&path(&alarm)).await.expect(204);
}

#[tokio::test]
async fn a_change_on_an_older_state_is_refused() {
    let app = TestApp::new().await;
    let alarm = ours(&app).await;
    let tag = app.get(&path(&alarm)).await.headers["etag"].to_str().unwrap().to_owned();
    app.patch(&path(&alarm), &json!({ "ackState": "acknowledged" })).await.expect(200);
    let headers = [("if-match", tag.as_str())];
    let body = json!({ "ackState": "unacknowledged" }).to_string();
    app.request(Method::PATCH, &path(&alarm), &headers, Some(body.as_bytes())).await.expect(412);
    app.request(Method::DELETE, &path(&alarm), &headers, None).await.expect(412);
}

#[tokio::test]
async fn listeners_hear_of_everything() {
    let app = TestApp::new().await;
    let ear = Ear::open().await.of("tmf642", 4);
    app.post("/tmf-api/alarm/v4/hub", &json!({ "callback": ear.url })).await.expect(201);
    let alarm = ours(&app).await;
    ours(&app).await;
    ours(&app).await;
    app.patch(&path(&alarm), &json!({ "ackState": "acknowledged" })).await.expect(200);
    let mut tx = app.engine().db.tenant("default").await.unwrap();
    clear(&mut tx, Alarm::OrderStuck, "o-1").await.unwrap();
    tx.commit().await.unwrap();
    app.delete(&path(&alarm)).await.expect(204);
    app.notify_all().await;
    assert_eq!(
        ear.types(),
        [
            "AlarmCreateEvent",
            "AlarmStateChangeEvent",
            "AlarmAttributeValueChangeEvent",
            "AlarmAttributeValueChangeEvent",
            "AlarmStateChangeEvent",
            "AlarmDeleteEvent",
        ]
    );
    let heard = ear.taken();
    let states: Vec<_> = heard.iter().map(|h| h.body["event"]["alarm"]["state"].clone()).collect();
    assert_eq!(states, ["raised", "updated", "updated", "updated", "cleared", "cleared"]);
    assert_eq!(heard[3].body["event"]["alarm"]["ackState"], "acknowledged");
}

#[tokio::test]
async fn a_listener_chooses_by_severity() {
    let app = TestApp::new().await;
    let ear = Ear::open().await.of("tmf642", 4);
    let body =
        json!({ "callback": ear.url, "query": "eventType=AlarmCreateEvent&perceivedSeverity=critical" });
    app.post("/tmf-api/alarm/v4/hub", &body).await.expect(201);
    app.post(ALARMS, &told("hot")).await.expect(201);
    let mut worse = told("burning");
    worse["perceivedSeverity"] = json!("critical");
    app.post(ALARMS, &worse).await.expect(201);
    app.notify_all().await;
    let heard = ear.taken();
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0].body["event"]["alarm"]["specificProblem"], "burning");
}
