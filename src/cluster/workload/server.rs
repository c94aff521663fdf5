//! Servers: what listens on which port, and what it answers.

use super::images::{Behaviour, Image};
use crate::object::Pod;
use k8s_openapi::api::core::v1::Container;

/// A server process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// What it is.
    pub behaviour: Behaviour,
    /// The ports it listens on.
    pub ports: Vec<u16>,
    /// A text that it answers with, for those that are given one.
    pub text: Option<String>,
}

/// The server that an image is: on its own ports, or else on those that the container declares.
pub fn of_image(image: &Image, _pod: &Pod, spec: &Container) -> Server {
    let mut ports: Vec<u16> = image.ports.to_vec();
    if ports.is_empty() && image.behaviour == Behaviour::Generic {
        let declared =
            spec.ports.iter().flatten().filter(|p| p.protocol.as_deref().is_none_or(|p| p == "TCP"));
        ports = declared.filter_map(|p| u16::try_from(p.container_port).ok()).collect();
    }
    Server { behaviour: image.behaviour, ports, text: None }
}
