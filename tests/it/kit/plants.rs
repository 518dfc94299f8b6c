//! The faults that are planted, one per rule.

use serde_json::{Value, json};

use super::proxy::{Ask, Reply};

/// A rule that is broken.
pub struct Plant {
    /// Name and version of the API that is checked.
    pub api: (&'static str, u8),
    pub section: &'static str,
    /// The check that must find it.
    pub fails: &'static str,
    /// Changes the request, or answers it.
    pub before: fn(&mut Ask) -> Option<Reply>,
    /// Changes the answer.
    pub after: fn(&Ask, &mut Reply),
}

/// A fault of the answer alone.
const fn answer(section: &'static str, fails: &'static str, after: fn(&Ask, &mut Reply)) -> Plant {
    Plant { api: TMF641, section, fails, before: |_| None, after }
}

impl Plant {
    const fn of(self, name: &'static str, version: u8) -> Self {
        Self { api: (name, version), ..self }
    }
}

const TMF641: (&str, u8) = ("tmf641", 4);

/// A fault on the way in.
const fn request(section: &'static str, fails: &'static str, before: fn(&mut Ask) -> Option<Reply>) -> Plant {
    Plant { api: TMF641, section, fails, before, after: |_, _| {} }
}

fn posts_order(ask: &Ask) -> bool {
    ask.method == "POST" && ask.target.ends_with("/serviceOrder")
}

pub const PLANTS: &[Plant] = &[
    answer("kits", "POST of the stock body is answered 201 with every mandatory member", |ask, reply| {
        if posts_order(ask) && ask.body["category"].is_null() {
            reply.edit(|order| drop(order.as_object_mut().unwrap().remove("orderDate")));
        }
    }),
    answer("kits", "?fields=id gives that with id and href, and nothing else", |ask, reply| {
        if ask.target.ends_with("?fields=id") {
            reply.edit(|list| {
                list.as_array_mut().unwrap().iter_mut().for_each(|o| o["state"] = json!("held"));
            });
        }
    }),
    answer("kits", "?orderDate= with the exact text, in double quotes, finds the order", |ask, reply| {
        if ask.target.contains("orderDate=%22") {
            reply.octets = b"[]".to_vec();
            reply.header("x-result-count", Some("0"));
        }
    }),
    answer("kits", "an unknown id is 404 with an error body", |_, reply| {
        if reply.status == 404 {
            reply.edit(|error| drop(error.as_object_mut().unwrap().remove("code")));
        }
    }),
    answer("kits", "the filter by the external id with ?fields=id,state", |ask, reply| {
        // Nothing but the official enumeration forbids it.
        if ask.target.contains("fields=id%2Cstate") && ask.target.contains("externalId") {
            reply.edit(|list| list[0]["state"] = json!("asleep"));
        }
    }),
    answer("answers", "POST: Location is the absolute href and leads to the order", |ask, reply| {
        if posts_order(ask) {
            reply.header("location", Some("/serviceOrder/1"));
        }
    }),
    answer("answers", "POST: members that the server sets are ignored", |ask, reply| {
        if ask.body["unheardOf"].is_object() {
            reply.edit(|order| order["state"] = json!("completed"));
        }
    }),
    answer(
        "refusals",
        "400: wrong or missing serviceOrderItem.1.action (6), named by its path",
        |ask, reply| {
            if ask.body["serviceOrderItem"][1]["action"] == "destroy" {
                reply.edit(|error| error["message"] = json!("something is wrong"));
            }
        },
    ),
    answer("refusals", "405: a method that the resource does not have, with Allow", |ask, reply| {
        if ask.method == "PUT" {
            reply.header("allow", None);
        }
    }),
    answer("refusals", "415: a body that is not JSON", |_, reply| {
        if reply.status == 415 {
            reply.status = 400;
            reply.edit(|error| error["status"] = json!("400"));
        }
    }),
    answer("lists", "/serviceOrder: limit and offset cut pages, X-Total-Count stays", |ask, reply| {
        if ask.target.contains("limit=1&offset=1") && reply.status == 200 {
            reply.header("x-total-count", Some("1"));
        }
    }),
    answer("lists", "/serviceOrder: Link leads to the next page", |_, reply| {
        let link = reply.headers.iter().find(|(name, _)| name == "link").map(|(_, value)| value.clone());
        if let Some(link) = link {
            reply.header("link", Some(&link.replace("rel=\"next\"", "rel=\"further\"")));
        }
    }),
    answer("lists", "/serviceOrder: bad limit or offset is 400 and named", |ask, reply| {
        if ask.target.ends_with("limit=1.5") {
            reply.edit(|error| error["message"] = json!("no number"));
        }
    }),
    answer("lists", "/serviceOrder: an unknown filter attribute is 400 and named", |ask, reply| {
        if ask.target.contains("colour=blue") {
            reply.status = 200;
            reply.octets = b"[]".to_vec();
        }
    }),
    answer("lists", "list: ?sort=-priority", |ask, reply| {
        if ask.target.contains("sort=-priority") {
            reply.edit(|list| list.as_array_mut().unwrap().reverse());
        }
    }),
    answer("lists", "list: orderDate.gte= compares dates", |ask, reply| {
        if ask.target.contains("orderDate.gte=") {
            reply.octets = b"[]".to_vec();
        }
    }),
    answer("lists", "list: ?state= filters", |ask, reply| {
        if ask.target.contains("&state=") {
            reply.octets = b"[]".to_vec();
            reply.header("x-result-count", Some("0"));
        }
    }),
    answer("idempotency", "an Idempotency-Key does the same", |ask, reply| {
        if ask.headers.iter().any(|(name, _)| name == "idempotency-key") {
            reply.header("idempotency-replayed", None);
        }
    }),
    request("idempotency", "a refused order does not use its key up", |ask| {
        let used = ask.body["externalId"].as_str().is_some_and(|id| id.starts_with("refused-"));
        let conflict = json!({ "code": "1", "reason": "used", "message": "used", "status": "409" });
        (used && ask.body["serviceOrderItem"][0]["action"] == "add").then(|| Reply {
            status: 409,
            headers: vec![("content-type".into(), "application/json".into())],
            octets: conflict.to_string().into_bytes(),
        })
    }),
    answer(
        "patch",
        "PATCH: its own state is accepted, another is 409 and names the cancel resource",
        |ask, reply| {
            if ask.method == "PATCH" && reply.status == 409 {
                reply.edit(|error| error["message"] = json!("not now"));
            }
        },
    ),
    answer("patch", "PATCH: application/merge-patch+json is taken", |ask, reply| {
        if ask.method == "PATCH" && ask.body["description"] == "merged" {
            reply.edit(|order| order["description"] = Value::Null);
        }
    }),
    answer("patch", "DELETE: an order that has not ended is 409", |ask, reply| {
        if ask.method == "DELETE" && reply.status == 409 {
            reply.edit(|error| drop(error.as_object_mut().unwrap().remove("message")));
        }
    }),
    answer("cancel", "an order that has not begun is cancelled", |ask, reply| {
        if ask.method == "GET" && ask.target.contains("/serviceOrder/") {
            reply.edit(|order| drop(order.as_object_mut().unwrap().remove("cancellationReason")));
        }
    }),
    answer("cancel", "a task has no PATCH and no DELETE", |ask, reply| {
        if ask.method == "DELETE" {
            reply.status = 204;
            reply.octets.clear();
        }
    }),
    answer(
        "life",
        "409: the same customer again; a second live subscription of one application",
        |_, reply| {
            if reply.status == 409 {
                reply.status = 400;
                reply.edit(|error| error["status"] = json!("400"));
            }
        },
    ),
    answer("hub", "POST /hub registers a listener: 201, Location, id, callback", |ask, reply| {
        if ask.body["callback"].as_str().is_some_and(|url| url.contains("/all-")) {
            reply.status = 200;
        }
    }),
    request("hub", "a query lets only its events through", |ask| {
        if let Some(hub) = ask.body.as_object_mut() {
            hub.remove("query");
        }
        None
    }),
    answer("hub", "DELETE /hub ends the deliveries: 204, then 404", |ask, reply| {
        if ask.method == "DELETE" && reply.status == 204 {
            reply.status = 200;
        }
    }),
    answer("answers", "POST: a client may not choose product.id of an add", |ask, reply| {
        if ask.body["productOrderItem"][0]["product"]["id"] == "chosen" {
            reply.edit(|error| error["message"] = json!("something is wrong"));
        }
    })
    .of("tmf622", 4),
    answer("reads", "/serviceSpecification: every entry is complete, and found by its href", |ask, reply| {
        if ask.target.ends_with("/serviceSpecification") && reply.status == 200 {
            reply.edit(|list| drop(list[0].as_object_mut().unwrap().remove("href")));
        }
    })
    .of("tmf633", 4),
    answer("reads", "/serviceSpecification/{id}: ETag, and 304 for who has it", |ask, reply| {
        let conditional = ask.headers.iter().any(|(name, _)| name == "if-none-match");
        if conditional && ask.target.contains("/serviceSpecification/") {
            reply.status = 200;
        }
    })
    .of("tmf633", 4),
    answer(
        "changes",
        "/resource: POST makes an entry: 201, Location, shown as it was given",
        |ask, reply| {
            if ask.method == "POST" && reply.status == 201 && ask.body["description"].is_null() {
                let keyed = ask.headers.iter().any(|(name, _)| name == "idempotency-key");
                reply.header("location", keyed.then_some("/kept"));
            }
        },
    )
    .of("tmf639", 4),
    answer("changes", "/resource: PATCH of id or href is 400, and changes nothing", |ask, reply| {
        if ask.method == "PATCH" && !ask.body["id"].is_null() {
            reply.edit(|error| error["message"] = json!("something is wrong"));
        }
    })
    .of("tmf639", 4),
    answer("changes", "/resource: DELETE takes an entry away: 204, then 404", |ask, reply| {
        if ask.method == "DELETE" && reply.status == 412 {
            reply.status = 204;
        }
    })
    .of("tmf639", 4),
    answer(
        "changes",
        "/customer: DELETE ends it by an order: 204; the entry stays readable, terminated",
        |ask, reply| {
            if ask.method == "DELETE" {
                reply.header("link", None);
            }
        },
    )
    .of("tmf629", 4),
    answer("changes", "/alarm: PATCH by application/json is kept, the rest stays", |ask, reply| {
        if ask.method == "PATCH" && ask.body["alarmDetails"] == "changed" {
            reply.edit(|alarm| alarm["state"] = json!("updated"));
        }
    })
    .of("tmf642", 4),
    answer("v5", "every object of an order says its @type", |ask, reply| {
        if posts_order(ask) && ask.body["requestedStartDate"].is_string() {
            reply.edit(|order| drop(order["serviceOrderItem"][0].as_object_mut().unwrap().remove("@type")));
        }
    })
    .of("tmf641", 5),
];
