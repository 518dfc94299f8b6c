//! What the inventories show of a customer, a subscription and a machine, from the states that are stored. The lists
//! of the store say the same in SQL; a test holds one against the other.

/// What is stored of a customer or subscription that its state at the doors hangs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept<'a> {
    /// Customers: `pending`, `active`, `suspended`, `terminated`, `cancelled`. Subscriptions: the same with `reserved`
    /// in place of `pending`.
    pub state: &'a str,
    /// An order that removes it has begun and not ended.
    pub removing: bool,
}

/// The state of a customer account as a TMF638 v4 service.
#[must_use]
pub fn account_service(customer: Kept<'_>) -> &'static str {
    match customer.state {
        "pending" => "reserved",
        "active" => "active",
        "suspended" => "inactive",
        _ => "terminated",
    }
}

/// The status of a customer account as a TMF637 product.
#[must_use]
pub fn account_product(customer: Kept<'_>) -> &'static str {
    match customer.state {
        "pending" => "pendingActive",
        "active" | "suspended" if customer.removing => "pendingTerminate",
        "active" => "active",
        "suspended" => "suspended",
        "terminated" => "terminated",
        _ => "cancelled",
    }
}

/// The state of a subscription as a TMF638 v4 service. While its customer is suspended it shows that.
#[must_use]
pub fn subscription_service(subscription: Kept<'_>, customer: Kept<'_>) -> &'static str {
    match (subscription.state, customer.state) {
        ("reserved", _) => "reserved",
        ("active", "suspended") | ("suspended", _) => "inactive",
        ("active", _) => "active",
        _ => "terminated",
    }
}

/// The status of a subscription as a TMF637 product.
#[must_use]
pub fn subscription_product(subscription: Kept<'_>, customer: Kept<'_>) -> &'static str {
    match (subscription.state, customer.state) {
        ("reserved", _) => "pendingActive",
        ("active" | "suspended", _) if subscription.removing || customer.removing => "pendingTerminate",
        ("active", "suspended") | ("suspended", _) => "suspended",
        ("active", _) => "active",
        ("terminated", _) => "terminated",
        _ => "cancelled",
    }
}

/// The state of a machine as a TMF638 v4 service. Machines: `planned`, `running`, `suspended`; gone with an end.
#[must_use]
pub fn machine_service(state: &str, gone: bool) -> &'static str {
    match state {
        _ if gone => "terminated",
        "planned" => "reserved",
        "suspended" => "inactive",
        _ => "active",
    }
}

/// The four states of a machine as a TMF639 resource (ITU-T X.731 and the status), in values that v4 and v5 have both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResourceStates {
    pub status: &'static str,
    pub administrative: &'static str,
    pub operational: &'static str,
    pub usage: &'static str,
}

/// The states of a machine as a TMF639 resource.
#[must_use]
pub fn machine_resource(state: &str, gone: bool) -> ResourceStates {
    let (status, administrative, operational, usage) = match state {
        _ if gone => ("unknown", "shutdown", "disable", "idle"),
        "planned" => ("reserved", "locked", "disable", "idle"),
        "suspended" => ("suspended", "locked", "enable", "idle"),
        _ => ("available", "unlocked", "enable", "active"),
    };
    ResourceStates { status, administrative, operational, usage }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(state: &str) -> Kept<'_> {
        Kept { state, removing: false }
    }

    /// The table of the contract: reserved / pendingActive, active / active, inactive / suspended, terminated /
    /// terminated, terminated / cancelled; being removed unchanged / pendingTerminate.
    #[test]
    fn states_are_shown_as_the_contract_says() {
        for (stored, service, product) in [
            ("reserved", "reserved", "pendingActive"),
            ("active", "active", "active"),
            ("suspended", "inactive", "suspended"),
            ("terminated", "terminated", "terminated"),
            ("cancelled", "terminated", "cancelled"),
        ] {
            let active = kept("active");
            assert_eq!(subscription_service(kept(stored), active), service, "{stored}");
            assert_eq!(subscription_product(kept(stored), active), product, "{stored}");
            let account = if stored == "reserved" { "pending" } else { stored };
            assert_eq!(account_service(kept(account)), service, "{account}");
            assert_eq!(account_product(kept(account)), product, "{account}");
        }
        let suspended = kept("suspended");
        assert_eq!(subscription_service(kept("active"), suspended), "inactive");
        assert_eq!(subscription_product(kept("active"), suspended), "suspended");
        assert_eq!(subscription_product(kept("reserved"), suspended), "pendingActive");
        for live in ["active", "suspended"] {
            let removed = Kept { state: live, removing: true };
            assert_eq!(subscription_product(removed, kept("active")), "pendingTerminate");
            assert_eq!(subscription_product(kept(live), removed), "pendingTerminate");
            assert_eq!(account_product(removed), "pendingTerminate");
            assert_eq!(
                subscription_service(removed, kept("active")),
                subscription_service(kept(live), kept("active"))
            );
        }
        assert_eq!(
            subscription_product(Kept { state: "terminated", removing: true }, suspended),
            "terminated"
        );
    }

    #[test]
    fn a_machine_that_is_gone_works_no_more() {
        for state in ["planned", "running", "suspended"] {
            assert_eq!(machine_service(state, true), "terminated");
            assert_eq!(machine_resource(state, true).operational, "disable");
        }
        assert_eq!(machine_resource("running", false).status, "available");
        assert_eq!(machine_service("running", false), "active");
    }
}
