//! The body of a service order (TMF641 v4), from the flags of `telvisor order place`.

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

/// What an order asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Action {
    CreateCustomer,
    SuspendCustomer,
    ReactivateCustomer,
    TerminateCustomer,
    Provision,
    Change,
    Suspend,
    Reactivate,
    Terminate,
    Backup,
    Restore,
}

impl Action {
    /// Whether it acts on a subscription that is there already.
    #[must_use]
    pub const fn needs_subscription(self) -> bool {
        matches!(
            self,
            Self::Change | Self::Suspend | Self::Reactivate | Self::Terminate | Self::Backup | Self::Restore
        )
    }
}

#[derive(Debug, Clone, Args)]
pub struct Wish {
    /// Who for: the customer's number.
    #[arg(long, value_name = "ID", required_unless_present = "file")]
    pub customer: Option<String>,
    /// What to do.
    #[arg(long, value_enum, default_value_t = Action::Provision)]
    pub action: Action,
    /// Application to provision, or whose subscription is meant.
    #[arg(long, value_name = "ID")]
    pub application: Option<String>,
    /// Subscription that is meant, where the application does not tell it.
    #[arg(long, value_name = "ID")]
    pub subscription: Option<String>,
    /// Plan to provision or to change to.
    #[arg(long)]
    pub plan: Option<String>,
    /// Version to provision (default: the newest) or to change to.
    #[arg(long)]
    pub version: Option<String>,
    /// Backup to restore.
    #[arg(long, value_name = "ID")]
    pub backup: Option<String>,
    /// Name of a new customer.
    #[arg(long)]
    pub name: Option<String>,
    /// E-mail address of a new customer.
    #[arg(long)]
    pub email: Option<String>,
    /// Telephone number of a new customer.
    #[arg(long)]
    pub phone: Option<String>,
    /// Language of a new customer, such as en.
    #[arg(long)]
    pub language: Option<String>,
    /// Another characteristic; may be given more than once.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = characteristic)]
    pub set: Vec<(String, String)>,
    /// Your number of the order; a repeat with the same number orders nothing new.
    #[arg(long, value_name = "ID")]
    pub external_id: Option<String>,
}

fn characteristic(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("give NAME=VALUE".into()),
    }
}

impl Wish {
    /// The order. The subscription is the one that was looked up where only the application was given.
    ///
    /// # Errors
    /// Naming the flag that is missing or has no place in this action.
    pub fn body(&self, subscription: Option<&str>) -> Result<Value, String> {
        let customer = self.customer.as_ref().ok_or("--customer is missing: who is the order for?")?;
        self.refuse_strangers()?;
        let (verb, mut service) = match self.action {
            Action::CreateCustomer => {
                ("add", json!({ "serviceSpecification": { "id": "customer-account" } }))
            }
            Action::SuspendCustomer => ("modify", json!({ "id": customer, "state": "inactive" })),
            Action::ReactivateCustomer => ("modify", json!({ "id": customer, "state": "active" })),
            Action::TerminateCustomer => ("delete", json!({ "id": customer })),
            Action::Provision => {
                let application =
                    self.application.as_ref().ok_or("--application is missing: which one to provision?")?;
                ("add", json!({ "serviceSpecification": { "id": application } }))
            }
            action => {
                let id =
                    subscription.ok_or("--subscription or --application is missing: which one is meant?")?;
                match action {
                    Action::Suspend => ("modify", json!({ "id": id, "state": "inactive" })),
                    Action::Reactivate => ("modify", json!({ "id": id, "state": "active" })),
                    Action::Terminate => ("delete", json!({ "id": id })),
                    _ => ("modify", json!({ "id": id })),
                }
            }
        };
        let characteristics = self.characteristics()?;
        if !characteristics.is_empty() {
            service["serviceCharacteristic"] = characteristics.into();
        }
        let mut order = Map::new();
        if let Some(id) = &self.external_id {
            order.insert("externalId".into(), id.as_str().into());
        }
        order.insert(
            "externalReference".into(),
            json!([{ "externalReferenceType": "channel", "id": "cli", "name": "cli" }]),
        );
        order.insert("relatedParty".into(), json!([{ "id": customer, "role": "customer" }]));
        order.insert("serviceOrderItem".into(), json!([{ "id": "1", "action": verb, "service": service }]));
        Ok(order.into())
    }

    fn characteristics(&self) -> Result<Vec<Value>, String> {
        let operation = match self.action {
            Action::Backup => Some("backup".to_owned()),
            Action::Restore => Some("restore".to_owned()),
            _ => None,
        };
        if self.action == Action::Change && self.plan.is_none() && self.version.is_none() {
            return Err("--plan or --version is missing: what to change to?".into());
        }
        if self.action == Action::Restore && self.backup.is_none() {
            return Err("--backup is missing: which one to restore?".into());
        }
        if self.action == Action::CreateCustomer && self.name.is_none() {
            return Err("--name is missing: what is the new customer called?".into());
        }
        let own = [
            ("operation", &operation),
            ("backupId", &self.backup),
            ("plan", &self.plan),
            ("version", &self.version),
            ("name", &self.name),
            ("email", &self.email),
            ("phone", &self.phone),
            ("language", &self.language),
        ];
        let own = own.into_iter().filter_map(|(name, value)| value.as_deref().map(|value| (name, value)));
        let set = self.set.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Ok(own.chain(set).map(|(name, value)| json!({ "name": name, "value": value })).collect())
    }

    /// A flag that the action would drop in silence is more likely a mistake.
    fn refuse_strangers(&self) -> Result<(), String> {
        let action = self.action;
        let own = matches!(action, Action::Provision | Action::Change);
        let new = action == Action::CreateCustomer;
        for (flag, given, belongs) in [
            (
                "--application",
                self.application.is_some(),
                action == Action::Provision || action.needs_subscription(),
            ),
            ("--subscription", self.subscription.is_some(), action.needs_subscription()),
            ("--plan", self.plan.is_some(), own),
            ("--version", self.version.is_some(), own),
            ("--backup", self.backup.is_some(), action == Action::Restore),
            ("--name", self.name.is_some(), new),
            ("--email", self.email.is_some(), new),
            ("--phone", self.phone.is_some(), new),
            ("--language", self.language.is_some(), new),
        ] {
            if given && !belongs {
                let action = action.to_possible_value().expect("no action is hidden");
                return Err(format!("{flag} has no place in --action {}", action.get_name()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command, order};
    use clap::Parser as _;

    fn wish(flags: &str) -> Wish {
        let words = "telvisor order place".split(' ').chain(flags.split_whitespace());
        match Cli::try_parse_from(words).unwrap().command {
            Some(Command::Order(order::Command::Place(place))) => place.wish,
            other => panic!("{other:?}"),
        }
    }

    fn item(flags: &str, subscription: Option<&str>) -> Value {
        wish(flags).body(subscription).unwrap()["serviceOrderItem"][0].clone()
    }

    #[test]
    fn an_order_names_its_customer_and_its_channel() {
        let body = wish("--customer 7 --application crm --plan small --external-id x1").body(None).unwrap();
        assert_eq!(body["relatedParty"], json!([{ "id": "7", "role": "customer" }]));
        assert_eq!(body["externalReference"][0]["externalReferenceType"], "channel");
        assert_eq!(body["externalReference"][0]["id"], "cli");
        assert_eq!(body["externalId"], "x1");
        assert_eq!(
            body["serviceOrderItem"],
            json!([{ "id": "1", "action": "add", "service": {
                "serviceSpecification": { "id": "crm" },
                "serviceCharacteristic": [{ "name": "plan", "value": "small" }],
            } }])
        );
    }

    #[test]
    fn every_action_is_the_item_of_the_contract() {
        let customer = item("--customer 7 --action create-customer --name Ada --set test=true", None);
        assert_eq!(customer["service"]["serviceSpecification"]["id"], "customer-account");
        assert_eq!(
            customer["service"]["serviceCharacteristic"],
            json!([{ "name": "name", "value": "Ada" }, { "name": "test", "value": "true" }])
        );
        let on = |action: &str| item(&format!("--customer 7 --action {action}"), Some("s"));
        assert_eq!(on("suspend-customer")["service"], json!({ "id": "7", "state": "inactive" }));
        assert_eq!(on("reactivate-customer")["service"], json!({ "id": "7", "state": "active" }));
        assert_eq!(on("terminate-customer")["action"], "delete");
        assert_eq!(on("terminate-customer")["service"], json!({ "id": "7" }));
        assert_eq!(on("suspend")["service"], json!({ "id": "s", "state": "inactive" }));
        assert_eq!(on("reactivate")["service"], json!({ "id": "s", "state": "active" }));
        assert_eq!(
            (&on("terminate")["action"], &on("terminate")["service"]),
            (&json!("delete"), &json!({"id": "s"}))
        );
        assert_eq!(
            on("backup")["service"]["serviceCharacteristic"],
            json!([{ "name": "operation", "value": "backup" }])
        );
        assert_eq!(
            on("restore --backup b")["service"]["serviceCharacteristic"],
            json!([{ "name": "operation", "value": "restore" }, { "name": "backupId", "value": "b" }])
        );
        let change = on("change --version 2.0");
        assert_eq!(change["action"], "modify");
        assert_eq!(
            change["service"]["serviceCharacteristic"],
            json!([{ "name": "version", "value": "2.0" }])
        );
    }

    #[test]
    fn what_is_missing_or_out_of_place_is_named() {
        let refused = |flags, subscription| wish(flags).body(subscription).unwrap_err();
        assert!(refused("--customer 7", None).contains("--application"));
        assert!(
            refused("--customer 7 --action change --subscription s", Some("s"))
                .contains("--plan or --version")
        );
        assert!(refused("--customer 7 --action suspend", None).contains("--subscription"));
        assert!(refused("--customer 7 --action create-customer", None).contains("--name"));
        assert!(refused("--customer 7 --action restore", Some("s")).contains("--backup"));
        assert!(
            refused("--customer 7 --action terminate-customer --application crm", None).contains("no place")
        );
        assert!(refused("--customer 7 --action suspend --plan x", Some("s")).contains("--plan has no place"));
    }
}
