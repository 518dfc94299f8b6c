//! The doors. This page is the map of them; each handler looks up, acts, answers.

pub mod catalogue;
pub mod download;
pub mod entry;
pub mod filters;
pub mod health;
pub mod hub;
pub mod idempotency;
pub mod inventory;
pub mod io;
pub mod official;
pub mod openapi;
pub mod ordering;
pub mod own;
pub mod problem;
pub mod progress;
pub mod request;
pub mod soap;
pub mod tmf620;
pub mod tmf622;
pub mod tmf629;
pub mod tmf630;
pub mod tmf633;
pub mod tmf635;
pub mod tmf637;
pub mod tmf638;
pub mod tmf639;
pub mod tmf641;
pub mod tmf642;
pub mod v5;
pub mod web;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::io::{Connection, Counting};
use crate::engine::Engine;

/// What every handler gets.
#[derive(Clone)]
pub struct Doors {
    pub engine: Arc<Engine>,
    pub metrics: PrometheusHandle,
    /// Cancelled when the server drains: readiness says so.
    pub draining: CancellationToken,
    /// The tasks that note what has gone out of downloads.
    pub downloads: TaskTracker,
}

/// Of an API that is served in two versions, the one that a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    V4,
    V5,
}

/// What a listener offers.
#[derive(Debug, Clone, Copy)]
pub enum Offer {
    All,
    /// Health and metrics alone, for whoever watches the process; nobody is asked for credentials.
    Health,
}

/// TMF641 Service Ordering, base path.
pub const TMF641: &str = "/tmf-api/serviceOrdering/v4";
/// TMF641 Service Ordering v5, base path.
pub const TMF641_V5: &str = "/tmf-api/serviceOrdering/v5";
/// TMF622 Product Ordering, base path.
pub const TMF622: &str = "/tmf-api/productOrderingManagement/v4";
/// TMF622 Product Ordering v5, base path.
pub const TMF622_V5: &str = "/tmf-api/productOrderingManagement/v5";
/// TMF620 Product Catalog, base path.
pub const TMF620: &str = "/tmf-api/productCatalogManagement/v4";
/// TMF629 Customer, base path.
pub const TMF629: &str = "/tmf-api/customerManagement/v4";
/// TMF637 Product Inventory, base path.
pub const TMF637: &str = "/tmf-api/productInventory/v4";
/// TMF633 Service Catalog, base path.
pub const TMF633: &str = "/tmf-api/serviceCatalogManagement/v4";
/// TMF635 Usage Management, base path.
pub const TMF635: &str = "/tmf-api/usageManagement/v4";
/// TMF638 Service Inventory, base path.
pub const TMF638: &str = "/tmf-api/serviceInventory/v4";
/// TMF639 Resource Inventory, base paths.
pub const TMF639: &str = "/tmf-api/resourceInventoryManagement/v4";
pub const TMF639_V5: &str = "/tmf-api/resourceInventoryManagement/v5";
/// TMF642 Alarm Management, base path.
pub const TMF642: &str = "/tmf-api/alarm/v4";
/// Our own API, base path.
pub const OWN: &str = "/api/v1";

/// Answers on one listener until the doors drain; requests that run are brought to their end, and what went out of
/// downloads is noted.
///
/// # Errors
/// When the listener breaks.
pub async fn serve(listener: Counting, doors: Doors, offer: Offer) -> std::io::Result<()> {
    let (stop, downloads) = (doors.draining.clone(), doors.downloads.clone());
    let routes = match offer {
        Offer::All => router(doors),
        Offer::Health => watched(doors),
    };
    let service = routes.into_make_service_with_connect_info::<Connection>();
    axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned()).await?;
    downloads.close();
    downloads.wait().await;
    Ok(())
}

/// Health and metrics.
fn health() -> Router<Doors> {
    Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
}

fn watched(doors: Doors) -> Router {
    health()
        .fallback(problem::no_such_path)
        .method_not_allowed_fallback(problem::no_such_method)
        .with_state(doors)
}

/// All routes.
pub fn router(doors: Doors) -> Router {
    let own = Router::new()
        .route("/orders/{id}", get(own::orders::show))
        .route("/orders/{id}/approval", post(own::life::approve))
        .route("/orders/{id}/hold", post(own::life::keep))
        .route("/orders/{id}/release", post(own::life::release))
        .route("/jobs", get(own::jobs::list))
        .route("/fallout", get(own::jobs::fallout))
        .route("/fallout/{job}/{decision}", post(own::jobs::decide))
        .route("/subscriptions/{id}/backups", get(own::backups::list).post(own::backups::take))
        .route("/backups/{id}/restore", post(own::backups::restore))
        .route("/backups/{id}/download-links", post(own::backups::link))
        .route("/clients", get(own::clients::list).post(own::clients::add))
        .route("/clients/{name}", get(own::clients::show))
        .route("/clients/{name}/rotate", post(own::clients::rotate))
        .route("/clients/{name}/disable", post(own::clients::disable))
        .route("/clients/{name}/enable", post(own::clients::enable))
        .route("/performance", get(own::performance::list))
        .route("/sdr/seal", post(own::sdr::seal))
        .route("/sdr/files", get(own::sdr::files))
        .route("/sdr/files/{recipient}/{file_seq}", get(own::sdr::file))
        .route("/sdr/audit", get(own::audit::show))
        .route("/sdr/audit/{recipient}", get(own::audit::account))
        .route("/sdr/recipients", get(own::recipients::list))
        .route(
            "/sdr/recipients/{name}",
            get(own::recipients::show).put(own::recipients::set).delete(own::recipients::remove),
        )
        .route("/sdr/records/{id}/corrections", post(own::recipients::correct))
        .route("/listeners", get(own::listeners::list))
        .route(
            "/listeners/{id}",
            get(own::listeners::show).patch(own::listeners::patch).delete(own::listeners::remove),
        )
        .route("/listeners/{id}/pause", post(own::listeners::pause))
        .route("/listeners/{id}/resume", post(own::listeners::resume))
        .route("/listeners/{id}/replay", post(own::listeners::replay));
    Router::new()
        .nest(TMF641, ordering::routes(&tmf641::API))
        .nest(TMF641_V5, ordering::routes(&tmf641::v5::API))
        .nest(TMF622, ordering::routes(&tmf622::API))
        .nest(TMF622_V5, ordering::routes(&tmf622::v5::API))
        .nest(TMF620, tmf620::router())
        .nest(TMF629, tmf629::router())
        .nest(TMF633, tmf633::router())
        .nest(TMF635, tmf635::router())
        .nest(TMF637, tmf637::router())
        .nest(TMF638, tmf638::router())
        .nest(TMF639, tmf639::v4())
        .nest(TMF639_V5, tmf639::v5())
        .nest(TMF642, tmf642::router())
        .nest(OWN, own)
        .merge(hub::routes())
        .merge(health())
        .merge(openapi::routes())
        .merge(soap::routes())
        .route("/download/{tenant}/{link}", get(download::get))
        .fallback(problem::no_such_path)
        .method_not_allowed_fallback(problem::no_such_method)
        .layer(from_fn_with_state(doors.clone(), web::door))
        .with_state(doors)
}
