//! Which form of answer a client accepts.

use super::protobuf;
use crate::apiserver::{Accept, ApiError};

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `application/json`.
    Json,
    /// `application/yaml`.
    Yaml,
    /// `application/vnd.kubernetes.protobuf`, for clients that take nothing else.
    Protobuf,
}

impl Encoding {
    /// Its `Content-Type`.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Yaml => "application/yaml",
            Self::Protobuf => protobuf::MEDIA_TYPE,
        }
    }

    /// The `Content-Type` of a watch.
    pub fn event_media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Yaml => "application/yaml;stream=watch",
            Self::Protobuf => "application/vnd.kubernetes.protobuf;stream=watch",
        }
    }
}

/// What was agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// The objects' form.
    pub form: Accept,
    /// The encoding.
    pub encoding: Encoding,
}

/// Reads an `Accept` header: the first form that can be given is, with JSON before protobuf.
///
/// # Errors
/// 406 when there is none.
pub fn negotiate(header: &str) -> Result<Agreed, ApiError> {
    if header.trim().is_empty() {
        return Ok(Agreed { form: Accept::Json, encoding: Encoding::Json });
    }
    header.split(',').find_map(offer).ok_or_else(|| {
        let message = "only the following media types are accepted: application/json, application/yaml";
        ApiError::new(406, "NotAcceptable", message)
    })
}

fn offer(range: &str) -> Option<Agreed> {
    let mut parts = range.split(';').map(str::trim);
    let encoding = match parts.next()?.to_ascii_lowercase().as_str() {
        "application/json" | "application/*" | "*/*" => Encoding::Json,
        "application/yaml" => Encoding::Yaml,
        protobuf::MEDIA_TYPE => Encoding::Protobuf,
        _ => return None,
    };
    let (mut as_kind, mut group, mut version) = ("", "", "");
    for (key, value) in parts.filter_map(|p| p.split_once('=')) {
        match key.trim() {
            "as" => as_kind = value.trim(),
            "g" => group = value.trim(),
            "v" => version = value.trim(),
            _ => {}
        }
    }
    let form = match (as_kind, group, version) {
        ("", ..) => Accept::Json,
        ("Table", "meta.k8s.io", "v1") => Accept::Table,
        ("PartialObjectMetadata" | "PartialObjectMetadataList", "meta.k8s.io", "v1") => Accept::Metadata,
        ("APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2") => Accept::Discovery("v2"),
        ("APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2beta1") => Accept::Discovery("v2beta1"),
        _ => return None,
    };
    Some(Agreed { form, encoding })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_form_that_can_be_given() {
        let forms = [
            ("", Some(Accept::Json)),
            ("application/json", Some(Accept::Json)),
            ("*/*", Some(Accept::Json)),
            ("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", Some(Accept::Table)),
            ("application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", Some(Accept::Json)),
            ("application/vnd.kubernetes.protobuf, application/json", Some(Accept::Json)),
            ("application/vnd.kubernetes.protobuf", Some(Accept::Json)),
            (
                "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
                Some(Accept::Discovery("v2")),
            ),
            ("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", Some(Accept::Metadata)),
            ("text/html", None),
        ];
        for (header, form) in forms {
            assert_eq!(negotiate(header).ok().map(|a| a.form), form, "{header}");
        }
    }
}
