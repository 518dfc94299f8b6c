//! What the v5 files of the TM Forum say otherwise than the v4 ones, for every API that has both: an `@type` on each
//! object, parties, places and channels within a wrapper that carries the role, and typed characteristics.
//!
//! The stored form is the v4 one. [`read`] brings a v5 body into it, [`show`] makes v5 of it; what the APIs have of
//! their own stands with them (`tmf641/v5`, `tmf622/v5`).

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
