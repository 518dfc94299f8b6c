//! How this program calls others by HTTP.

/// What every HTTP client of ours is built from: TLS by the system's certificates, and no proxy of the environment,
/// because what we call stands in the operator's own network.
#[expect(clippy::disallowed_methods, reason = "this is where every client begins")]
pub fn client() -> reqwest::ClientBuilder {
    // The provider is the process's; whoever comes second finds it there.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder().no_proxy()
}
