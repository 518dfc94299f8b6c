//! A client that repeats what was not answered, as a BSS does: the external id makes one order of all repeats.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::harness::{ORDERS, PRODUCT_ORDERS};
use crate::process::Looks;

/// Longest time that one request may go without an answer; many kills may fall into it.
const PATIENCE: Duration = Duration::from_secs(180);
/// Longest time that an order may take, kills included.
const ORDER: Duration = Duration::from_secs(300);

/// What a door answered.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("no JSON: {e}: {self:?}"))
    }

    /// The body, if it has this status; else a failure that shows it.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self.json()
    }
}

/// A media type and a text.
type Body = (&'static str, String);

fn json_body(value: &Value) -> Option<Body> {
    Some(("application/json", value.to_string()))
}

/// Requests to whichever server runs now.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: watch::Receiver<String>,
    posted: watch::Sender<usize>,
}

impl Client {
    /// `url`: where the server listens that runs now, empty while there is none. Counts answered POSTs in `posted`.
    pub fn new(url: watch::Receiver<String>, posted: watch::Sender<usize>) -> Self {
        let http = telvisor::http::client().timeout(Duration::from_secs(30)).build().unwrap();
        Self { http, url, posted }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.until_answered(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        let answer = self.until_answered(Method::POST, path, json_body(body)).await;
        self.posted.send_modify(|n| *n += 1);
        answer
    }

    /// Posts a text of another media type.
    pub async fn post_text(&self, path: &str, kind: &'static str, text: String) -> Answer {
        let answer = self.until_answered(Method::POST, path, Some((kind, text))).await;
        self.posted.send_modify(|n| *n += 1);
        answer
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.until_answered(Method::PATCH, path, json_body(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.until_answered(Method::DELETE, path, None).await
    }

    /// Repeats a request until a server answers it. One that drains or died answers nothing.
    async fn until_answered(&self, method: Method, path: &str, body: Option<Body>) -> Answer {
        let mut url = self.url.clone();
        let tries = async {
            loop {
                let base = url.borrow_and_update().clone();
                if base.is_empty() {
                    url.changed().await.expect("the run holds the other end");
                    continue;
                }
                match self.once(method.clone(), &format!("{base}{path}"), body.clone()).await {
                    Ok(answer) if !matches!(answer.status, 429 | 503) => return answer,
                    // A new server has a new address; the same one may only have closed this connection.
                    _ => drop(tokio::time::timeout(Duration::from_millis(200), url.changed()).await),
                }
            }
        };
        tokio::time::timeout(PATIENCE, tries).await.unwrap_or_else(|_| panic!("{path} was never answered"))
    }

    async fn once(&self, method: Method, url: &str, body: Option<Body>) -> Result<Answer, reqwest::Error> {
        let mut request = self.http.request(method, url);
        if let Some((kind, text)) = body {
            request = request.header("content-type", kind).body(text);
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        Ok(Answer { status, body: response.bytes().await?.to_vec() })
    }

    /// All entries of a list, page by page.
    pub async fn all(&self, path: &str) -> Vec<Value> {
        let mut out = vec![];
        loop {
            let page = self.get(&format!("{path}?limit=1000&offset={}", out.len())).await;
            assert!(matches!(page.status, 200 | 206), "{page:?}");
            let Value::Array(page) = page.json() else { panic!("{path} is no list") };
            let last = page.len() < 1000;
            out.extend(page);
            if last {
                return out;
            }
        }
    }

    /// Every order as the client that placed it knows it; and each product order with its service order, null where
    /// that is not there.
    pub async fn orders(&self) -> (Vec<Value>, Vec<[Value; 2]>) {
        let (of_products, mut orders): (Vec<Value>, Vec<Value>) =
            self.all(ORDERS).await.into_iter().partition(|o| product_order_of(o).is_some());
        let mut pairs = vec![];
        for product in self.all(PRODUCT_ORDERS).await {
            let product = as_service_order(product);
            let own = of_products.iter().find(|o| product_order_of(o) == product["id"].as_str());
            pairs.push([product.clone(), own.cloned().unwrap_or_default()]);
            orders.push(product);
        }
        (orders, pairs)
    }

    /// An order of either kind.
    pub async fn order(&self, id: &str) -> Value {
        let answer = self.get(&format!("{ORDERS}/{id}")).await;
        if answer.status != 404 {
            return answer.expect(200);
        }
        as_service_order(self.get(&format!("{PRODUCT_ORDERS}/{id}")).await.expect(200))
    }

    /// Waits until an order has ended; the order as it is then.
    pub async fn order_ended(&self, id: &str) -> Value {
        let mut looks = Looks::until(&format!("order {id} has ended"), ORDER);
        loop {
            let order = self.order(id).await;
            if is_final(&order) {
                return order;
            }
            looks.again().await;
        }
    }
}

/// The product order that a service order belongs to.
fn product_order_of(order: &Value) -> Option<&str> {
    let references = order["externalReference"].as_array()?;
    references.iter().find(|r| r["externalReferenceType"] == "productOrder")?["id"].as_str()
}

/// A product order with its items in the words of TMF641 too.
pub fn as_service_order(mut order: Value) -> Value {
    let items = order["productOrderItem"].as_array().cloned().unwrap_or_default();
    let item =
        |i: Value| json!({ "id": i["id"], "state": i["state"], "service": { "id": i["product"]["id"] } });
    order["serviceOrderItem"] = items.into_iter().map(item).collect();
    order
}

pub fn is_final(order: &Value) -> bool {
    matches!(order["state"].as_str(), Some("completed" | "failed" | "partial" | "cancelled" | "rejected"))
}
