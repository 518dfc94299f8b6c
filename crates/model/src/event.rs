//! What is told of a resource, and of which: in words of our own, because each API and version names its events
//! itself.

use crate::text::text_enum;

text_enum! {
    /// What happened to a resource. The event's name is made at rendering: a `stateChange` of a `serviceOrder` is a
    /// `ServiceOrderStateChangeEvent`; a `jeopardy` of a `productOrder` is a `ProductOrderJeopardyAlertEvent` in
    /// TMF622 v5, and nothing in v4.
    EventKind {
        /// It is there; its first state goes with it.
        Create = "create",
        /// Something other than its state changed.
        AttributeValueChange = "attributeValueChange",
        /// It came to a state, those that are passed through included.
        StateChange = "stateChange",
        /// It is no longer shown.
        Delete = "delete",
        /// It waits for information.
        InformationRequired = "informationRequired",
        /// An order reached, or missed, a milestone.
        Milestone = "milestone",
        /// An order is in danger: late, or in need of an operator.
        Jeopardy = "jeopardy",
        /// An error was noted on an order.
        ErrorMessage = "errorMessage",
    }
}

text_enum! {
    /// What an event is about. Most are resources of one API and have its name; a customer, a subscription and a
    /// machine are shown by several (a subscription is a TMF637 product and a TMF638 service).
    Resource {
        ServiceOrder = "serviceOrder",
        ProductOrder = "productOrder",
        CancelServiceOrder = "cancelServiceOrder",
        CancelProductOrder = "cancelProductOrder",
        Customer = "customer",
        Subscription = "subscription",
        Machine = "machine",
        /// A record-only entry of TMF637.
        Product = "product",
        /// A record-only entry of TMF638.
        Service = "service",
        /// A record-only entry of TMF639.
        Resource = "resource",
        /// TMF635.
        Usage = "usage",
        UsageSpecification = "usageSpecification",
        /// TMF620.
        Catalog = "catalog",
        Category = "category",
        ProductOffering = "productOffering",
        ProductOfferingPrice = "productOfferingPrice",
        ProductSpecification = "productSpecification",
        /// TMF633.
        ServiceCatalog = "serviceCatalog",
        ServiceCategory = "serviceCategory",
        ServiceCandidate = "serviceCandidate",
        ServiceSpecification = "serviceSpecification",
        /// TMF642, and its tasks.
        Alarm = "alarm",
        AckAlarms = "ackAlarms",
        UnAckAlarms = "unAckAlarms",
        ClearAlarms = "clearAlarms",
        CommentAlarms = "commentAlarms",
        GroupAlarms = "groupAlarms",
        UnGroupAlarms = "unGroupAlarms",
    }
}

text_enum! {
    /// Whether a listener is sent what it is to be sent.
    ListenerState {
        Active = "active",
        /// Its events are kept until an operator resumes it.
        Paused = "paused",
    }
}
