//! The switch "attach your own kubectl": the sandbox's cluster, served as `kubedojo serve` does it.
//!
//! Always holds: it is served only while the sandbox is on the screen; when it is switched off, or the sandbox is left,
//! connections, port and kubeconfig go.

use super::app::{App, Screen};
use super::overlay::Overlay;
use super::words::Word;
use crate::client::{Client, Mark};
use crate::server::{Attached, Seen, attach_beside};
use std::collections::VecDeque;

/// How many requests are remembered.
const REMEMBERED: usize = 500;

/// A sandbox that is served, and what its clients have done.
pub struct Attachment {
    server: Attached,
    seen: VecDeque<Seen>,
    count: usize,
    mark: Mark,
}

impl Attachment {
    /// Where it listens.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// What is typed in another terminal.
    pub fn export_line(&self) -> String {
        self.server.export_line()
    }

    /// How many requests have been answered.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The last requests, newest first.
    pub fn seen(&self) -> impl Iterator<Item = &Seen> {
        self.seen.iter()
    }

    /// Waits until a client asks something.
    pub async fn arrived(&mut self) {
        self.server.arrived().await;
    }

    /// Serves what waits. Answers whether the screen may look otherwise.
    fn turn(&mut self, client: &Client) -> bool {
        let moved = client.revision() != self.mark.revision || !client.went_through(&self.mark);
        let (served, seen) = self.server.turn(client, moved);
        self.mark = client.mark();
        self.count += seen.len();
        let changed = served || !seen.is_empty();
        for one in seen {
            self.seen.push_front(one);
        }
        self.seen.truncate(REMEMBERED);
        changed
    }
}

impl App {
    /// Whether a sandbox is on the screen.
    pub fn in_sandbox(&self) -> bool {
        self.screen == Screen::Play && self.play.is_some() && !self.in_lesson()
    }

    /// Whether what attached clients do is on the screen.
    pub fn shows_attached(&self) -> bool {
        matches!(self.overlay, Some(Overlay::Attached { .. }))
    }

    /// Asks for the cluster to be served; the loop does it at its next turn.
    pub(super) fn switch_on(&mut self) {
        if self.attached.is_some() {
            self.overlay = Some(Overlay::Attached { scroll: 0 });
        } else if self.in_sandbox() {
            self.wants_attachment = true;
        }
    }

    /// Serves the cluster no longer.
    pub(super) fn switch_off(&mut self) {
        self.wants_attachment = false;
        if self.attached.take().is_some() {
            if self.shows_attached() {
                self.overlay = None;
            }
            self.say(self.word(Word::SaidDetached));
        }
    }

    /// Serves what attached clients ask, within the loop's tasks. Answers whether the screen may look otherwise.
    pub fn attend(&mut self) -> bool {
        if !self.in_sandbox() {
            let served = self.attached.is_some();
            self.switch_off();
            return served;
        }
        let Some(play) = &self.play else { return false };
        let client = play.session.client();
        if std::mem::take(&mut self.wants_attachment) {
            match attach_beside(client) {
                Ok(server) => {
                    let (seen, count, mark) = (VecDeque::new(), 0, client.mark());
                    self.attached = Some(Attachment { server, seen, count, mark });
                    self.overlay = Some(Overlay::Attached { scroll: 0 });
                }
                Err(why) => self.say(format!("{why:#}")),
            }
            return true;
        }
        let changed = self.attached.as_mut().is_some_and(|a| a.turn(client));
        if changed {
            self.mark_stale();
        }
        changed
    }
}
