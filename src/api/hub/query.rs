//! `query` of a registration: which events a listener wants.
//!
//! It is written as the query of a URL, by the rules of TMF630: `eventType=A,B` and filters on attributes. A name is
//! that of a member of the resource (`state=completed`, `relatedParty.id=C1`) or of the notification
//! (`eventType`, `event.serviceOrder.state`).

use serde_json::Value;

use crate::api::problem::Problem;
use crate::api::tmf630::Query;
use crate::notify::Api;
use crate::store::lists::Compare;

/// Judges a query that is to be registered.
///
/// # Errors
/// 400 naming what is wrong: paging and sorting have no meaning here, and an event that the API does not have would
/// never come.
pub fn check(query: &str, api: &Api) -> Result<(), Problem> {
    let parsed = Query::parse(Some(query)).map_err(|p| Problem::invalid("query", p.message))?;
    let paged =
        parsed.offset != 0 || parsed.limit.is_some() || !parsed.sort.is_empty() || parsed.fields.is_some();
    if paged {
        let message = "takes filters only; fields, offset, limit and sort have no meaning for events";
        return Err(Problem::invalid("query", message));
    }
    let known = api.event_types();
    let types = parsed.filters.iter().filter(|f| f.attribute == "eventType" && f.compare == Compare::Equal);
    for wanted in types.flat_map(|f| &f.values) {
        if !known.contains(wanted) {
            let message = format!("there is no event {wanted:?}; possible: {}", known.join(", "));
            return Err(Problem::invalid("query", message));
        }
    }
    Ok(())
}

/// Whether a notification fits. `key` names its resource below `event`.
#[must_use]
pub fn fits(query: &str, key: &str, notification: &Value) -> bool {
    let Ok(query) = Query::parse(Some(query)) else { return false };
    let mut all = notification["event"][key].clone();
    if let (Some(all), Some(envelope)) = (all.as_object_mut(), notification.as_object()) {
        for (name, value) in envelope {
            all.entry(name).or_insert_with(|| value.clone());
        }
    }
    let names: Vec<&str> =
        query.filters.iter().map(|f| f.attribute.split('.').next().unwrap_or_default()).collect();
    query.in_memory(vec![all], &names, (1, 1)).is_ok_and(|(_, fitting)| fitting == 1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_and_attributes_of_the_resource_and_of_the_notification_are_asked() {
        let notification = json!({
            "eventType": "ServiceOrderStateChangeEvent", "priority": "3",
            "event": { "serviceOrder": {
                "state": "held", "priority": "1", "relatedParty": [{ "id": "C1", "role": "customer" }],
            } },
        });
        let fits = |query: &str| fits(query, "serviceOrder", &notification);
        for yes in [
            "eventType=ServiceOrderStateChangeEvent",
            "eventType=ServiceOrderCreateEvent,ServiceOrderStateChangeEvent",
            "state=held,failed",
            "state=held&eventType=ServiceOrderStateChangeEvent",
            "relatedParty.id=C1",
            "event.serviceOrder.state=held",
            "priority=1",
        ] {
            assert!(fits(yes), "{yes}");
        }
        for no in [
            "eventType=ServiceOrderCreateEvent",
            "state=completed",
            "state=held&relatedParty.id=C2",
            "priority=3",
            "colour=red",
        ] {
            assert!(!fits(no), "{no}");
        }
    }
}
