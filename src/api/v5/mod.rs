//! What the v5 files of the TM Forum say otherwise than the v4 ones, for every API that has both: an `@type` on each
//! object, parties, places and channels within a wrapper that carries the role, and typed characteristics.
//!
//! The stored form is the v4 one. [`read`] brings a v5 body into it, [`show`] makes v5 of it; what the APIs have of
//! their own stands with them (`tmf641/v5.rs`, `tmf622/v5.rs`).

pub mod modify;
pub mod read;
pub mod show;

/// A member whose object is within a wrapper in v5, and flat in v4: `{role, INNER: {id, …}}` and `{role, id, …}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrapper {
    /// `@type` of the wrapper.
    pub outer: &'static str,
    /// The member of the wrapper that holds the object.
    pub inner: &'static str,
    /// The `@type` that v4 writes on the flat form, which says nothing of the object.
    pub flat: &'static str,
}

/// Parties, everywhere but in a product.
pub const PARTY: Wrapper =
    Wrapper { outer: "RelatedPartyRefOrPartyRoleRef", inner: "partyOrPartyRole", flat: "RelatedParty" };
/// Parties of a product, which the file lets be given whole.
pub const PRODUCT_PARTY: Wrapper = Wrapper { outer: "RelatedPartyOrPartyRole", ..PARTY };
pub const PLACE: Wrapper =
    Wrapper { outer: "RelatedPlaceRefOrValue", inner: "place", flat: "RelatedPlaceRefOrValue" };
pub const ENTITY: Wrapper =
    Wrapper { outer: "RelatedEntityRefOrValue", inner: "entity", flat: "RelatedEntityRefOrValue" };
pub const CHANNEL: Wrapper = Wrapper { outer: "RelatedChannel", inner: "channel", flat: "RelatedChannel" };

/// How the objects under a member become v5.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// They get this `@type`, where they have none.
    Typed(&'static str),
    /// They refer to something of the second name.
    Ref(&'static str, &'static str),
    /// They refer to something, or are it: `@type` of the value, `@type` of the reference.
    RefOrValue(&'static str, &'static str),
    /// Named values, typed by what the value is.
    Characteristic,
    Wrapped(Wrapper),
}

/// What the members of the order APIs are, by their names, which mean the same wherever they stand.
const MEMBERS: &[(&str, Kind)] = &[
    ("agreement", Kind::Ref("AgreementRef", "Agreement")),
    ("appointment", Kind::Ref("AppointmentRef", "Appointment")),
    ("billingAccount", Kind::Ref("BillingAccountRef", "BillingAccount")),
    ("channel", Kind::Wrapped(CHANNEL)),
    ("characteristicRelationship", Kind::Typed("CharacteristicRelationship")),
    ("duration", Kind::Typed("Duration")),
    ("externalId", Kind::Typed("ExternalIdentifier")),
    ("externalIdentifier", Kind::Typed("ExternalIdentifier")),
    ("externalReference", Kind::Typed("ExternalReference")),
    ("feature", Kind::Typed("Feature")),
    ("featureCharacteristic", Kind::Characteristic),
    ("featureRelationship", Kind::Typed("FeatureRelationship")),
    ("itemPrice", Kind::Typed("OrderPrice")),
    ("itemTerm", Kind::Typed("OrderTerm")),
    ("itemTotalPrice", Kind::Typed("OrderPrice")),
    ("note", Kind::Typed("Note")),
    ("orderCharacteristic", Kind::Characteristic),
    ("orderItem", Kind::Typed("ServiceOrderItemRef")),
    ("orderSpecification", Kind::Ref("OrderSpecificationRef", "OrderSpecification")),
    ("orderTotalPrice", Kind::Typed("OrderPrice")),
    ("payment", Kind::Ref("PaymentRef", "Payment")),
    ("place", Kind::Wrapped(PLACE)),
    ("price", Kind::Typed("Price")),
    ("priceAlteration", Kind::Typed("PriceAlteration")),
    ("product", Kind::RefOrValue("Product", "ProductRef")),
    ("productCharacteristic", Kind::Characteristic),
    ("productOffering", Kind::Ref("ProductOfferingRef", "ProductOffering")),
    ("productOfferingPrice", Kind::Ref("ProductOfferingPriceRef", "ProductOfferingPrice")),
    (
        "productOfferingQualification",
        Kind::Ref("ProductOfferingQualificationRef", "ProductOfferingQualification"),
    ),
    (
        "productOfferingQualificationItem",
        Kind::Ref("ProductOfferingQualificationItemRef", "ProductOfferingQualificationItem"),
    ),
    ("productOrderItem", Kind::Typed("ProductOrderItem")),
    ("productOrderItemRelationship", Kind::Typed("OrderItemRelationship")),
    ("productPrice", Kind::Typed("ProductPrice")),
    ("productRelationship", Kind::Typed("ProductRelationship")),
    ("productSpecification", Kind::Ref("ProductSpecificationRef", "ProductSpecification")),
    ("productTerm", Kind::Typed("ProductTerm")),
    ("qualification", Kind::Ref("ProductOfferingQualificationRef", "ProductOfferingQualification")),
    ("quote", Kind::Ref("QuoteRef", "Quote")),
    ("quoteItem", Kind::Ref("QuoteItemRef", "QuoteItem")),
    ("realizingResource", Kind::Ref("ResourceRef", "Resource")),
    ("realizingService", Kind::Ref("ServiceRef", "Service")),
    ("relatedEntity", Kind::Wrapped(ENTITY)),
    ("relatedParty", Kind::Wrapped(PARTY)),
    ("service", Kind::RefOrValue("Service", "ServiceRef")),
    ("serviceCharacteristic", Kind::Characteristic),
    ("serviceOrder", Kind::Ref("ServiceOrderRef", "ServiceOrder")),
    ("serviceOrderItem", Kind::Typed("ServiceOrderItem")),
    ("serviceOrderItemRelationship", Kind::Typed("ServiceOrderItemRelationship")),
    ("serviceRelationship", Kind::Typed("ServiceRelationship")),
    ("serviceRelationshipCharacteristic", Kind::Characteristic),
    ("serviceSpecification", Kind::Ref("ServiceSpecificationRef", "ServiceSpecification")),
    ("supportingResource", Kind::Ref("ResourceRef", "Resource")),
    ("supportingService", Kind::RefOrValue("Service", "ServiceRef")),
];

/// What a member is; none for what has the same shape in both versions.
#[must_use]
pub fn kind(name: &str) -> Option<Kind> {
    MEMBERS.iter().find(|(n, _)| *n == name).map(|(_, kind)| *kind)
}
