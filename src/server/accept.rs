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
    /// Whether the form is wanted as `meta.k8s.io/v1beta1` has it.
    pub beta: bool,
}

/// Whether what a path answers has no table form: nothing of it is stored, or it is no object of its own.
pub fn is_without_table(path: &str) -> bool {
    let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or("");
    last.ends_with("reviews") || matches!(last, "eviction" | "binding" | "bindings" | "token")
}

/// Reads an `Accept` header: the first form that can be given is, with JSON before protobuf. From `negotiate.go` and
/// `AllowsMediaTypeTransform`.
///
/// # Errors
/// 406 when there is none.
pub fn negotiate(header: &str, tables: bool) -> Result<Agreed, ApiError> {
    if header.trim().is_empty() {
        return Ok(Agreed { form: Accept::Json, encoding: Encoding::Json, beta: false });
    }
    let able = |agreed: &Agreed| tables || agreed.form != Accept::Table;
    header.split(',').filter_map(offer).find(able).ok_or_else(not_acceptable)
}

/// 406.
pub fn not_acceptable() -> ApiError {
    let message = "only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf";
    ApiError::new(406, "NotAcceptable", message)
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
        ("Table", "meta.k8s.io", "v1" | "v1beta1") => Accept::Table,
        ("PartialObjectMetadata" | "PartialObjectMetadataList", "meta.k8s.io", "v1" | "v1beta1") => {
            Accept::Metadata
        }
        ("APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2") => Accept::Discovery("v2"),
        ("APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2beta1") => Accept::Discovery("v2beta1"),
        _ => return None,
    };
    Some(Agreed { form, encoding, beta: group == "meta.k8s.io" && version == "v1beta1" })
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
            ("application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", Some(Accept::Table)),
            ("application/json;as=Table;v=v1alpha1;g=meta.k8s.io,application/json", Some(Accept::Json)),
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
            assert_eq!(negotiate(header, true).ok().map(|a| a.form), form, "{header}");
        }
        assert!(is_without_table("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"));
        assert!(!is_without_table("/api/v1/namespaces/token/pods"));
        let table = "application/json;as=Table;v=v1;g=meta.k8s.io";
        assert_eq!(negotiate(table, false).unwrap_err().code, 406);
        let either = negotiate(&format!("{table},application/json"), false);
        assert_eq!(either.unwrap().form, Accept::Json);
    }
}
