//! TMF641 v5.0.0 over the v4-shaped form: bodies are brought into it ([`read`], [`modify`]), answers are made of it
//! ([`show`]). Handlers, orders and the database know one form only (docs/adr/0017).

pub mod modify;
pub mod read;
pub mod show;
