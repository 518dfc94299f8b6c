//! The look for full files makes nobody wait.

use std::time::Duration;

use serde_json::json;
use telvisor::mediation::seal::{Cut, seal};
use telvisor::store::sdr::NewSdr;

use crate::harness::TestApp;
use crate::probe::TENANT;

/// As long as a look that waits would at least take.
const PATIENCE: Duration = Duration::from_secs(8);

#[tokio::test]
async fn files_that_are_not_full_are_left_alone_while_records_are_journalled() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let mut journalling = app.engine().db.tenant(TENANT).await.unwrap();
    for (n, committed) in [(1, true), (2, false)] {
        let customer = journalling.customer_by_id("C1").await.unwrap().unwrap();
        let subject = journalling.subject(customer.uid, "C1", None).await.unwrap();
        let body = json!({ "application": "a", "version": "1", "instance": customer.uid, "success": true });
        let event_time = journalling.now();
        let record = NewSdr {
            cause: &format!("record {n}"),
            subject,
            test: false,
            only: None,
            kind: "installed",
            body: &body,
            event_time,
        };
        journalling.insert_sdr(&record).await.unwrap();
        if committed {
            journalling.commit().await.unwrap();
            journalling = app.engine().db.tenant(TENANT).await.unwrap();
        }
    }
    // The second record's transaction is open, and holds what a cut waits for.
    let looked = tokio::time::timeout(PATIENCE, seal(app.engine(), Cut::Limits)).await;
    assert!(looked.expect("it waits for nobody").unwrap().is_empty());
    journalling.commit().await.unwrap();
    assert_eq!(app.records("mediation-csv").await.len(), 2);
}
