//! The rules of TMF630, at the doors.

use serde_json::Value;

use crate::harness::{Answer, TestApp};

mod counts;
mod hrefs;
mod lists;
mod page;
mod pages;
mod patching;
mod tags;

/// A header of an answer; empty where it is not there.
fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).map_or("", |v| v.to_str().unwrap())
}

fn total(answer: &Answer) -> i64 {
    header(answer, "x-total-count").parse().unwrap()
}

fn ids(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|o| o["id"].as_str().unwrap().to_owned()).collect()
}

/// Where a link of a list leads, as a path.
fn link(answer: &Answer, rel: &str) -> Option<String> {
    let text = header(answer, "link");
    let found = text.split(", ").find(|l| l.ends_with(&format!("rel=\"{rel}\"")))?;
    Some(found.trim_start_matches("<http://localhost:8080").split('>').next().unwrap().to_owned())
}

/// The ids on all pages from this one on, by the links.
async fn walk(app: &TestApp, path: &str) -> Vec<String> {
    let mut seen = vec![];
    let mut next = Some(path.to_owned());
    while let Some(path) = next {
        let answer = app.get(&path).await;
        next = link(&answer, "next");
        seen.extend(ids(&answer.expect(200)));
    }
    seen
}
