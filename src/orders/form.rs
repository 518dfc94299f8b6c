//! What can be said of a draft without the database.

use super::{Draft, DraftItem, Member, OrderError};

/// Most items in one order.
const MOST_ITEMS: usize = 100;

/// What can be judged without the database.
pub(super) fn check_form(draft: &Draft) -> Result<(), OrderError> {
    if draft.items.is_empty() {
        return Err(OrderError::invalid(None, Member::Items, "an order needs at least one item"));
    }
    if draft.items.len() > MOST_ITEMS {
        return Err(OrderError::invalid(
            None,
            Member::Items,
            format!("at most {MOST_ITEMS} items in one order"),
        ));
    }
    if let Some(id) = &draft.external_id {
        let length = id.chars().count();
        if length == 0 || length > 255 || id.chars().any(char::is_control) {
            let why = "must be 1 to 255 characters, none of them a control character";
            return Err(OrderError::invalid(None, Member::ExternalId, why));
        }
    }
    for (name, value) in [("category", &draft.category), ("priority", &draft.priority)] {
        if value.as_ref().is_some_and(|v| v.chars().count() > 255) {
            return Err(OrderError::invalid(None, Member::Named(name), "must have at most 255 characters"));
        }
    }
    for (n, item) in draft.items.iter().enumerate() {
        if item.id.is_empty() || item.id.chars().count() > 100 || item.id.chars().any(char::is_control) {
            return Err(OrderError::invalid(n, Member::ItemId, "must be 1 to 100 characters"));
        }
        if draft.items[..n].iter().any(|before| before.id == item.id) {
            return Err(OrderError::invalid(
                n,
                Member::ItemId,
                format!("{:?} is the id of two items", item.id),
            ));
        }
        if let Some(missing) = item.relies_on.iter().find(|id| !draft.items.iter().any(|i| i.id == **id)) {
            let why = format!("there is no item {missing:?} in this order");
            return Err(OrderError::invalid(n, Member::Relationship, why));
        }
    }
    running_order(&draft.items).map(|_| ())
}

/// The items in the order of their relationships, then of the list.
pub(super) fn running_order(items: &[DraftItem]) -> Result<Vec<usize>, OrderError> {
    let mut order: Vec<usize> = vec![];
    while order.len() < items.len() {
        let next = (0..items.len()).find(|n| {
            let ready = |id: &String| order.iter().any(|done| items[*done].id == *id);
            !order.contains(n) && items[*n].relies_on.iter().all(ready)
        });
        match next {
            Some(n) => order.push(n),
            None => {
                let stuck = (0..items.len()).find(|n| !order.contains(n));
                return Err(OrderError::invalid(
                    stuck,
                    Member::Relationship,
                    "the items rely on each other in a circle",
                ));
            }
        }
    }
    Ok(order)
}

/// The form of a customer's own number (contract, customer ids): 1 to 64 characters.
#[must_use]
pub fn is_customer_id(id: &str) -> bool {
    let first = id.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
    first && id.len() <= 64 && id.chars().all(|c| c.is_ascii_alphanumeric() || "._:@-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orders::Ask;

    fn item(id: &str, relies_on: &[&str]) -> DraftItem {
        DraftItem {
            id: id.into(),
            ask: Ask::NoChange,
            relies_on: relies_on.iter().map(|s| (*s).to_owned()).collect(),
            quantity: None,
        }
    }

    #[test]
    fn relationships_come_before_the_list() {
        let items = [item("1", &["3"]), item("2", &[]), item("3", &[])];
        assert_eq!(running_order(&items).unwrap(), [1, 2, 0]);
        assert!(running_order(&[item("1", &["2"]), item("2", &["1"])]).is_err());
    }
}
