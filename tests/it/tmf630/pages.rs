//! Pages: by cursor and by offset, while orders come.

use chrono::TimeDelta;
use serde_json::json;

use super::{header, ids, link, walk};
use crate::harness::{ORDERS, SERVICES, TestApp, create};

async fn place(app: &TestApp, n: usize) -> String {
    let body = json!({ "externalId": format!("E{n}"), "serviceOrderItem": [create(&format!("C{n}"))] });
    app.post(ORDERS, &body).await.expect(201)["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_walk_sees_each_order_once_while_new_ones_come() {
    let app = TestApp::new().await;
    let mut placed = vec![];
    for n in 0..9 {
        // Three at a time have the same date.
        app.clock.advance(TimeDelta::seconds(i64::from(n % 3 == 0)));
        placed.push(place(&app, n).await);
    }
    for sort in ["", "&sort=-orderDate", "&sort=state", "&sort=category"] {
        let mut seen = vec![];
        let mut next = Some(format!("{ORDERS}?limit=2{sort}"));
        let mut more = 100;
        while let Some(path) = next {
            let answer = app.get(&path).await;
            next = link(&answer, "next");
            seen.extend(ids(&answer.expect(200)));
            app.clock.advance(TimeDelta::seconds(1));
            more += 1;
            place(&app, more).await;
        }
        for id in &placed {
            assert_eq!(seen.iter().filter(|s| *s == id).count(), 1, "{sort}");
        }
        let mut once = seen.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), seen.len(), "{sort}");
    }
}

#[tokio::test]
async fn the_links_of_a_page_lead_to_the_others() {
    let app = TestApp::new().await;
    let mut placed = vec![];
    for n in 0..7 {
        app.clock.advance(TimeDelta::seconds(1));
        placed.insert(0, place(&app, n).await);
    }
    let first = app.get(&format!("{ORDERS}?limit=3&fields=id&externalId.regex=%5EE")).await;
    assert_eq!(link(&first, "prev"), None);
    let second = app.get(&link(&first, "next").unwrap()).await;
    assert_eq!(header(&second, "x-total-count"), "7");
    assert_eq!(header(&second, "x-result-count"), "3");
    assert_eq!(ids(&app.get(&link(&second, "prev").unwrap()).await.expect(200)), placed[..3]);
    assert_eq!(ids(&app.get(&link(&second, "first").unwrap()).await.expect(200)), placed[..3]);
    assert_eq!(ids(&app.get(&link(&second, "last").unwrap()).await.expect(200)), placed[6..]);
    let third = app.get(&link(&second, "next").unwrap()).await;
    assert_eq!(link(&third, "next"), None);
    assert_eq!(ids(&third.expect(200)), placed[6..]);
    let second = second.expect(200);
    assert_eq!(ids(&second), placed[3..6]);
    assert_eq!(second[0]["state"], json!(null), "the fields are kept");
    // Services are paged alike.
    app.run().await;
    assert_eq!(walk(&app, &format!("{SERVICES}?limit=2")).await.len(), 7);
}

#[tokio::test]
async fn a_cursor_is_good_for_the_list_that_gave_it() {
    let app = TestApp::new().await;
    for n in 0..3 {
        place(&app, n).await;
    }
    let next = link(&app.get(&format!("{ORDERS}?limit=1")).await, "next").unwrap();
    let cursor = next.split("cursor=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    app.get(&format!("{ORDERS}?cursor={cursor}")).await.expect(200);
    // Filters and the size of the page may change, the order may not.
    app.get(&format!("{ORDERS}?cursor={cursor}&state=acknowledged&limit=7")).await.expect(200);
    let turned: String = cursor.chars().rev().collect();
    for bad in [
        format!("{ORDERS}?cursor={cursor}&sort=state"),
        format!("{ORDERS}?cursor={turned}"),
        format!("{ORDERS}?cursor={}", &cursor[1..]),
        format!("{SERVICES}?cursor={cursor}"),
    ] {
        let message = app.get(&bad).await.expect(400)["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with("cursor: "), "{bad}: {message}");
    }
    // It outlives a restart.
    let app = app.restart().await;
    assert_eq!(ids(&app.get(&format!("{ORDERS}?cursor={cursor}")).await.expect(200)).len(), 2);
}

#[tokio::test]
async fn a_list_that_takes_too_long_is_refused() {
    let app = TestApp::with(|c| c.api.list_seconds = 0).await;
    for list in [ORDERS.to_owned(), format!("{ORDERS}?externalId.regex=x"), SERVICES.to_owned()] {
        let answer = app.get(&list).await.expect(503);
        assert_eq!(answer["code"], "tooSlow");
        assert!(answer["message"].as_str().unwrap().contains("api.list_seconds"));
    }
}
