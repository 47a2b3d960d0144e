//! The admin port: `/livez` (the process answers), `/readyz` (all parts make progress), `/metrics`.

use std::net::SocketAddr;

use axum::{Router, extract::State, http::StatusCode, routing::get};
use prometheus::{Encoder, TextEncoder};
use tokio::net::TcpListener;

use crate::{Context, Health};

/// Opens the port and serves it until the process ends. Answers the address, which tells the port
/// when the setting asked for port 0.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn serve(address: &str, service: &'static str, context: &Context) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await?;
    let local = listener.local_addr()?;
    if let Err(error) = crate::metrics::register_process(&context.metrics, service) {
        tracing::warn!(%error, "metrics of the process are not shown");
    }
    let router = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz).with_state(context.health.clone()))
        .route("/metrics", get(metrics).with_state(context.metrics.clone()));
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the admin port ended");
        }
    });
    Ok(local)
}

async fn readyz(State(health): State<Health>) -> (StatusCode, String) {
    let reasons = health.reasons();
    if reasons.is_empty() {
        (StatusCode::OK, "ready\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n")
    }
}

async fn metrics(State(registry): State<prometheus::Registry>) -> Result<(StatusCode, String), StatusCode> {
    let mut text = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut text).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    String::from_utf8(text).map(|text| (StatusCode::OK, text)).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}
