//! The systems that call, and what they may do.

use crate::text::text_enum;

text_enum! {
    /// What a caller may do. Each door asks for one of these, by the method of the request.
    Scope {
        /// TMF622, TMF641, SOAP, backups: see orders and what came of them.
        OrdersRead = "orders:read",
        /// Place, change and cancel orders.
        OrdersWrite = "orders:write",
        /// TMF629.
        CustomersRead = "customers:read",
        CustomersWrite = "customers:write",
        /// TMF637, TMF638, TMF639.
        InventoryRead = "inventory:read",
        InventoryWrite = "inventory:write",
        /// TMF620, TMF633.
        CatalogueRead = "catalogue:read",
        CatalogueWrite = "catalogue:write",
        /// TMF635.
        UsageRead = "usage:read",
        UsageWrite = "usage:write",
        /// TMF642, its hub too: what an OSS watches.
        AlarmsRead = "alarms:read",
        /// Tell alarms, acknowledge and clear them.
        AlarmsWrite = "alarms:write",
        /// The hubs of all other APIs, and SOAP's Subscribe.
        Events = "events",
        /// What an operator does: jobs, fallout, approval, listeners, SDR files, metrics.
        Operations = "operations",
        /// Clients themselves.
        Admin = "admin",
    }
}

impl Scope {
    /// What a client may do that was made without a word about it: all that a BSS does, nothing of an operator.
    pub const OF_A_BSS: [Self; 11] = [
        Self::OrdersRead,
        Self::OrdersWrite,
        Self::CustomersRead,
        Self::CustomersWrite,
        Self::InventoryRead,
        Self::InventoryWrite,
        Self::CatalogueRead,
        Self::CatalogueWrite,
        Self::UsageRead,
        Self::UsageWrite,
        Self::Events,
    ];
}

text_enum! {
    /// Whether a client is let in.
    ClientState {
        Active = "active",
        Disabled = "disabled",
    }
}
