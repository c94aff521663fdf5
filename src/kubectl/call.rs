//! One run of a command: its surroundings, its command line, and what it has learned of the server.

use super::Env;
use super::commands::Command;
use super::errors::{Failure, Outcome};
use super::flags::Flags;
use super::kubeconfig::Kubeconfig;
use super::mapper::Mapper;
use crate::apiserver::{Impersonation, Request, Response};
use serde_json::Value;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

/// A command that runs; clones share what was learned.
#[derive(Clone)]
pub struct Call {
    /// The cluster, files and streams.
    pub env: Env,
    /// The parsed command line.
    pub flags: Rc<Flags>,
    /// The command's table entry.
    pub command: &'static Command,
    /// `kubectl create deployment`.
    pub path: Rc<str>,
    known: Rc<Known>,
}

#[derive(Default)]
struct Known {
    mapper: OnceCell<Rc<Mapper>>,
    config: OnceCell<Rc<Kubeconfig>>,
    warned: RefCell<BTreeSet<String>>,
    documents: Cell<usize>,
}

impl Call {
    /// A run of `command` with a parsed command line.
    pub fn new(env: Env, flags: Flags, command: &'static Command, path: &str) -> Self {
        Self { env, flags: Rc::new(flags), command, path: Rc::from(path), known: Rc::default() }
    }

    /// The arguments that are no flags.
    pub fn args(&self) -> &[String] {
        &self.flags.args
    }

    /// Prints to standard output.
    pub fn print(&self, text: impl AsRef<str>) {
        self.env.io.print(text.as_ref());
    }

    /// Prints a line to standard output.
    pub fn line(&self, text: impl AsRef<str>) {
        self.env.io.print(&format!("{}\n", text.as_ref()));
    }

    /// Prints a line to standard error.
    pub fn note(&self, text: impl AsRef<str>) {
        self.env.io.error(&format!("{}\n", text.as_ref()));
    }

    /// Prints `Warning: …` to standard error, once in a run.
    pub fn warn(&self, text: &str) {
        if self.known.warned.borrow_mut().insert(text.to_owned()) {
            self.note(format!("Warning: {text}"));
        }
    }

    /// Counts the documents printed so far: YAML ones are parted by `---`.
    pub fn next_document(&self) -> usize {
        let count = self.known.documents.get();
        self.known.documents.set(count + 1);
        count
    }

    /// Sends a request; warnings are printed.
    pub async fn send(&self, request: Request) -> Response {
        if let Err(failure) = self.impersonates_somebody().and(super::connect::ready(self).await) {
            let (text, _) = failure.report();
            return Response { status: 0, warnings: Vec::new(), body: crate::apiserver::Body::Text(text) };
        }
        let request =
            Request { impersonate: self.impersonation().or(request.impersonate.clone()), ..request };
        let response = self.env.client.request(request).await;
        for warning in &response.warnings {
            self.warn(warning);
        }
        response
    }

    /// Refuses groups or a uid without a user that has them.
    fn impersonates_somebody(&self) -> Outcome<()> {
        match self.impersonation() {
            Some(named) if named.user.is_empty() => Err(Failure::Message(
                "requesting uid, groups or user-extra for kubernetes-admin without impersonating a user"
                    .to_owned(),
            )),
            _ => Ok(()),
        }
    }

    /// Whom `--as` and its companions name.
    fn impersonation(&self) -> Option<Impersonation> {
        let extra = self.flags.list("as-user-extra");
        let extra = extra.iter().filter_map(|e| e.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned()));
        let named = Impersonation {
            user: self.flags.text("as").to_owned(),
            uid: self.flags.text("as-uid").to_owned(),
            groups: self.flags.list("as-group").to_vec(),
            extra: extra.collect(),
        };
        (named != Impersonation::default()).then_some(named)
    }

    /// Sends a request and answers its JSON.
    ///
    /// # Errors
    /// The server's `Status`.
    pub async fn request(&self, request: Request) -> Outcome<Value> {
        let response = self.send(request).await;
        let success = response.is_success();
        match response.body {
            crate::apiserver::Body::Json(value) if success => Ok(value),
            crate::apiserver::Body::Json(value) => Err(Failure::Status(value)),
            crate::apiserver::Body::Text(text) if success => Ok(Value::String(text)),
            // Nobody answered.
            crate::apiserver::Body::Text(text) if response.status == 0 => Err(Failure::Text(text, 1)),
            crate::apiserver::Body::Text(text) => Err(Failure::Message(text)),
            crate::apiserver::Body::Bytes { bytes, .. } => {
                Ok(serde_json::from_slice(&bytes).unwrap_or(Value::Null))
            }
            crate::apiserver::Body::Stream(_) | crate::apiserver::Body::Events(_) => Ok(Value::Null),
        }
    }

    /// The kinds that the server has, asked for once.
    ///
    /// # Errors
    /// When discovery fails.
    pub async fn mapper(&self) -> Outcome<Rc<Mapper>> {
        if let Some(mapper) = self.known.mapper.get() {
            return Ok(mapper.clone());
        }
        let mapper = Rc::new(Mapper::discover(self).await?);
        Ok(self.known.mapper.get_or_init(|| mapper).clone())
    }

    /// The kubeconfig of this run.
    ///
    /// # Errors
    /// When the file is not a kubeconfig, or names no such context.
    pub fn config(&self) -> Outcome<Rc<Kubeconfig>> {
        if let Some(config) = self.known.config.get() {
            return Ok(config.clone());
        }
        let config = Rc::new(Kubeconfig::load(&*self.env.host, self.flags.text("kubeconfig"))?);
        Ok(self.known.config.get_or_init(|| config).clone())
    }

    /// The namespace of this run: `-n`, or that of the context.
    ///
    /// # Errors
    /// When the kubeconfig cannot be used.
    pub fn namespace(&self) -> Outcome<String> {
        let asked = self.flags.text("namespace");
        if asked.is_empty() {
            self.config()?.namespace(self.flags.text("context"))
        } else {
            Ok(asked.to_owned())
        }
    }

    /// Whether `-n` was given, so that a manifest with another namespace is an error.
    pub fn namespace_enforced(&self) -> bool {
        !self.flags.text("namespace").is_empty()
    }

    /// A mistake in the command line: the message and where to read on.
    pub fn usage(&self, message: impl AsRef<str>) -> Failure {
        Failure::new(format!("{}\nSee '{} -h' for help and examples", message.as_ref(), self.path))
    }
}
