//! Cause codes of failed records, published in `docs/causes.md`.

/// (code as written on an item, cause code in the record, meaning)
pub const CAUSES: &[(&str, u16, &str)] = &[
    ("job", 1, "a step of the order failed and what was done is undone"),
    ("precondition", 2, "the state that the order needs was lost before its turn came"),
    ("plan", 3, "the order could not be planned: no room, or a package that left the catalogue"),
    ("relied-on", 4, "an item that this one relies on was not completed"),
];

/// The cause code of an item's error.
#[must_use]
pub fn code(error: &str) -> Option<u16> {
    CAUSES.iter().find(|(name, ..)| *name == error).map(|(_, code, _)| *code)
}

/// `docs/causes.md`, generated; a test compares the file with this.
#[must_use]
pub fn as_markdown() -> String {
    let mut out = String::from(
        "# Cause codes\n\nGenerated from `src/mediation/causes.rs`; do not edit.\n\n\
         Records of failed items (only with `sdr.failures = true`) carry one of these in `causeCode`.\n\n\
         | causeCode | error code on the item | meaning |\n|---|---|---|\n",
    );
    for (name, code, meaning) in CAUSES {
        out.push_str(&format!("| {code} | `{name}` | {meaning} |\n"));
    }
    out
}
