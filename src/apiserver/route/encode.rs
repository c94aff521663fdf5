//! Lists as the bytes that go over the wire, written object by object: the tree of values that
//! a client in process reads would be most of the time that a long list takes.
//!
//! Always holds: what the bytes say is what the values say, except that the items of a list are without `kind` and
//! `apiVersion`, which a real server does not repeat for each.

use super::Target;
use crate::apiserver::tables::{self, Rows};
use crate::apiserver::{Accept, ApiServer, Body, Request};
use crate::object::{Kind, Object, ObjectMeta};
use serde::Serialize;
use serde_json::{Value, json};

/// About what an object of a list, and a row of a table, take: a list is written into one allocation.
const OBJECT_BYTES: usize = 3 * 1024;
const ROW_BYTES: usize = 768;

/// `PartialObjectMetadata` of an object that stays where it is.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Partial<'a> {
    kind: &'static str,
    api_version: &'static str,
    metadata: &'a ObjectMeta,
}

impl<'a> Partial<'a> {
    fn of(object: &'a Object) -> Self {
        Self { kind: "PartialObjectMetadata", api_version: "meta.k8s.io/v1", metadata: object.meta() }
    }
}

impl ApiServer {
    /// A list in the form that the request wants, as JSON text. `None` for what has to be made as a value first.
    pub(super) fn encoded(
        &self,
        request: &Request,
        target: &Target,
        objects: &[Object],
        metadata: &Value,
    ) -> Option<Body> {
        let info = target.asked.info();
        let bytes = match request.accept {
            // A kind without a Rust type is a value already.
            _ if matches!(target.asked, Kind::Dynamic(_)) => return None,
            Accept::Discovery(_) => return None,
            Accept::Table => self.encoded_table(target.asked, objects, Rows::of(request), metadata)?,
            Accept::Metadata => {
                let head = json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata});
                written(&head, "items", objects, ROW_BYTES, |object, out| {
                    serde_json::to_writer(out, &Partial::of(object)).ok()
                })?
            }
            Accept::Json => {
                let head = json!({
                    "kind": format!("{}List", info.kind), "apiVersion": info.api_version(), "metadata": metadata,
                });
                let named =
                    format!("{{\"apiVersion\":\"{}\",\"kind\":\"{}\",", info.api_version(), info.kind);
                written(&head, "items", objects, OBJECT_BYTES, |object, out| {
                    self.write_item(target.asked, object, &named, out)
                })?
            }
        };
        Some(Body::Bytes { media_type: "application/json", bytes: bytes.into(), tag: None })
    }

    fn write_item(&self, kind: Kind, object: &Object, named: &str, out: &mut Vec<u8>) -> Option<()> {
        if self.store.managed(&object.key()).is_some() {
            let mut value = self.show_listed(kind, object);
            if let Value::Object(map) = &mut value {
                map.remove("apiVersion");
                map.remove("kind");
            }
            return serde_json::to_writer(out, &value).ok();
        }
        let start = out.len();
        object.write_json(out).ok()?;
        if out[start..].starts_with(named.as_bytes()) {
            out.drain(start + 1..start + named.len());
        }
        Some(())
    }

    fn encoded_table(
        &self,
        kind: Kind,
        objects: &[Object],
        carries: Rows,
        metadata: &Value,
    ) -> Option<Vec<u8>> {
        let mut head = self.table(kind, &[], carries);
        head["metadata"] = metadata.clone();
        head.as_object_mut()?.remove("rows");
        let space = if carries == Rows::Object { OBJECT_BYTES } else { ROW_BYTES };
        written(&head, "rows", objects, space, |object, out| {
            out.extend_from_slice(b"{\"cells\":");
            serde_json::to_writer(&mut *out, &tables::cells(object, self.now)).ok()?;
            out.extend_from_slice(b",\"object\":");
            match carries {
                Rows::None => out.extend_from_slice(b"null"),
                Rows::Metadata => serde_json::to_writer(&mut *out, &Partial::of(object)).ok()?,
                Rows::Object => object.write_json(out).ok()?,
            }
            out.push(b'}');
            Some(())
        })
    }
}

/// An object's JSON text with one more field: a list, each item written by `write`.
fn written(
    head: &Value,
    field: &str,
    objects: &[Object],
    space: usize,
    mut write: impl FnMut(&Object, &mut Vec<u8>) -> Option<()>,
) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(1024 + objects.len() * space);
    serde_json::to_writer(&mut out, head).ok()?;
    out.pop(); // its closing brace
    out.extend_from_slice(format!(",\"{field}\":[").as_bytes());
    for (at, object) in objects.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(object, &mut out)?;
    }
    out.extend_from_slice(b"]}\n");
    Some(out)
}
