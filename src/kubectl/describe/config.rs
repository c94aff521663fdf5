//! Describes a ConfigMap and a Secret.

use super::Desk;
use super::writer::text;
use crate::kubectl::errors::Outcome;
use base64::Engine;
use serde_json::Value;

pub(super) async fn config_map(desk: &Desk, map: &Value) -> Outcome<String> {
    let mut page = desk.page();
    page.name(map);
    page.metadata(map);
    page.line(0, "\nData\n====");
    for (key, value) in map["data"].as_object().into_iter().flatten() {
        page.line(0, format!("{key}:\n----"));
        page.line(0, text(value));
        page.line(0, "");
    }
    page.line(0, "\nBinaryData\n====");
    for (key, value) in map["binaryData"].as_object().into_iter().flatten() {
        page.line(0, format!("{key}: {} bytes", decoded(value).len()));
    }
    page.line(0, "");
    page.events(desk.events(map).await.as_ref());
    Ok(page.finish())
}

#[allow(clippy::unused_async)]
pub(super) async fn secret(desk: &Desk, secret: &Value) -> Outcome<String> {
    let mut page = desk.page();
    page.name(secret);
    page.metadata(secret);
    page.line(0, format!("\nType:\t{}", text(&secret["type"])));
    page.line(0, "\nData\n====");
    let shows_token = secret["type"] == "kubernetes.io/service-account-token";
    for (key, value) in secret["data"].as_object().into_iter().flatten() {
        let bytes = decoded(value);
        if shows_token && key == "token" {
            page.pair(0, key, String::from_utf8_lossy(&bytes));
        } else {
            page.pair(0, key, format!("{} bytes", bytes.len()));
        }
    }
    Ok(page.finish())
}

fn decoded(value: &Value) -> Vec<u8> {
    base64::engine::general_purpose::STANDARD.decode(text(value)).unwrap_or_default()
}
