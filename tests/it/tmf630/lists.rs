//! Filters, sorting and fields of lists.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{ids, total, walk};
use crate::harness::{CANCELS, ORDERS, SERVICES, SPECS, TestApp, create};

/// Six orders, one a minute, oldest first: external ids with separators in them, and a category on some.
async fn six(app: &TestApp) -> Vec<String> {
    let mut placed = vec![];
    for (n, (external, category)) in [
        ("a,b", Some("x")),
        ("a;b", None),
        ("ab", Some("Y")),
        ("b", Some("x")),
        ("B", None),
        ("c\"d", Some("z")),
    ]
    .into_iter()
    .enumerate()
    {
        let mut body = json!({ "externalId": external, "serviceOrderItem": [create(&format!("C{n}"))] });
        if let Some(category) = category {
            body["category"] = json!(category);
        }
        placed.push(app.post(ORDERS, &body).await.expect(201)["id"].as_str().unwrap().to_owned());
        app.clock.advance(TimeDelta::minutes(1));
    }
    placed
}

#[tokio::test]
async fn each_form_of_a_filter_finds_what_it_says() {
    let app = TestApp::new().await;
    let placed = six(&app).await;
    for (query, wanted) in [
        ("externalId=b", vec![3]),
        ("externalId.eq=b", vec![3]),
        ("externalId%3D%3Db", vec![3]),
        ("externalId=b,ab", vec![3, 2]),
        ("externalId=b;ab", vec![3, 2]),
        ("externalId=b%3Bab", vec![3, 2]),
        ("externalId=b;externalId=ab", vec![3, 2]),
        ("externalId=b&externalId=ab", vec![3, 2]),
        ("externalId=b;category=z", vec![5, 3]),
        ("externalId=%22a,b%22", vec![0]),
        ("externalId=%22a;b%22,%22a,b%22", vec![1, 0]),
        ("externalId=c%22d", vec![5]),
        ("category=x&externalId=b", vec![3]),
        ("orderDate.lt=2026-11-23T08:01:00Z;orderDate.gt=2026-11-23T08:05:00Z", vec![5, 0]),
        ("orderDate%3E2026-11-23T08:05:00Z", vec![5]),
        ("orderDate%3E=2026-11-23T08:05:01Z", vec![5]),
        ("orderDate%3E%3D2026-11-23T08:05:01Z", vec![5]),
        ("orderDate%3C2026-11-23T08:00:02Z", vec![0]),
        ("orderDate%3C=2026-11-23T09:00:01%2B01:00", vec![0]),
        ("orderDate=%222026-11-23T08:05:01Z%22", vec![5]),
        // Text is compared octet by octet on both databases.
        ("externalId.gt=B&externalId.lt=a", vec![]),
        ("externalId.gte=B&externalId.lt=a,", vec![4]),
        ("externalId.regex=^a.b$", vec![1, 0]),
        ("externalId*=^[bB]$", vec![4, 3]),
        ("externalId%2A%3D^[bB]$&category=x", vec![3]),
        ("externalId%3D~^a{1,1}b", vec![2]),
        ("category.regex=%5Ex$&externalId.regex=,", vec![0]),
        ("@type=ServiceOrder&externalId=b", vec![3]),
        ("@type=Other", vec![]),
        ("state=nonsense", vec![]),
    ] {
        let found = app.get(&format!("{ORDERS}?{query}")).await;
        assert_eq!(total(&found), i64::try_from(wanted.len()).unwrap(), "{query}");
        let wanted: Vec<_> = wanted.into_iter().map(|n: usize| placed[n].clone()).collect();
        assert_eq!(ids(&found.expect(200)), wanted, "{query}");
    }
}

#[tokio::test]
async fn what_is_not_there_comes_last_in_both_directions() {
    let app = TestApp::new().await;
    let placed = six(&app).await;
    for (sort, wanted) in [
        ("sort=category,-orderDate", [2, 3, 0, 5, 4, 1]),
        ("sort=category,orderDate", [2, 0, 3, 5, 1, 4]),
        ("sort=-category,orderDate", [5, 0, 3, 2, 1, 4]),
        ("sort=-category", [5, 3, 0, 2, 4, 1]),
        ("sort=%2BexternalId", [4, 0, 1, 2, 3, 5]),
        ("sort=orderDate", [0, 1, 2, 3, 4, 5]),
        ("sort=-orderDate", [5, 4, 3, 2, 1, 0]),
    ] {
        let wanted: Vec<_> = wanted.into_iter().map(|n: usize| placed[n].clone()).collect();
        assert_eq!(ids(&app.get(&format!("{ORDERS}?{sort}")).await.expect(200)), wanted, "{sort}");
        // The pages have the same order, whatever stands where one ends.
        for limit in 1..4 {
            assert_eq!(
                walk(&app, &format!("{ORDERS}?{sort}&limit={limit}")).await,
                wanted,
                "{sort} by {limit}"
            );
        }
    }
    let matched = walk(&app, &format!("{ORDERS}?externalId.regex=[ab]&sort=category&limit=1")).await;
    assert_eq!(matched, [2, 3, 0, 1].map(|n: usize| placed[n].clone()));
}

#[tokio::test]
async fn what_cannot_be_asked_is_named() {
    let app = TestApp::new().await;
    for (list, query, status, start) in [
        (ORDERS, "state", 400, "state: "),
        (ORDERS, "externalId.regex=(", 400, "externalId: "),
        (ORDERS, "externalId.regex=a{1,99999}{1,99999}", 400, "externalId: "),
        (ORDERS, "orderDate.regex=2026", 400, "orderDate: "),
        (ORDERS, "state=held;colour=red", 400, "colour: "),
        (ORDERS, "filter=$.note[", 400, "filter: "),
        (ORDERS, "filter=$.note[?(@.author=='x')]", 501, "filter: "),
        (ORDERS, "cursor=x", 400, "cursor: "),
        (ORDERS, "cursor=x&offset=1", 400, "offset: "),
        (CANCELS, "filter=$.state", 501, "filter: "),
        (SERVICES, "filter=$.state", 501, "filter: "),
        (SPECS, "filter=$.name[", 400, "filter: "),
        (SPECS, "cursor=x", 400, "cursor: "),
        (SPECS, "name.regex=(", 400, "name: "),
    ] {
        let answer = app.get(&format!("{list}?{query}")).await.expect(status);
        let message = answer["message"].as_str().unwrap();
        assert!(message.starts_with(start), "{query}: {message}");
    }
}

#[tokio::test]
async fn a_json_path_chooses_from_a_list_in_memory() {
    let app = TestApp::new().await;
    let all = ids(&app.get(SPECS).await.expect(200)).len();
    for (query, wanted) in [
        ("filter=$[?(@.id=='kinfolk')]", 1),
        ("filter=$[?(@.id!='kinfolk')]", all - 1),
        ("filter=$.specCharacteristic[?(@.id=='plan')]", all - 1),
        ("filter=specCharacteristic[?(@.id=='email')]", 1),
        ("filter=$.nothing", 0),
        ("filter=$.specCharacteristic[?(@.id=='plan')]&id.regex=^kin", 1),
    ] {
        let answer = app.get(&format!("{SPECS}?{query}")).await;
        assert_eq!(total(&answer), i64::try_from(wanted).unwrap(), "{query}");
        assert_eq!(ids(&answer.expect(200)).len(), wanted, "{query}");
    }
}

/// Extensions by `@type` and `@schemaLocation`, are kept as a client gives them.
#[tokio::test]
async fn extensions_of_characteristics_are_kept() {
    let app = TestApp::new().await;
    let mut item = create("C1");
    let given = json!({
        "name": "language", "value": "en", "valueType": "string", "@type": "LanguageCharacteristic",
        "@schemaLocation": "https://bss.example/language.json",
    });
    item["service"]["serviceCharacteristic"].as_array_mut().unwrap().push(given.clone());
    let order = app.place(json!([item])).await;
    let shown = app.show(&order).await;
    let list = shown["serviceOrderItem"][0]["service"]["serviceCharacteristic"].as_array().unwrap().clone();
    let kept: Vec<&Value> = list.iter().filter(|c| c["name"] == "language").collect();
    assert_eq!(kept, [&given]);
}
