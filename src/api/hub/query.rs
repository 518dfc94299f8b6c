//! `query` of a registration: which events a listener wants.
//!
//! It is written as the query of a URL, by the rules of TMF630: `eventType=A,B` and filters on attributes. A name is
//! that of a member of the resource (`state=completed`, `relatedParty.id=C1`) or of the notification
//! (`eventType`, `event.serviceOrder.state`).

use serde_json::Value;

use crate::api::problem::Problem;
use crate::api::tmf630::Query;
use crate::api::tmf630::filter::{Alternative, Test};
use crate::api::tmf630::memory::matches;
use crate::notify::Api;

/// Judges a query that is to be registered.
///
/// # Errors
/// 400 naming what is wrong: paging and sorting have no meaning here, and an event that the API does not have would
/// never come.
pub fn check(query: &str, api: &Api) -> Result<(), Problem> {
    let parsed = Query::parse(Some(query)).map_err(|p| Problem::invalid("query", p.message))?;
    let paged = parsed.offset != 0 || parsed.limit.is_some() || parsed.cursor.is_some();
    if paged || !parsed.sort.is_empty() || parsed.fields.is_some() {
        let message = "takes filters only; fields, sort, offset, limit and cursor have no meaning for events";
        return Err(Problem::invalid("query", message));
    }
    let known = api.event_types();
    for Alternative { attribute, test } in parsed.filters.iter().flat_map(|f| &f.any_of) {
        if let ("eventType", Test::Is(_, wanted)) = (attribute.as_str(), test)
            && !known.contains(wanted)
        {
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
    query.filters.iter().all(|f| matches(&all, f)) && query.json_path.iter().all(|path| path.fits(&all))
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
            "state.regex=^he",
            "filter=$.relatedParty[?(@.id=='C1')]",
        ] {
            assert!(fits(yes), "{yes}");
        }
        for no in [
            "eventType=ServiceOrderCreateEvent",
            "state=completed",
            "state=held&relatedParty.id=C2",
            "priority=3",
            "colour=red",
            "filter=$.relatedParty[?(@.id=='C2')]",
        ] {
            assert!(!fits(no), "{no}");
        }
    }
}
