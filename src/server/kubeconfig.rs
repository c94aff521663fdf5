//! The kubeconfig that a client attaches with.

use super::tls::Certificates;
use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The file's content: as kubeadm writes it, with a token beside the certificate.
pub fn text(port: u16, certificates: &Certificates, token: &str) -> String {
    let encode = |pem: &str| STANDARD.encode(pem);
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: kubernetes-admin@kubernetes\npreferences: {{}}\nclusters:\n- name: kubernetes\n  cluster:\n    certificate-authority-data: {}\n    server: https://127.0.0.1:{port}\ncontexts:\n- name: kubernetes-admin@kubernetes\n  context:\n    cluster: kubernetes\n    user: kubernetes-admin\n- name: token@kubernetes\n  context:\n    cluster: kubernetes\n    user: token\nusers:\n- name: kubernetes-admin\n  user:\n    client-certificate-data: {}\n    client-key-data: {}\n- name: token\n  user:\n    token: {token}\n",
        encode(&certificates.authority),
        encode(&certificates.client),
        encode(&certificates.client_key),
    )
}

/// Where it goes when nobody says: beside other temporary files, under the port's name.
pub fn default_path(port: u16) -> PathBuf {
    std::env::temp_dir().join(format!("kubedojo-{port}.kubeconfig"))
}

/// Writes it, readable by its owner alone.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, text: &str) -> Result<()> {
    let told = || format!("cannot write the kubeconfig {}", path.display());
    // A file that was there before keeps its permissions: it makes way.
    if path.exists() {
        fs::remove_file(path).with_context(told)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).and_then(|mut file| file.write_all(text.as_bytes())).with_context(told)
}
