//! The description of the HTTP interface, served by the program that it describes.

use axum::response::IntoResponse;
use hyper::header::CONTENT_TYPE;

/// The document, OpenAPI 3.1.
pub const TEXT: &str = include_str!("../openapi.yaml");

/// Answers it.
pub async fn get() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/yaml")], TEXT)
}
