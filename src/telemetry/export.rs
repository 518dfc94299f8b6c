//! Spans to an OTLP collector, as protobuf over HTTP, by our own HTTP client.

use std::sync::OnceLock;

use async_trait::async_trait;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tokio::runtime::Handle;
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::registry::LookupSpan;

static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// The exporter has a thread of its own; the client does its work on our runtime.
#[derive(Debug)]
struct Client {
    http: reqwest::Client,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let http = self.http.clone();
        self.runtime.spawn(async move { http.send_bytes(request).await }).await?
    }
}

/// What sends spans to a collector, such as `http://127.0.0.1:4318/v1/traces`; none where none is named.
///
/// # Errors
/// In words, when the exporter cannot be made.
pub fn layer<S>(collector: &str) -> Result<Option<OpenTelemetryLayer<S, SdkTracer>>, String>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    if collector.is_empty() {
        return Ok(None);
    }
    let wrong = |e: &dyn std::fmt::Display| format!("log.otlp: {e}");
    let http = crate::http::client().build().map_err(|e| wrong(&e))?;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(collector)
        .with_http_client(Client { http, runtime: Handle::current() })
        .build()
        .map_err(|e| wrong(&e))?;
    let provider = SdkTracerProvider::builder()
        .with_resource(Resource::builder().with_service_name("telvisor").build())
        .with_batch_exporter(exporter)
        .build();
    let tracer = provider.tracer("telvisor");
    // A second call has no say: the first one's spans are sent.
    PROVIDER.set(provider).ok();
    Ok(Some(tracing_opentelemetry::layer().with_tracer(tracer)))
}

/// Sends what is still to be sent.
pub async fn stop() {
    let Some(provider) = PROVIDER.get() else { return };
    let ended = tokio::task::spawn_blocking(|| provider.shutdown()).await;
    if let Ok(Err(e)) = ended {
        tracing::warn!(error = %e, "the last spans were not sent");
    }
}
